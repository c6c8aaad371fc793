"""The bundle's steps for one case, one after the other: preprocessing, and the inferer with a network."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from monai.data.utils import list_data_collate

from monai_attn.bundle import Parts
from monai_attn.inferers.maps import Inference
from monai_attn.volume import Volume

__all__ = ["inferred", "prepared"]


def prepared(parts: Parts, images: Mapping[str, list[Volume]]) -> dict[str, Any]:
    """The case after the bundle's preprocessing; the channels of one image are joined before that.

    What the bundle asks for besides images, such as a label prompt, is added.
    """
    if parts.joined:
        images = {parts.image_key: [volume for volumes in images.values() for volume in volumes]}
    case = {name: volumes if len(volumes) > 1 else volumes[0] for name, volumes in images.items()}
    return parts.preprocessing({**deepcopy(dict(parts.prompts)), **case})


def inferred(
    parts: Parts, images: Mapping[str, list[Volume]], network: torch.nn.Module, inferer: Inference, device: str
) -> dict[str, Any]:
    """The batch of one case with the inferer's prediction at "pred"."""
    batch = list_data_collate([prepared(parts, images)])
    image = batch[parts.image_key].to(device)
    autocast = torch.autocast("cuda", enabled=parts.amp and image.device.type == "cuda")
    with torch.no_grad(), autocast:
        prediction = inferer(image, network)
    return {**batch, parts.image_key: image, "pred": prediction}
