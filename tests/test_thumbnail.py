"""The small pictures of images and label maps: where the patient's sides are, colours, odd images."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from monai_attn import LabelTable, Segmentation, Volume
from monai_attn.thumbnail import GAP, OUTLINED, PIXELS, image_thumbnail, label_thumbnail, outline_thumbnail

RED = (1.0, 0.0, 0.0)


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


@pytest.mark.parametrize("flips", [(), (0,), (1, 2), (0, 1, 2)])
def test_the_patients_right_is_on_the_left_and_anterior_is_up_however_the_axes_run(flips: tuple[int, ...]) -> None:
    array = np.zeros((20, 20, 20), np.uint8)
    array[15:, 15:, 5:15] = 1  # right, anterior: in RAS+ the high indices
    affine = np.eye(4)
    for axis in flips:
        array = np.flip(array, axis)
        affine[axis] = [-x for x in affine[axis]]
        affine[axis, 3] = 19
    picture = pixels(label_thumbnail(array, affine, {1: RED}))
    axial = picture[:PIXELS, :PIXELS, 0] > 0
    rows, columns = np.nonzero(axial)
    assert rows.max() < PIXELS / 2
    assert columns.max() < PIXELS / 2


def test_pixels_are_square_in_millimetres() -> None:
    affine = np.diag([1.0, 1.0, 4.0, 1.0])
    picture = pixels(image_thumbnail(np.random.default_rng(0).normal(size=(40, 40, 5)), affine))
    assert picture.shape == (PIXELS, 3 * PIXELS + 2 * GAP, 3)
    coronal = picture[:, PIXELS + GAP : 2 * PIXELS + GAP]
    assert np.count_nonzero(coronal.any(axis=(1, 2))) == PIXELS // 2  # 20 of 40 mm


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_an_image_without_contrast_or_without_finite_values_is_drawn(value: float) -> None:
    assert pixels(image_thumbnail(np.full((4, 5, 6), value), np.eye(4))).ndim == 3


def test_ct_is_drawn_in_a_soft_tissue_window() -> None:
    array = np.array([-160.0, 40.0, 240.0])[:, None, None] * np.ones((3, 3, 3))
    axial = pixels(image_thumbnail(array, np.eye(4), "HU"))[64, :PIXELS, 0]
    assert [int(axial[x]) for x in (10, 64, 118)] == [255, 127, 0]


def test_a_volume_and_a_segmentation_say_what_they_are() -> None:
    array = np.zeros((10, 20, 30), np.uint8)
    array[:5, :10, :20] = 2
    volume = Volume(array, np.diag([1.0, 1.0, 2.0, 1.0]), modality="SEG")
    assert repr(volume) == "Volume(10 x 20 x 30 voxels of 1 x 1 x 2 mm, RAS, SEG)"
    segmentation = Segmentation(volume, LabelTable.of_names({1: "a", 2: "b <&>"}), {"warnings": ["odd <size>"]})
    said = "Segmentation(10 x 20 x 30 voxels of 1 x 1 x 2 mm, RAS, SEG; 1 a: 0 ml; 2 b <&>: 2 ml)"
    assert repr(segmentation) == said
    page = segmentation._repr_html_()
    assert "b &lt;&amp;&gt;" in page
    assert "2.000 ml" in page
    assert "odd &lt;size&gt;" in page
    assert "not a medical device" in page
    assert pixels(volume._repr_png_()).shape[2] == 3


def test_outlines_lie_at_the_edge_of_the_labels_and_leave_the_grey_values_inside() -> None:
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[5:15, 5:15, 5:15] = 1
    grey = np.full(labels.shape, 1.0)
    grey[:10] = 0.0
    picture = pixels(outline_thumbnail(grey, labels, np.eye(4), {1: RED}))
    assert picture.shape == (OUTLINED, 3 * OUTLINED + 2 * GAP, 3)
    axial = picture[:, :OUTLINED]
    red = (axial == (255, 0, 0)).all(axis=2)
    rows, columns = np.nonzero(red)
    edge = OUTLINED // 20
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5 * edge, 15 * edge - 1, 5 * edge, 15 * edge - 1)
    assert not red[6 * edge : 14 * edge, 6 * edge : 14 * edge].any()
    assert np.count_nonzero(red) == 4 * 10 * edge - 4  # one pixel wide


def test_without_a_label_the_middle_planes_are_shown() -> None:
    grey = np.random.default_rng(0).normal(size=(12, 12, 12))
    shown = pixels(outline_thumbnail(grey, np.zeros(grey.shape, np.uint8), np.eye(4), {1: RED}))
    assert len(np.unique(shown)) > 20
