"""Balls of known volume on awkward grids, as napari layers."""

from __future__ import annotations

import numpy as np
import pytest
from phantoms import affine_of, signed_permutations

from monai_attn.labels import LabelTable
from monai_attn.napari.layers.volumes import image_layer, labels_layer
from monai_attn.volume import Volume

TABLE = LabelTable.of_names({1: "liver", 2: "liver tumour", 5: "spleen"})
SHAPE = (40, 44, 30)
SPACING_MM = (1.1, 0.9, 2.0)

BALLS = (
    # label, centre as a share of the grid, radius in mm, HU
    (1, (0.453, 0.507, 0.519), 14.0, 60.0),
    (5, (0.854, 0.803, 0.511), 4.5, 50.0),
    (2, (0.404, 0.511, 0.513), 5.0, 90.0),
    (2, (0.623, 0.509, 0.604), 4.0, 120.0),
)

AXES = {
    "RAS": signed_permutations()[0],
    "LPS": np.diag([-1.0, -1.0, 1.0]),
    "sagittal": signed_permutations()[23],
}


def ct_and_mask(axes: str = "RAS", tilt: tuple[int, int, int] = (11, -7, 19)) -> tuple[Volume, Volume]:
    """A CT with a liver, two tumours in it and a spleen, and their label map."""
    affine = affine_of(AXES[axes], spacing_mm=SPACING_MM, tilt=tilt)
    ct = np.full(SHAPE, -100.0, np.float32)
    mask = np.zeros(SHAPE, np.uint8)
    index = np.stack(np.indices(SHAPE), axis=-1)
    for value, share, radius_mm, hu in BALLS:
        apart_mm = np.linalg.norm((index - np.multiply(share, SHAPE)) * SPACING_MM, axis=-1)
        mask[apart_mm <= radius_mm] = value
        ct[apart_mm <= radius_mm] = hu
    return Volume(ct, affine, "CT", "HU"), Volume(mask, affine)


def add_case(viewer, axes: str = "RAS", tilt: tuple[int, int, int] = (11, -7, 19)):
    """Both as layers of a viewer: the CT's and the mask's."""
    ct, mask = ct_and_mask(axes, tilt)
    return add(viewer, image_layer(ct, name="CT")), add(viewer, labels_layer(mask, name="mask", table=TABLE))


def add(viewer, made):
    data, keywords, kind = made
    return getattr(viewer, f"add_{kind}")(data, **keywords)


def assert_same_rows(rows: list[dict], others: list[dict]) -> None:
    """The same measurements; a crop's affine rounds its last digit differently."""
    assert [set(row) for row in rows] == [set(row) for row in others]
    for row, other in zip(rows, others, strict=True):
        for column, value in other.items():
            expected = pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True) if isinstance(value, float) else value
            assert row[column] == expected, column
