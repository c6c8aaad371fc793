"""Where the structures of a prediction lie: a region is moved by that, in both ways in (`preflight.centring`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from monai_attn.measure.components import components

__all__ = ["MaskCentroid", "mask_centroid_mm"]


def mask_centroid_mm(prediction: Tensor, image: Any) -> NDArray[np.float64] | None:
    """The centroid `(3,)` in mm (RAS+) of the largest piece of all structures; None for an empty mask.

    `prediction` are logits `(C, I, J, K)` on the grid of `image`, or a label map `(1, I, J, K)`, which may have an
    affine of its own. `image` is what the network was given, with its affine to mm.
    """
    labels = prediction.argmax(dim=0) if prediction.is_floating_point() else prediction[0]
    mask = (labels > 0).cpu().as_subclass(Tensor).numpy().astype(np.uint8)
    if not mask.any():
        return None
    grid = prediction if not prediction.is_floating_point() and hasattr(prediction, "affine") else image
    block, piece = components(mask, 1)[0]
    index = np.argwhere(piece).mean(axis=0) + [part.start for part in block]
    affine = np.asarray(torch.as_tensor(grid.affine).cpu(), np.float64)
    return np.asarray(affine[:3, :3] @ index + affine[:3, 3], dtype=np.float64)


class MaskCentroid:
    """Where a network sees its structures in one prepared case, for `CheckedImages` of `monai.bundle run`.

    A config names it as `centroid` of `monai_attn.preflight.CheckedImages`, with `network` and `inferer` of the
    evaluator. The network must have its weights when the first case is asked for, as after a `CheckpointLoader` among
    the handlers. Keep `num_workers` at 0 on a GPU.

    A call gives the centroid `(3,)` in mm (RAS+), None for an empty mask.
    """

    def __init__(
        self, network: nn.Module, inferer: Callable[..., Any], *, key: str = "image", device: Any = "cpu"
    ) -> None:
        self.network = network
        self.inferer = inferer
        self.key = key
        self.device = device

    @torch.no_grad()
    def __call__(self, case: Mapping[str, Any]) -> NDArray[np.float64] | None:
        """The centroid in a case as the preprocessing leaves it."""
        image, was_training = case[self.key], self.network.training
        self.network.eval()
        try:
            prediction = self.inferer(image[None].to(self.device), self.network)
        finally:
            self.network.train(was_training)
        return mask_centroid_mm(prediction[0], image)
