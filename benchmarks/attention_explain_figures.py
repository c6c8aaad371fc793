"""The figures of an attention map, each a pure function of arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor, from_numpy

Map = NDArray[np.floating]

FRACTIONS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
"""The shares of the voxels that are taken away or given back."""

BLUR = 4.0
"""Standard deviation in voxels of the image that insertion begins with."""


def share_inside(found: Map, inside: NDArray[np.bool_]) -> float:
    """The share of the map's sum that lies inside the structure; a map that is the same everywhere has its volume.

    >>> share_inside(np.ones((2, 2, 2)), np.arange(8).reshape(2, 2, 2) < 2)
    0.25
    """
    return float(found[inside].sum() / found.sum())


def entropy(found: Map) -> float:
    """Shannon's entropy of the map over voxels as a share of the largest: 1 is the same everywhere, 0 one voxel.

    >>> entropy(np.ones((2, 2, 2))), entropy(np.eye(1, 8))
    (1.0, 0.0)
    """
    shares = (found / found.sum()).ravel()
    shares = shares[shares > 0]
    return abs(float(-(shares * np.log(shares)).sum() / np.log(found.size)))


def agreement(one: Map, other: Map) -> float:
    """Pearson's correlation of two maps over voxels; nan where one is the same everywhere.

    >>> agreement(np.arange(4.0), 3 - np.arange(4.0))
    -1.0
    """
    if min(float(np.ptp(one)), float(np.ptp(other))) < 1e-6:
        return float("nan")
    return round(float(np.corrcoef(one.ravel(), other.ravel())[0, 1]), 6)


def order_of(found: Map, generator: np.random.Generator) -> NDArray[np.int64]:
    """The voxels by their value in a map, largest first; equal ones in random order.

    >>> order_of(np.array([0.1, 0.9, 0.5]), np.random.default_rng(0)).tolist()
    [1, 2, 0]
    """
    return np.lexsort((generator.random(found.size), -found.ravel()))


def changed(x: Tensor, order: NDArray[np.int64], fraction: float, figure: str) -> Tensor:
    """The image `(1, C, I, J, K)` after the first voxels of an order were taken away or given back.

    "deletion" puts the mean of each channel in their place. "insertion" begins with the blurred image, and puts them
    back as they are. So both end where the other begins, but for what stands for nothing (Petsiuk et al. 2018, arXiv
    1806.07421).
    """
    image = x[0].numpy().copy()  # (C, I, J, K)
    flat = image.reshape(len(image), -1)
    first = order[: round(fraction * len(order))]
    if figure == "deletion":
        flat[:, first] = flat.mean(axis=1, keepdims=True)
        return from_numpy(flat.reshape(image.shape))[None]
    blurred = np.stack([gaussian_filter(one, BLUR) for one in image]).reshape(flat.shape)
    blurred[:, first] = flat[:, first]
    return from_numpy(blurred.reshape(image.shape))[None]
