"""Whether two outputs of a network give the same labels."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from monai_attn.backends.outputs import flatten

__all__ = ["LEAST_DICE", "disagreement", "is_finite", "shows_a_class"]

LEAST_DICE = {"f32": 0.999, "bf16": 0.99, "f16": 0.99, "int8": 0.98}
"""How well each class of one window must agree. Averaged over overlapping windows labels agree better than in one."""

TIES = 10
"""Voxels of a class that may differ besides, for structures of which a window shows a corner only."""

SHOWN_VOXELS = 10 * TIES
"""Voxels that a class must have in a window, and must leave to others, for the window to show the class."""


def disagreement(expected: Tensor, given: Tensor, least_dice: float, *, regions: bool = False) -> str:
    """How the labels of two outputs `(classes, *spatial)` differ, in one sentence; "" when every class agrees.

    A class agrees when its Dice is at least `least_dice`; up to `TIES` voxels more may differ. A voxel's label is the
    class of its largest value. With one channel, and with `regions` that may overlap, each channel is compared by
    itself: a voxel belongs to the channel where its value is positive. A class that is in neither output agrees.
    """
    if expected.shape != given.shape:
        return f"it gives {tuple(given.shape)}, torch f32 {tuple(expected.shape)}."
    masks, others = _masks(expected, regions), _masks(given.to(expected.device), regions)
    for label, (mask, other) in enumerate(zip(masks, others, strict=True)):
        voxels = int(mask.sum() + other.sum())
        differing = int((mask != other).sum())
        if differing > TIES + (1 - least_dice) * voxels:
            dice = 1 - differing / voxels
            return f"its labels differ from those of torch f32 (channel {label}: Dice {dice:.3f} in one window)."
    return ""


def shows_a_class(logits: Tensor, regions: bool) -> bool:
    """Whether one class has at least `SHOWN_VOXELS` voxels of an output `(classes, *spatial)`, and lacks as many."""
    return any(SHOWN_VOXELS <= int(mask.sum()) <= mask.numel() - SHOWN_VOXELS for mask in _masks(logits, regions))


def is_finite(output: Any) -> bool:
    """Whether no tensor of an output has a NaN or an infinity.

    A sum is finite only if all its values are finite, and a sum is far faster. Where a sum overflows, each value is
    looked at.
    """
    return all(bool(tensor.sum().isfinite() or tensor.isfinite().all()) for tensor in flatten(output))


def _masks(logits: Tensor, regions: bool) -> list[Tensor]:
    """(classes, *spatial) to a mask for each."""
    if regions or len(logits) == 1:
        return list(logits > 0)
    labels = logits.argmax(0)
    return [labels == label for label in range(len(logits))]
