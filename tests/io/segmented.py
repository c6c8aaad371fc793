"""Series with labels on them, and where those labels lie in the patient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from dicom_maker import series
from phantoms import affine_of
from pydicom.uid import generate_uid

from monai_attn.io import read
from monai_attn.labels import Code, Label, LabelTable
from monai_attn.volume import Volume

BY = {"algorithm": "AttnUNet hippocampus", "algorithm_version": "0.1.0"}

SIDES = {"right": (0, 1), "left": (0, -1), "front": (1, 1), "back": (1, -1), "head": (2, 1), "feet": (2, -1)}
"""The patient axis (RAS+) and the side on it."""

TABLE = LabelTable(
    (
        Label(2, "right", "#ff0000", Code("10200004", "SCT", "Liver")),
        Label(3, "left", "#00ff00", Code("78961009", "SCT", "Spleen")),
        Label(5, "front", "#0000ff"),
        Label(7, "back", "#ffff00", Code("4147007", "SCT", "Mass")),
        Label(11, "head", "#12ab9f"),
        Label(300, "feet", "#808080"),
    )
)

VIEWS = {
    # Where I, J and K point in RAS+; the slices are then stored in an order of their own.
    "axial": np.array([[-1, 0, 0], [0, -1, 0], [0, 0, 1]]).T,
    "axial from head to feet": np.array([[-1, 0, 0], [0, -1, 0], [0, 0, -1]]).T,
    "prone axial": np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]]).T,
    "sagittal": np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]]).T,
    "coronal": np.array([[-1, 0, 0], [0, 0, -1], [0, 1, 0]]).T,
}
TILTS = {"straight": (0, 0, 0), "oblique": (17, -12, 23)}


def six_sided(axes: np.ndarray, tilt=(0, 0, 0)) -> Volume:
    """Labels of `TABLE` 10 mm off the origin of the patient on their sides; the grid is uneven and off centre."""
    shape, spacing_mm = (27, 21, 17), (1.3, 1.7, 2.1)
    affine = affine_of(axes, spacing_mm=spacing_mm, tilt=tilt)
    middle = affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    affine[:3, 3] = -middle + (0.4, -0.7, 0.3)
    grid = Volume(np.zeros(shape, np.int16), affine)
    places = grid.to_world(np.indices(shape).reshape(3, -1).T).reshape(*shape, 3)
    array = np.zeros(shape, np.int16)
    for label in TABLE:
        axis, sign = SIDES[label.name]
        centre = np.zeros(3)
        centre[axis] = 10 * sign
        # Blobs of different sizes, so that no two can stand for one another.
        array[np.linalg.norm(places - centre, axis=-1) < 3 + label.value % 4 * 0.4] = label.value
    return Volume(array, affine)


def with_labels(folder: Path, made: Volume, **tags) -> Volume:
    """A series on the grid of `made`, whose pixels are its labels; and the labels as they are read from it."""
    tags = {"StudyInstanceUID": generate_uid(), "SliceThickness": 2, **tags}
    series(folder, made, **tags)
    back = read(folder)
    return back.with_array(back.array.astype(np.int16))
