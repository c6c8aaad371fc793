"""The grid on which a network works, the window that it sees, and its levels; each with the reason, in a sentence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from monai_attn.learn.fingerprint import Fingerprint, ImageFingerprint

__all__ = ["choose_levels", "choose_spacing", "choose_window"]

Three = tuple[float, float, float]
Window = tuple[int, int, int]

IMAGE_VOXELS = {"cpu": 3_000_000, "gpu": 30_000_000}
"""Voxels of the median image on the network's grid, at most: what a sliding window gets through in seconds."""

LEAST = 2
"""Voxels across the thinnest structure that stay, even where the image has more than `IMAGE_VOXELS`."""

ENOUGH = 8
"""Voxels across the thinnest structure that stay, where fewer voxels would only make learning quicker."""

PLENTY = 20
"""Voxels across the thinnest structure that stay, where a window shows a good part of the image already.

Tumours of 65 mm in T1 had a Dice of 0.53 on the validation with voxels of 1.44 mm, 45 across, and 0.59 with 3 mm.
"""

ANISOTROPIC = 3.0
"""From this ratio of voxel edges on, the long edge is that of the finest tenth of the cases."""

FINEST = 4
"""Voxels along each axis of the deepest level, at least."""


def choose_spacing(
    fingerprint: Fingerprint, kind: str, wanted_voxels: tuple[float, float] = (math.inf, math.inf)
) -> tuple[Three, str]:
    """The voxel edges of the network's grid in mm along R, A and S, for a "cpu" or a "gpu".

    It is the median spacing of the reference image, or coarser, so that the median image has no more voxels than each
    of three limits. But so many voxels stay across the thinnest structure: `PLENTY` under the first of `wanted_voxels`,
    `ENOUGH` under the second, and `LEAST` under `IMAGE_VOXELS`.
    """
    image = fingerprint.images[0]
    spacing = np.array(image.spacing_mm)
    long = spacing > ANISOTROPIC * spacing.min()
    spacing[long] = np.maximum(np.array(image.finest_mm)[long], spacing[~long].max())
    why = "the median spacing of the training images"
    thinnest = min((one.thickness_mm for one in fingerprint.structures if one.found), default=math.inf)
    extent = np.array(image.size) * np.array(image.spacing_mm)
    wanted = spacing.copy()
    whole, part = wanted_voxels
    for voxels, across in ((whole, PLENTY), (part, ENOUGH), (IMAGE_VOXELS[kind], LEAST)):
        while np.prod(extent / wanted) > voxels:
            finest = wanted <= 1.01 * wanted.min()
            if (wanted[finest] * 1.05).max() > thinnest / across:
                break
            wanted[finest] *= 1.05
    if not np.allclose(wanted, spacing):
        why = (
            f"coarser than the median spacing of {_mm(spacing)}, so that an image has about "
            f"{np.prod(extent / wanted) / 1e6:.1f} million voxels; the thinnest structure measures {thinnest:.1f} mm"
        )
    i, j, k = (float(f"{edge:.3g}") for edge in wanted)
    return (i, j, k), f"Voxels of {_mm((i, j, k))}: {why}."


def choose_window(image: ImageFingerprint, spacing: Three, voxels: int, multiple: Sequence[int]) -> tuple[Window, str]:
    """The size of the window in voxels: the whole image where it has at most so many `voxels`, else a part of it.

    Each edge is a multiple of `multiple`. The longest edges are shortened first.
    """
    ratio = np.array(image.spacing_mm) / np.array(spacing)
    step = np.array(multiple)

    def rounded(size: Sequence[float]) -> NDArray[np.int64]:
        return np.asarray(np.maximum(np.ceil(np.array(size) * ratio / step - 0.2), 1) * step, dtype=np.int64)

    for size, words in ((image.largest, "the largest training image"), (image.size, "the median training image")):
        window = rounded(size)
        if window.prod() <= voxels:
            return _three(window), f"A window of {_size(window)} voxels, which shows {words} as a whole."
    while window.prod() > voxels:
        longest = np.where(window > step, window * np.array(spacing), 0.0)
        if not longest.any():
            break
        window[int(longest.argmax())] -= step[int(longest.argmax())]
    mm = window * np.array(spacing)
    return _three(window), (
        f"A window of {_size(window)} voxels ({' x '.join(f'{edge:.0f}' for edge in mm)} mm), the largest that a step "
        "has time for."
    )


def choose_levels(spacing: Three, size: Sequence[float], deepest: int) -> tuple[list[list[int]], list[list[int]]]:
    """Strides between the levels of a network, and the kernel of each level, for images of `size` voxels.

    An axis is halved as long as at least four voxels are left on the deepest level. An axis with longer voxels is not
    halved, and has kernels of one voxel, until the other axes are as coarse. There are at most `deepest` strides, and
    at least one.

    >>> choose_levels((1.0, 1.0, 1.0), (40, 56, 40), 3)[0]
    [[2, 2, 2], [2, 2, 2], [2, 2, 2]]
    """
    edges, left = list(spacing), [float(edge) for edge in size]
    strides: list[list[int]] = []
    kernels = [_kernel(edges)]
    while len(strides) < deepest:
        stride = [2 if left[axis] >= 2 * FINEST and edges[axis] < 1.8 * min(edges) else 1 for axis in range(3)]
        if max(stride) == 1:
            break
        edges = [edge * step for edge, step in zip(edges, stride, strict=True)]
        left = [edge / step for edge, step in zip(left, stride, strict=True)]
        strides.append(stride)
        kernels.append(_kernel(edges))
    if not strides:
        return [[1, 1, 1]], [[3, 3, 3], [3, 3, 3]]
    return strides, kernels


def _kernel(edges: Sequence[float]) -> list[int]:
    return [1 if edge > 2 * min(edges) else 3 for edge in edges]


def _mm(spacing: Iterable[float]) -> str:
    return " x ".join(f"{edge:.3g}" for edge in spacing) + " mm"


def _size(window: Iterable[int]) -> str:
    return " x ".join(str(int(edge)) for edge in window)


def _three(window: Iterable[int]) -> Window:
    i, j, k = (int(edge) for edge in window)
    return i, j, k
