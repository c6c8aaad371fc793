"""Regions that may overlap, or classes, each a channel of zeros and ones, as one label map that loses nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from monai_attn.labels import LabelTable

__all__ = ["MOST", "channels_apart", "is_one_hot", "joined_regions", "one_map"]

MOST = 8
"""At most so many regions are joined: each set of regions needs a value of its own."""


def one_map(prediction: Any, table: LabelTable, channels: Mapping[str, str]) -> tuple[Any, LabelTable]:
    """A bundle's output with regions that overlap joined to one label map, and its names; another output as it is.

    `channels` are the names of the regions by number; a region without a name is "region 1", counted from 1. Classes
    that were taken apart (`to_onehot`) become the label map again, with the names of the `table`.
    """
    if getattr(prediction, "ndim", 0) != 4 or len(prediction) == 1:
        return prediction, table
    values = np.asarray(prediction.cpu())
    if is_one_hot(values, background=channels.get("0", "").lower() == "background"):
        labels = values.argmax(axis=0)
    elif channels_apart(values):
        names = [channels.get(str(number), f"region {number + 1}") for number in range(len(values))]
        labels, table = joined_regions(values, names)
    else:
        return prediction, table
    return torch.as_tensor(labels[None]) + prediction[:1] * 0, table  # with the place of the prediction


def is_one_hot(values: NDArray[Any], *, background: bool = False) -> bool:
    """Whether an output `(C, I, J, K)` is a label map that was taken apart into a channel of zeros and ones per class.

    Each voxel has one class then. Where the first channel is the `background` a voxel may have none, as outside of a
    crop.

    >>> is_one_hot(np.array([[[[1, 0]]], [[[0, 1]]]])), is_one_hot(np.array([[[[1, 0]]], [[[0, 0]]]]))
    (True, False)
    """
    if not np.all((values == 0) | (values == 1)):
        return False
    classes = np.count_nonzero(values, axis=0)
    return bool(np.all(classes <= 1) if background else np.all(classes == 1))


def channels_apart(values: NDArray[Any]) -> bool:
    """Whether an output `(C, I, J, K)` holds several masks of zeros and ones, and not the classes of an argmax.

    >>> channels_apart(np.array([[[[1.0]]], [[[1.0]]]])), channels_apart(np.array([[[[0.3]]], [[[0.7]]]]))
    (True, False)
    """
    if values.ndim != 4 or not 1 < values.shape[0] <= MOST:
        return False
    return bool(np.all((values == 0) | (values == 1)))


def joined_regions(values: NDArray[Any], names: Sequence[str]) -> tuple[NDArray[np.uint8], LabelTable]:
    """A label map `(I, J, K)` with a value for each set of regions that occurs, and the names of these sets.

    Region c counts 2^c, so the value 3 is "first and second". A set of one region bears the region's name. The regions
    that never occur alone are in the table all the same.

    >>> labels, table = joined_regions(np.array([[[[1, 1]]], [[[0, 1]]]]), ["whole tumour", "core"])
    >>> labels.tolist(), [label.name for label in table]
    ([[[1, 3]]], ['whole tumour', 'core', 'whole tumour and core'])
    """
    weights = np.array([2**channel for channel in range(len(values))], np.uint8)
    labels = np.tensordot(weights, values.astype(np.uint8), axes=1).astype(np.uint8)
    found = {int(value) for value in np.unique(labels)} | {int(weight) for weight in weights}
    sets = {value: [name for channel, name in enumerate(names) if value >> channel & 1] for value in found if value}
    return labels, LabelTable.of_names({value: " and ".join(parts) for value, parts in sorted(sets.items())})
