"""An inferer that leaves maps besides its prediction: attention, probabilities, uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from numpy.typing import NDArray

from monai_attn.bundle import Parts
from monai_attn.inferers.maps import Inference, infer_with_maps
from monai_attn.labels import LabelTable, pairs_of
from monai_attn.transforms.on_source import classes_exclude, maps_on_source

__all__ = ["with_maps"]


def with_maps(
    inferer: Inference, parts: Parts, maps: Sequence[str], shown: dict[str, NDArray[np.generic]]
) -> Inference:
    """The inferer of a bundle, which leaves maps on the grid of the source image in `shown`, by name.

    `maps` are names as in `monai_attn.inferers.maps.infer_with_maps`. The prediction is that of `inferer`. Raises
    `BundleError` where the preprocessing loses where the image lies.
    """

    def infer(image: torch.Tensor, network: torch.nn.Module) -> Any:
        exclusive = classes_exclude(parts.postprocessing)
        pairs = _pairs(parts.table, image) if exclusive else ()
        source = parts.network
        prediction, found = infer_with_maps(
            inferer, network, image, maps, source=source, exclusive=exclusive, pairs=pairs
        )
        values = torch.cat(list(found.values()), dim=1)[0]
        shown.update(zip(found, maps_on_source(values, image), strict=True))
        return prediction

    return infer


def _pairs(table: LabelTable, image: torch.Tensor) -> tuple[tuple[int, int], ...]:
    """The classes that a mirror image along the first axis exchanges: those of left and right, where it runs so."""
    affine = np.asarray(image.affine).reshape(-1, 4, 4)[0] if isinstance(image, MetaTensor) else np.eye(4)
    sideways = int(np.abs(affine[:3, 0]).argmax()) == 0
    return pairs_of(table) if sideways else ()
