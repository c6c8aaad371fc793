"""An inferer that leaves maps besides its prediction: attention, probabilities, uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from monai_attn.bundle import Parts
from monai_attn.inferers.maps import Inference, infer_with_maps
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
        prediction, found = infer_with_maps(inferer, network, image, maps, source=parts.network, exclusive=exclusive)
        values = torch.cat(list(found.values()), dim=1)[0]
        shown.update(zip(found, maps_on_source(values, image), strict=True))
        return prediction

    return infer
