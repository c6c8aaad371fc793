"""The few numbers by which images and structures are compared with those of the training: size, values, pieces.

`monai_attn.preflight.training_data` computes these numbers for the training, `check_images` and `check_mask` for a
new case: both sides are measured by the same code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monai_attn.labels import LabelTable
from monai_attn.measure.blocks import label_array, label_blocks
from monai_attn.measure.components import components
from monai_attn.preflight.made_for import VALUES
from monai_attn.volume import Volume

__all__ = ["StructureFigures", "size_mm", "structure_figures", "values_of"]

SAMPLE = 2_000_000
"""Percentiles of a larger image are those of about so many of its voxels, evenly spaced: exact to 0.1 percent."""

PATIENT_AXIS = {"L": 0, "R": 0, "P": 1, "A": 1, "I": 2, "S": 2}
"""The patient axis of each direction: 0 right-left, 1 anterior-posterior, 2 superior-inferior."""


@dataclass(frozen=True)
class StructureFigures:
    """One structure of a label map; see `StructureRange` for the meaning of the numbers.

    `volume_ml` is voxels times the voxel volume; `largest_piece` and `border` are shares from 0 to 1.
    """

    volume_ml: float
    largest_piece: float
    border: float


def size_mm(image: Volume) -> tuple[float, float, float]:
    """The edge lengths of the image along right-left, anterior-posterior and superior-inferior.

    Each voxel axis counts for the patient axis that it is closest to, so that a tilted grid is not larger.

    An edge is the number of voxels times their spacing, from outer side to outer side.

    >>> size_mm(Volume(np.zeros((10, 20, 30)), np.diag([-1.0, 1.0, 2.0, 1.0])))
    (10.0, 20.0, 60.0)
    """
    edges = {
        PATIENT_AXIS[letter]: voxels * spacing
        for letter, voxels, spacing in zip(image.orientation, image.shape, image.spacing_mm, strict=True)
    }
    return edges[0], edges[1], edges[2]


def values_of(image: Volume) -> dict[str, float]:
    """The percentiles "p1", "p50" and "p99" of the finite grey values; empty when no value is finite.

    The percentiles have the unit of the image. A large image is sampled at every n-th voxel along each axis.

    >>> values_of(Volume(np.full((2, 2, 2), 7.0), np.eye(4)))
    {'p1': 7.0, 'p50': 7.0, 'p99': 7.0}
    >>> values_of(Volume(np.full((2, 2, 2), np.nan), np.eye(4)))
    {}
    """
    step = max(1, round((image.array.size / SAMPLE) ** (1 / 3)))
    sample = np.asarray(image.array[::step, ::step, ::step], dtype=np.float64)
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return {}
    found = np.percentile(sample, [float(name[1:]) for name in VALUES])
    return {name: float(value) for name, value in zip(VALUES, found, strict=True)}


def structure_figures(labels: Volume, table: LabelTable) -> dict[int, StructureFigures]:
    """Volume, share of the largest piece and share of border voxels of each structure that has a voxel, by value.

    Pieces are connected by faces, edges or corners (26 neighbours).

    Border voxels lie in the outermost layer of the label map, on any of its six sides. An empty label map gives {}.

    >>> labels = np.zeros((4, 4, 4), np.uint8)
    >>> labels[1:3, 1:3, 1:3] = 1
    >>> structure_figures(Volume(labels, np.eye(4)), LabelTable.of_names({1: "lesion"}))[1]
    StructureFigures(volume_ml=0.008, largest_piece=1.0, border=0.0)
    """
    array = label_array(labels)
    figures = {}
    for value, block in label_blocks(array, table).items():
        if block is None:
            continue
        part = array[block]
        voxels = int(np.count_nonzero(part == value))
        pieces = components(part, value)
        border = voxels - int(np.count_nonzero(array[1:-1, 1:-1, 1:-1][_inside(block)] == value))
        largest = int(np.count_nonzero(pieces[0][1]))
        figures[value] = StructureFigures(voxels * labels.voxel_ml, largest / voxels, border / voxels)
    return figures


def _inside(block: tuple[slice, slice, slice]) -> tuple[slice, slice, slice]:
    """The block in an array whose outermost layer was taken away."""
    i, j, k = (slice(max(part.start - 1, 0), max(part.stop - 1, 0)) for part in block)
    return i, j, k
