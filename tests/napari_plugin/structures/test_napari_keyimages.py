"""Pictures with a legend: nothing covered, everything named, nobody identified."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from inspected import add_case
from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtGui import QImage

from monai_attn.errors import FileError, InputError
from monai_attn.labels import LabelTable
from monai_attn.napari.layers.styles import rename, restyle
from monai_attn.napari.layers.volumes import displayed_point, go_to
from monai_attn.napari.look.legend import CanvasPicture, png_bytes, with_legend
from monai_attn.napari.look.seen import legend_of, values_seen
from monai_attn.napari.structures.inspection import Inspection
from monai_attn.napari.structures.keyimages import key_image_names, lesion_sentence, sentences_of, take_key_images

PICTURE: CanvasPicture = np.random.default_rng(3).integers(0, 255, (300, 401, 4), dtype=np.uint8) | np.uint8(
    [0, 0, 0, 255]
)


def inspect(viewer: ViewerModel) -> tuple[Inspection, Labels]:
    image, mask = add_case(viewer, "LPS")
    inspection = Inspection(mask, viewer.layers, image)
    inspection.measure()
    image.contrast_limits = (-160, 240)
    return inspection, mask


def count(picture: CanvasPicture, colour: str) -> int:
    """How many pixels have exactly a colour."""
    rgb = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return int((picture[..., :3] == rgb).all(axis=-1).sum())


def test_the_legend_names_what_is_shown_and_seen() -> None:
    viewer = ViewerModel()
    inspection, mask = inspect(viewer)
    go_to(viewer, displayed_point(inspection.grid, inspection.findings[2].lesions[0].centroid_mm))
    assert values_seen(mask, viewer.dims) == {1, 2, 5}
    restyle(mask, 1, visible=False)
    assert [label.name for label in legend_of(mask, values_seen(mask, viewer.dims))] == ["liver tumour", "spleen"]
    viewer.dims.set_point(0, viewer.dims.range[0].start)
    assert values_seen(mask, viewer.dims) == set()
    viewer.dims.ndisplay = 3
    assert values_seen(mask, viewer.dims) == {1, 2, 5}


def test_a_lesion_is_described_with_units_window_and_tilt() -> None:
    inspection, _ = inspect(ViewerModel())
    sentence = lesion_sentence("liver tumour", inspection.findings[2].lesions[1])
    assert sentence == "liver tumour, lesion 2: 0.27 ml, 8.5 x 8.4 mm axial, mean 120.0 HU"
    assert sentences_of(inspection)[0] == "window 40/400 HU"
    assert sentences_of(inspection)[1].startswith("oblique: tilted by 2")


def test_key_images_are_named_by_structure_and_number_even_when_names_collide() -> None:
    inspection, mask = inspect(ViewerModel())
    inspection.set_lesions({2, 5})
    inspection.measure()
    rename(mask, 2, "mass (left) / 1")
    assert list(key_image_names(inspection).values()) == [
        "mass_left_1_lesion_1.png",
        "mass_left_1_lesion_2.png",
        "spleen_lesion_1.png",
    ]
    rename(mask, 5, "mass left 1")
    names = list(key_image_names(inspection).values())
    assert len(set(names)) == 3
    assert names[0] == "mass_left_1_2_lesion_1.png"


@pytest.mark.gui
def test_the_strip_covers_nothing_and_shows_each_colour(qapp) -> None:
    table = LabelTable.of_names({1: "liver", 2: "tumour"})
    picture = with_legend(PICTURE, list(table), ["window 40/400 HU"])
    assert picture.shape[0] == PICTURE.shape[0]
    assert picture.shape[1] > PICTURE.shape[1]
    np.testing.assert_array_equal(picture[:, : PICTURE.shape[1]], PICTURE)
    strip = picture[:, PICTURE.shape[1] :]
    for label in table:
        assert count(strip, label.colour) > 50
    many = LabelTable.of_names({value: f"rib {value}" for value in range(1, 60)})
    crowded = with_legend(PICTURE, list(many))[:, PICTURE.shape[1] :]
    swatches = [count(crowded, label.colour) for label in many]
    assert 5 < sum(pixels > 50 for pixels in swatches) < 59
    content = png_bytes(picture)
    read = QImage.fromData(content)
    assert (read.width(), read.height()) == (picture.shape[1], picture.shape[0])
    assert b"tEXt" not in content


@pytest.mark.gui
def test_each_lesion_is_shown_and_taken_and_the_view_is_given_back(qapp, tmp_path: Path) -> None:
    viewer = ViewerModel()
    inspection, _ = inspect(viewer)
    before, zoom, seen = viewer.dims.point, viewer.scene.camera.zoom, []

    lengths_mm, shown_mm, oblique = [], [], inspection.grid.oblique_deg > 0.1

    def shoot() -> CanvasPicture:
        seen.append(viewer.dims.point)
        lines = viewer.layers["diameters"]
        assert [len(line) for line in lines.data] == [2, 2]
        lengths_mm.append([float(np.linalg.norm(line[1] - line[0])) for line in lines.data])
        assert (lines.data[0][:, 0] == pytest.approx(viewer.dims.point[0], abs=1e-6)) or oblique
        shown_mm.append(min(viewer.canvas.size) / viewer.scene.camera.zoom)
        return PICTURE

    paths = list(take_key_images(viewer, inspection, tmp_path, shoot))
    assert [path.name for path in paths] == ["liver_tumour_lesion_1.png", "liver_tumour_lesion_2.png"]
    for point, lesion in zip(seen, inspection.findings[2].lesions, strict=True):
        assert point == pytest.approx(displayed_point(inspection.grid, lesion.centroid_mm), abs=2.0)
    for lengths, shown, lesion in zip(lengths_mm, shown_mm, inspection.findings[2].lesions, strict=True):
        assert lengths == pytest.approx([lesion.axial_diameter_mm, lesion.perpendicular_diameter_mm], abs=0.1)
        assert shown >= 2 * lesion.diameter_3d_mm - 1e-6  # a margin around it
    assert (viewer.dims.point, viewer.scene.camera.zoom) == (before, zoom)
    assert "diameters" not in viewer.layers
    with pytest.raises(FileError, match="exists and is not overwritten"):
        take_key_images(viewer, inspection, tmp_path, shoot)
    inspection.set_lesions(set())
    inspection.measure()
    with pytest.raises(InputError, match="There is no lesion to take a picture of"):
        take_key_images(viewer, inspection, tmp_path, shoot)
