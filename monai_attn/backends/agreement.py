"""Whether the difference of two outputs of a network is rounding, or rubbish.

Rounding is small beside what an output tells: its error is a few percent of the spread of each channel over the
voxels. It turns the label of a voxel only where two classes are nearly tied. However few voxels a class has, and
however undecided a network is, such labels are not wrong: either class is as good. A fault is larger. It reaches the
size of the spread, in a whole channel or in a region of it, and it turns labels where one class is clearly ahead.

The limits stand between both, and were set on measurements: docs/backends.md has the table.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from monai_attn.backends.outputs import flatten

__all__ = ["ROUNDING", "differing", "disagreement", "is_finite", "shows_a_class"]

ROUNDING = {"f32": 0.001, "f16": 0.02, "bf16": 0.08, "int8": 0.25}
"""The largest root mean square error of a channel that rounding explains, as a share of the spread of the channel."""

STEP = {"f32": 2.0**-20, "f16": 2.0**-10, "bf16": 2.0**-7, "int8": 2.0**-6}
"""Besides, the error that rounding of the output itself explains, as a share of its size: for flat channels."""

TINY = 1e-12
"""Of an output that is 0 everywhere."""

FAR = 4.0
"""A single voxel may be off by so many times what a channel may be off on average."""

FEW = 0.001
"""The share of voxels that may be further off."""

TIES = 10
"""So many voxels are never counted, for windows that show a corner of a structure."""

SHOWN_VOXELS = 100
"""Voxels that a class must have in a window, and must leave to others, for the window to show the class."""


def disagreement(expected: Tensor, given: Tensor, precision: str, *, regions: bool = False) -> str:
    """Why the difference of two outputs `(classes, *spatial)` is more than rounding, in one sentence; "" if it is not.

    `expected` is that of PyTorch in float32, and `given` was computed in `precision`. For classes that exclude one
    another, what is added to all channels of a voxel does not count. With one channel, and with `regions` that may
    overlap, each channel stands by itself.

    Refused are another shape, and a channel whose error is larger than `ROUNDING` allows. Refused is also a region:
    more than `FEW` of the voxels that are further off than `FAR` times that. So are more than `TIES` voxels with
    another label although one class is clearly ahead. Labels of nearly tied voxels may differ; `differing` counts them.

    >>> clear = torch.linspace(-1, 1, 1000).reshape(1, 10, 10, 10)
    >>> disagreement(clear, clear + 0.001, "bf16"), disagreement(clear, -clear, "bf16") == ""
    ('', False)
    """
    if expected.shape != given.shape:
        return f"it gives {tuple(given.shape)}, torch f32 {tuple(expected.shape)}."
    given, apart = given.to(expected), regions or len(expected) == 1
    common, added = (0.0, 0.0) if apart else (expected.mean(0), given.mean(0))
    far, most = torch.zeros(expected.shape[1:], dtype=torch.bool, device=expected.device), 0.0
    for channel, (right, other) in enumerate(zip(expected, given, strict=True)):  # one by one: there may be a hundred
        own = right - common
        error = (other - added).sub_(own)
        limit = ROUNDING[precision] * float(own.std(correction=0)) + STEP[precision] * _rms(right) + TINY
        if not _rms(error) <= limit:
            times = _rms(error) / limit
            return (
                f"its values differ from those of torch f32 by {times:.3g} times what rounding explains "
                f"(channel {channel})."
            )
        far |= error.abs_() > FAR * limit
        most = max(most, limit)
    voxels, off = far.numel(), int(far.sum())
    if off > TIES + FEW * voxels:
        share = 100 * off / voxels
        return f"its values differ from those of torch f32 by more than rounding in {share:.2g} % of a window."
    clear = int((_behind(expected, given, apart) > 2 * FAR * most).sum())
    if clear > TIES:
        return f"its labels differ from those of torch f32 in {clear} voxels where one class is clearly ahead."
    return ""


def differing(expected: Tensor, given: Tensor, *, regions: bool = False) -> int:
    """The number of voxels whose label differs between two outputs `(classes, *spatial)`.

    >>> differing(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.tensor([[0.0, 0.0], [1.0, 0.1]]))
    1
    """
    return len(_behind(expected, given.to(expected), regions or len(expected) == 1))


def _behind(expected: Tensor, given: Tensor, apart: bool) -> Tensor:
    """For each voxel whose label differs, by how much the label of `given` is behind in `expected`, `(voxels,)`."""
    if apart:
        turned = (expected > 0) != (given > 0)
        return (expected.abs() * turned).amax(0)[turned.any(0)]
    labels = given.argmax(0)
    turned = labels != expected.argmax(0)
    values = expected[:, turned]
    return values.amax(0) - values.gather(0, labels[turned][None])[0]


def _rms(values: Tensor) -> float:
    """The root mean square of the values."""
    return float(values.square().mean().sqrt())


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
