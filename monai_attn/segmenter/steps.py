"""The bundle's steps for one case, one after the other: preprocessing, and the inferer with a network."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from monai.data.utils import decollate_batch, list_data_collate
from numpy.typing import NDArray

from monai_attn.bundle import Parts
from monai_attn.inferers.maps import Inference
from monai_attn.transforms.centroid import mask_centroid_mm
from monai_attn.volume import Volume

__all__ = ["inferred", "prepared", "seen_centroid_mm"]


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


def seen_centroid_mm(
    parts: Parts, images: Mapping[str, list[Volume]], network: torch.nn.Module, device: str
) -> NDArray[np.float64] | None:
    """Where a network sees its structures in images, `(3,)` in mm (RAS+); None where it sees none."""
    (seen, *_) = decollate_batch(inferred(parts, images, network, parts.inferer, device))
    return mask_centroid_mm(seen["pred"], seen[parts.image_key])
