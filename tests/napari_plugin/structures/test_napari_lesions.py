"""The structures and lesions table: right at first, right after painting, and the same as the command line's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from inspected import BALLS, TABLE, add, add_case, assert_same_rows, ct_and_mask
from napari.components import ViewerModel
from napari.layers import Labels
from phantoms import phantom, signed_permutations

from monai_attn.cohort import measure_case
from monai_attn.errors import GeometryError
from monai_attn.labels import LabelTable
from monai_attn.measure import to_csv
from monai_attn.napari.layers.blocks import displayed_blocks, native_block
from monai_attn.napari.layers.strokes import change_of
from monai_attn.napari.layers.styles import adopt, layer_table
from monai_attn.napari.layers.volumes import image_layer, labels_layer, to_display, volume_of
from monai_attn.napari.structures.inspection import Inspection
from monai_attn.napari.structures.lesions import lesion_labels, neighbour
from monai_attn.segmentation import Segmentation

GRIDS = [("RAS", (0, 0, 0)), ("RAS", (11, -7, 19)), ("LPS", (11, -7, 19)), ("sagittal", (3, 2, -4))]


def inspect(axes: str = "RAS", tilt: tuple[int, int, int] = (11, -7, 19)) -> tuple[Inspection, Labels]:
    viewer = ViewerModel()
    image, mask = add_case(viewer, axes, tilt)
    inspection = Inspection(mask, viewer.layers, image)
    inspection.measure()
    return inspection, mask


def paint(inspection: Inspection, layer: Labels, at: tuple[slice, slice, slice], value: int) -> None:
    """One stroke, and what the widget makes of its event."""
    steps = []
    layer.events.paint.connect(lambda event: steps.append(event.value))
    with layer.block_history():
        layer.data_setitem(tuple(axis.ravel() for axis in np.mgrid[at]), value)
    change = change_of(steps)
    if change is not None:
        inspection.note(change)


def fresh_rows(inspection: Inspection) -> list[dict]:
    """What the command line says of the mask as it is now."""
    labels, table = volume_of(inspection.layer), layer_table(inspection.layer)
    image = volume_of(inspection.image) if inspection.image else None
    names = [table[value].name for value in sorted(inspection.lesions)]
    return measure_case(Segmentation(labels, table), image, lesions=names, min_ml=inspection.min_ml).rows()


@pytest.mark.parametrize("axes", signed_permutations())
def test_a_block_of_the_displayed_array_is_found_in_the_grid_for_all_orientations(axes: np.ndarray) -> None:
    grid = phantom(axes)
    shown = to_display(grid.array, grid)
    region = (slice(1, 3), slice(2, 5), slice(0, 2))
    assert set(grid.array[native_block(region, grid)].ravel()) == set(shown[region].ravel())


@pytest.mark.parametrize(("axes", "tilt"), GRIDS)
def test_the_table_is_that_of_the_command_line(axes: str, tilt: tuple[int, int, int]) -> None:
    inspection, _ = inspect(axes, tilt)
    assert inspection.up_to_date
    assert_same_rows(inspection.rows(), fresh_rows(inspection))


def test_balls_have_their_volume_their_diameter_and_their_hounsfield_units() -> None:
    inspection, _ = inspect()
    one, other = inspection.findings[2].lesions
    radii = [radius_mm for value, _, radius_mm, _ in BALLS if value == 2]
    for lesion, radius_mm, hu in zip((one, other), radii, (90.0, 120.0), strict=True):
        assert lesion.volume_ml == pytest.approx(4 / 3 * math.pi * radius_mm**3 / 1000, rel=0.08)  # voxels of 2 mm
        assert lesion.axial_diameter_mm == pytest.approx(2 * radius_mm, abs=1.4)  # a pixel's diagonal
        assert lesion.intensity is not None
        assert lesion.intensity.mean == pytest.approx(hu)
        assert lesion.organ == "liver"
    assert inspection.findings[2].diameters_mm == (one.axial_diameter_mm, one.perpendicular_diameter_mm)
    assert inspection.findings[1].diameters_mm is None


@pytest.mark.parametrize(("axes", "tilt"), GRIDS)
def test_after_a_stroke_only_what_it_touched_is_measured_and_all_is_right(
    axes: str, tilt: tuple[int, int, int]
) -> None:
    inspection, layer = inspect(axes, tilt)
    middle = [int(np.mean([part.start, part.stop])) for part in displayed_blocks(layer.data)[2]]
    at = tuple(slice(centre - 3, centre + 4) for centre in middle)
    untouched = inspection.findings[5]
    paint(inspection, layer, at, 2)
    job = inspection.job()
    assert {task.value for task in job.tasks} == {1, 2}
    assert job.voxels < layer.data.size
    inspection.measure()
    assert_same_rows(inspection.rows(), fresh_rows(inspection))
    assert inspection.findings[5] is untouched


def test_erasing_a_lesion_leaves_a_row_of_zero_and_painting_it_again_fills_the_row() -> None:
    inspection, layer = inspect()
    block = displayed_blocks(layer.data)[2]
    before = to_csv(inspection.rows())
    was = layer.data.copy()
    paint(inspection, layer, block, 1)
    inspection.measure()
    assert inspection.findings[2].structure.voxels == 0
    assert inspection.findings[2].lesions == ()
    assert_same_rows(inspection.rows(), fresh_rows(inspection))
    layer.data = was
    inspection.note_everything()
    inspection.measure()
    assert to_csv(inspection.rows()) == before


def test_a_hundred_strokes_leave_what_a_fresh_measurement_finds() -> None:
    inspection, layer = inspect("LPS")
    inspection.set_lesions({1, 2})
    generator = np.random.default_rng(5)
    for number in range(100):
        corner = generator.integers(0, np.array(layer.data.shape) - 6)
        size = generator.integers(1, 6, 3)
        at = tuple(slice(int(a), int(a + b)) for a, b in zip(corner, size, strict=True))
        paint(inspection, layer, at, int(generator.integers(0, 3)))
        if number % 3 == 0:
            inspection.measure()
    inspection.measure()
    assert len(inspection.findings[2].lesions) > 10
    assert_same_rows(inspection.rows(), fresh_rows(inspection))


def test_a_label_painted_for_the_first_time_gets_a_name_a_colour_and_a_row() -> None:
    inspection, layer = inspect()
    paint(inspection, layer, (slice(1, 4), slice(2, 5), slice(1, 3)), 9)
    inspection.measure()
    assert layer_table(layer)[9].name == "label 9"
    assert inspection.findings[9].structure.voxels == 18
    assert tuple(layer.colormap.color_dict[9][:3]) == pytest.approx(layer_table(layer)[9].rgb)
    assert_same_rows(inspection.rows(), fresh_rows(inspection))


def test_the_organ_of_a_lesion_follows_what_is_painted_beside_it() -> None:
    inspection, layer = inspect()
    assert inspection.findings[2].lesions[0].organ == "liver"
    liver = np.argwhere(layer.data == 1)
    lower, upper = liver.min(axis=0), liver.max(axis=0) + 1
    at = tuple(slice(a, b) for a, b in zip(lower, upper, strict=True))
    layer.data[at][layer.data[at] == 1] = 5
    layer.data[0, 0, 0] = 1
    inspection.note_everything()
    inspection.measure()
    assert inspection.findings[2].lesions[0].organ == "spleen"
    first = displayed_blocks(layer.data)[2]
    above = (slice(first[0].stop, first[0].stop + 1), *first[1:])
    layer.data[first][layer.data[first] == 5] = 0  # so that only what is painted now touches them
    inspection.note_everything()
    inspection.measure()
    paint(inspection, layer, above, 1)
    job = inspection.job()
    assert [task.reshaped for task in job.tasks if task.value == 2] == [False]
    inspection.measure()
    assert_same_rows(inspection.rows(), fresh_rows(inspection))
    assert "liver" in {lesion.organ for lesion in inspection.findings[2].lesions}


def test_a_result_of_what_was_painted_over_meanwhile_is_refused() -> None:
    inspection, layer = inspect()
    paint(inspection, layer, (slice(0, 2), slice(0, 2), slice(0, 2)), 5)
    job = inspection.job()
    paint(inspection, layer, (slice(5, 7), slice(0, 2), slice(0, 2)), 5)
    assert [inspection.accept(result) for result in job.run()] == [False]
    assert not inspection.up_to_date
    inspection.measure()
    assert_same_rows(inspection.rows(), fresh_rows(inspection))


def test_a_stroke_during_the_first_measurement_begins_it_anew() -> None:
    viewer = ViewerModel()
    image, layer = add_case(viewer)
    inspection = Inspection(layer, viewer.layers, image)
    job = inspection.job()
    results = job.run()
    first = next(results)
    paint(inspection, layer, (slice(0, 2), slice(0, 2), slice(0, 2)), 5)
    assert not inspection.accept(first)
    inspection.finish(job)
    assert not inspection.up_to_date
    inspection.measure()
    assert inspection.up_to_date
    assert_same_rows(inspection.rows(), fresh_rows(inspection))


def test_the_user_says_what_is_a_lesion_and_how_small_it_may_be() -> None:
    inspection, _ = inspect()
    assert inspection.lesions == {2}
    inspection.set_lesions({2, 5}, min_ml=0.3)
    assert {task.value for task in inspection.job().tasks} == {2, 5}
    inspection.measure()
    assert [len(inspection.findings[value].lesions) for value in (1, 2, 5)] == [0, 1, 1]
    assert_same_rows(inspection.rows(), fresh_rows(inspection))
    inspection.set_lesions(set(), min_ml=0.0)
    inspection.measure()
    assert not any(finding.lesions for finding in inspection.findings.values())


def test_the_next_lesion_goes_through_all_labels_and_around() -> None:
    inspection, _ = inspect()
    inspection.set_lesions({2, 5})
    inspection.measure()
    place, seen = None, []
    for _ in range(4):
        place = neighbour(inspection.findings, place, 1)
        seen.append(place)
    assert seen == [(2, 1), (2, 2), (5, 1), (2, 1)]
    assert neighbour(inspection.findings, (2, 1), -1) == (5, 1)
    assert neighbour(inspection.findings, (7, 7), -1) == (5, 1)
    assert neighbour({}, None, 1) is None


@pytest.mark.parametrize(
    ("name", "lesion"),
    [("liver tumour", True), ("Tumor core", True), ("lung_nodules", True), ("liver", False), ("thymus", False)],
)
def test_a_name_tells_whether_the_pieces_of_a_label_are_lesions(name: str, lesion: bool) -> None:
    assert bool(lesion_labels(LabelTable.of_names({3: name}))) is lesion


def test_a_layer_made_in_napari_is_measured_on_the_grid_of_its_image() -> None:
    viewer = ViewerModel()
    image, mask = add_case(viewer)
    drawn = Labels(mask.data.copy(), scale=image.scale, translate=image.translate, units=image.units)
    viewer.add_layer(drawn)
    colour = drawn.get_color(2)
    inspection = Inspection(drawn, viewer.layers, image)
    inspection.measure()
    assert inspection.findings[2].structure.voxels == int((mask.data == 2).sum())
    assert layer_table(drawn)[2].name == "label 2"
    np.testing.assert_allclose(drawn.get_color(2), colour, atol=1 / 255)
    viewer.layers.remove(image)
    assert volume_of(drawn).spacing_mm == pytest.approx(volume_of(mask).spacing_mm)


def test_an_image_on_another_grid_is_refused() -> None:
    viewer = ViewerModel()
    _, mask = add_case(viewer)
    ct, _ = ct_and_mask("LPS")
    other = add(viewer, image_layer(ct, name="other CT"))
    with pytest.raises(GeometryError, match="The layers 'mask' and 'other CT' lie on different grids"):
        Inspection(mask, viewer.layers, other)


def test_a_layer_without_a_place_is_refused() -> None:
    viewer = ViewerModel()
    layer = viewer.add_labels(np.zeros((4, 5, 6), np.uint8))
    with pytest.raises(GeometryError, match="its place in the patient is not known"):
        Inspection(layer, viewer.layers)


def test_an_empty_mask_gives_rows_of_zero() -> None:
    _, mask = ct_and_mask()
    viewer = ViewerModel()
    layer = add(viewer, labels_layer(mask.with_array(np.zeros(mask.shape, np.uint8)), name="m", table=TABLE))
    inspection = Inspection(layer, viewer.layers)
    inspection.measure()
    assert [finding.structure.volume_ml for finding in inspection.findings.values()] == [0.0, 0.0, 0.0]
    assert adopt(layer) == TABLE
