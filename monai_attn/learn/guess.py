"""A guess that looks at no image: an ellipsoid of the usual size at the usual place of each structure.

Scans of one kind show a structure at about the same place. What this guess scores is not the network's merit, so the
model card gives both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monai_attn.cases.labelled import LabelledCase
from monai_attn.labels import LabelTable
from monai_attn.measure.blocks import Block, find_blocks, label_array
from monai_attn.preflight.figures import PATIENT_AXIS
from monai_attn.volume import Volume

__all__ = ["Place", "guess_labels", "usual_places"]

MOST_CASES = 40
"""Masks that are read for the usual places, evenly spaced over the training cases."""

POSITIVE = "RAS"
"""The letters of voxel axes that run with the patient axes; the others run against them."""


@dataclass(frozen=True)
class Place:
    """Where a structure usually lies, along R, A and S.

    - `middle`: of the box around it, as a share of the image from its left, posterior and inferior end.
    - `size_mm`: the edges of the box around it.
    """

    middle: tuple[float, float, float]
    size_mm: tuple[float, float, float]


def usual_places(cases: Iterable[LabelledCase], table: LabelTable) -> dict[int, Place]:
    """The mean place of each structure by label value, over the masks of at most 40 cases.

    Structures that are cut by the end of a scan, or were not drawn, are left out; one that is never there has no place.
    Raises what reading a mask raises.
    """
    found: dict[int, list[NDArray[np.float64]]] = {}
    listed = list(cases)
    for case in listed[:: max(-(-len(listed) // MOST_CASES), 1)]:
        labels = case.label.read()
        scored = set(case.scored(table))
        for value, block in find_blocks(label_array(labels)).items():
            if value in scored:
                found.setdefault(value, []).append(_place(labels, block))
    means = {value: np.mean(places, axis=0) for value, places in found.items()}
    return {value: Place(_three(mean[0]), _three(mean[1])) for value, mean in sorted(means.items())}


def guess_labels(like: Volume, places: Mapping[int, Place]) -> Volume:
    """A label map with an ellipsoid at each place, on the grid of a volume, whose voxels are not looked at.

    Where two ellipsoids meet, a voxel belongs to the one whose surface is farther away. No places: an empty map.
    """
    nearest = np.ones(like.shape, np.float64)
    array = np.zeros(like.shape, np.uint16)
    for value, place in places.items():
        distance = np.zeros((1, 1, 1))
        for axis, letter in enumerate(like.orientation):
            patient = PATIENT_AXIS[letter]
            count, step = like.shape[axis], like.spacing_mm[axis]
            share = place.middle[patient] if letter in POSITIVE else 1 - place.middle[patient]
            across = ((np.arange(count) + 0.5) - share * count) * step / (place.size_mm[patient] / 2)
            distance = distance + (across**2).reshape([-1 if one == axis else 1 for one in range(3)])
        closer = distance < nearest
        array[closer] = value
        nearest[closer] = distance[closer]
    return like.with_array(array)


def _place(labels: Volume, block: Block) -> NDArray[np.float64]:
    """Middle as a share of the image, and size in mm, of the box around a structure, `(2, 3)` along R, A, S."""
    place = np.zeros((2, 3))
    for axis, letter in enumerate(labels.orientation):
        patient, part = PATIENT_AXIS[letter], block[axis]
        share = (part.start + part.stop) / 2 / labels.shape[axis]
        place[0, patient] = share if letter in POSITIVE else 1 - share
        place[1, patient] = (part.stop - part.start) * labels.spacing_mm[axis]
    return place


def _three(numbers: NDArray[np.float64]) -> tuple[float, float, float]:
    r, a, s = (float(number) for number in numbers)
    return r, a, s
