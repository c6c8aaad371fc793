"""A mask refined by scribbles: "here" and "not here" inside a box, by a random walk on image and probability.

Grady, IEEE TPAMI 28:1768 (2006), as scikit-image implements it. Each voxel of the box asks which scribble a random
walker from there would meet first, where steps across edges of the image are unlikely. Besides the scribbles the shell
of the box holds the mask as it is, so that the change stays local and fits what is around the box.

A stroke says something new where it contradicts the mask. Strokes that only add take nothing away, and the reverse.
Else a "here" beside a structure that does not reach the shell would leave the structure to the background.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.edit.change import Block, Change, Mask, changed, widened
from monai_attn.errors import GeometryError, InputError
from monai_attn.volume import Volume, same_grid

__all__ = ["refine_by_scribbles"]

REACH_MM = 15.0
"""How far around the scribbles the mask may change."""

MOST_VOXELS = 45_000
"""Unknown voxels that are solved for; a larger box is solved on a coarser grid, so that the answer comes at once."""

SHARPNESS = 90.0
"""Weight of edges, `beta` of scikit-image: the larger, the less a walker crosses an edge."""

PROBABILITY_WEIGHT, MASK_WEIGHT = 0.5, 0.2
"""How much an edge of the network's probability counts beside an edge of the image, and one of the mask without it."""


def refine_by_scribbles(
    labels: Volume,
    value: int,
    image: Volume,
    *,
    here: Mask,
    not_here: Mask,
    probability: Volume | None = None,
    reach_mm: float = REACH_MM,
    protected: Collection[int] | None = None,
) -> tuple[Change, Change]:
    """What a label gains and loses by scribbles, as two changes: the first adds `value`, the second takes it away.

    - `labels`: the label map `(I, J, K)`; `image` lies on its grid, and so does `probability` of the structure, 0 to 1.
    - `here`, `not_here`: voxels of the structure and voxels outside of it, boolean `(I, J, K)`. Only voxels within
      `reach_mm` of the scribbles' box can change. The scribbled voxels themselves always become what was scribbled.
      Voxels are added where a voxel of `here` lies outside of the label, and taken away where one of `not_here` lies
      within.
    - `protected`: labels that are not painted over; None for all other labels.

    Raises `InputError` where nothing was scribbled, a voxel was scribbled as both, or the reach is not above 0, and
    `GeometryError` for another grid. Needs scikit-image.
    """
    for other in (image, *([probability] if probability is not None else [])):
        if not same_grid(labels, other):
            raise GeometryError(
                f"The image has the grid {other.shape} and the mask {labels.shape}. Choose an image on the mask's grid."
            )
    if here.shape != labels.shape or not_here.shape != labels.shape:
        raise GeometryError(f"The scribbles have the shape {here.shape}, the mask {labels.shape}.")
    if not (np.isfinite(reach_mm) and reach_mm > 0):
        raise InputError(f"The reach of scribbles is a number of mm above 0; this one is {reach_mm}.")
    if not (here.any() or not_here.any()):
        raise InputError("Nothing was scribbled. Paint over a part that belongs to the structure, or does not.")
    if (here & not_here).any():
        raise InputError("Some voxels were scribbled as inside and as outside. Erase one of the scribbles there.")
    block = _box(here | not_here, labels, reach_mm)
    inside = labels.array[block] == value
    wanted = _walk(
        inside,
        np.asarray(image.array[block], np.float32),
        _prior(inside, probability.array[block] if probability is not None else None),
        here[block],
        not_here[block],
    )
    array = np.asarray(labels.array[block])
    more, less = wanted & ~inside, inside & ~wanted
    more &= bool((here[block] & ~inside).any())
    less &= bool((not_here[block] & inside).any())
    return changed(block, more, array, value, protected), Change(block, less, 0)


def _box(scribbled: Mask, labels: Volume, reach_mm: float) -> Block:
    """The box around the scribbles, `reach_mm` wider on every side, as far as the image goes."""
    spans = []
    for axis in range(3):
        found = np.flatnonzero(scribbled.any(axis=tuple(other for other in range(3) if other != axis)))
        spans.append(slice(int(found[0]), int(found[-1]) + 1))
    i, j, k = (max(2, round(reach_mm / edge)) for edge in labels.spacing_mm)
    return widened((spans[0], spans[1], spans[2]), (i, j, k), labels.shape)


def _walk(inside: Mask, image: NDArray[np.float32], prior: NDArray[np.float32], here: Mask, not_here: Mask) -> Mask:
    """Which voxels of the box belong to the structure; solved on a coarser grid where the box is large."""
    from skimage.segmentation import random_walker

    step = int(np.ceil((inside.size / MOST_VOXELS) ** (1 / 3)))
    grey, border = _coarse(_scaled(image), step), _coarse(prior, step)
    shape: tuple[int, ...] = grey.shape
    seeds = np.zeros(shape, np.int32)
    was = _coarse(inside.astype(np.float32), step) >= 0.5
    seeds[_shell(shape)] = np.where(was, 1, 2)[_shell(shape)]
    seeds[_any(here, step)] = 1
    seeds[_any(not_here, step) & ~_any(here, step)] = 2
    if not np.ptp(grey) and not np.ptp(border):
        grey += np.arange(shape[0], dtype=np.float32)[:, None, None]  # all edges alike, in place of 0 / 0
    if (seeds == 1).any() and (seeds == 2).any():
        both = np.stack([grey, border], axis=-1)
        walked = random_walker(
            both, seeds, beta=SHARPNESS, mode="cg_j", tol=1e-2, channel_axis=-1, return_full_prob=True, prob_tol=1.0
        )
        share = np.asarray(walked[0], np.float32)
    else:
        share = np.full(shape, (seeds == 1).any(), np.float32)
    fine = _fine(share, step, inside.shape) >= 0.5
    return (fine | here) & ~not_here


def _shell(shape: tuple[int, ...]) -> Mask:
    """The outermost voxels of a box; an axis of one or two voxels has none."""
    shell = np.ones(shape, bool)
    shell[tuple(slice(1, -1) if edge > 2 else slice(None) for edge in shape)] = False
    return shell


def _prior(inside: Mask, probability: NDArray[np.generic] | None) -> NDArray[np.float32]:
    """What draws a border besides the image: the network's probability, else the mask as it is, weighted."""
    if probability is None:
        return np.asarray(MASK_WEIGHT * inside, np.float32)
    return np.asarray(PROBABILITY_WEIGHT * np.nan_to_num(np.asarray(probability)), np.float32)


def _scaled(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Grey values between 0 and 1, from the 2nd to the 98th percentile of the box; voxels without a number are dark."""
    known = image[np.isfinite(image)]
    low, high = np.percentile(known, (2, 98)) if known.size else (0.0, 0.0)
    finite = np.nan_to_num(image, nan=low, posinf=high, neginf=low)
    return np.asarray(np.clip((finite - low) / max(float(high - low), 1e-6), 0, 1), np.float32)


def _coarse(array: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """The mean of blocks of `step` voxels along each axis; the last blocks repeat the border."""
    return np.asarray(_blocks(array, step).mean(axis=(1, 3, 5)), np.float32)


def _any(mask: Mask, step: int) -> Mask:
    """Whether a block of `step` voxels along each axis holds a voxel of the mask."""
    return np.asarray(_blocks(mask, step).any(axis=(1, 3, 5)))


def _blocks(array: NDArray[Any], step: int) -> NDArray[Any]:
    """An array as blocks, `(I, step, J, step, K, step)`, padded by its border."""
    padded = np.pad(array, [(0, -size % step) for size in array.shape], mode="edge")
    i, j, k = (size // step for size in padded.shape)
    return padded.reshape(i, step, j, step, k, step)


def _fine(array: NDArray[np.float32], step: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Values of blocks at the voxels, by linear interpolation between the middles of the blocks."""
    if step == 1:
        return array
    from scipy.ndimage import map_coordinates

    at = np.meshgrid(*((np.arange(size) + 0.5) / step - 0.5 for size in shape), indexing="ij", sparse=False)
    return np.asarray(map_coordinates(array, at, order=1, mode="nearest"), np.float32)
