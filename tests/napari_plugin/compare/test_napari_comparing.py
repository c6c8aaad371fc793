"""A mask against its reference: the scores of `measure`, and errors that one can fly to."""

from __future__ import annotations

import numpy as np
import pytest
from inspected import TABLE, add, ct_and_mask
from napari.layers import Layer
from scipy import ndimage

from monai_attn.errors import GeometryError, InputError
from monai_attn.labels import LabelTable
from monai_attn.measure import ERRORS, compare, error_map
from monai_attn.napari.compare.comparing import LayerComparison, common_table, compare_steps, deepest, lesion_text
from monai_attn.napari.compare.panel import CompareWidget
from monai_attn.napari.layers.styles import layer_table
from monai_attn.napari.layers.volumes import displayed_point, labels_layer, origin_of, patient_point
from monai_attn.volume import Volume

GRIDS = [("RAS", (0, 0, 0)), ("LPS", (11, -7, 19)), ("sagittal", (3, 2, -4))]


def wrong(mask: Volume) -> Volume:
    """The mask without its second tumour, with a false spleen at one corner, and a corner of the liver named spleen."""
    array = mask.array.copy()
    pieces, _ = ndimage.label(array == 2)
    array[pieces == np.bincount(pieces.ravel())[1:].argmin() + 1] = 0
    array[2:6, 3:8, 4:9] = 5
    liver = np.argwhere(array == 1)
    i, j, k = liver[len(liver) // 2]
    array[i : i + 3, j : j + 3, k : k + 3][array[i : i + 3, j : j + 3, k : k + 3] == 1] = 5
    return mask.with_array(array)


def run(
    prediction: Volume, reference: Volume, tables: tuple[LabelTable, LabelTable] = (TABLE, TABLE)
) -> LayerComparison:
    steps = compare_steps(prediction, reference, tables)
    said = []
    while True:
        try:
            said.append(next(steps))
        except StopIteration as stop:
            assert said
            return stop.value


@pytest.mark.parametrize(("axes", "tilt"), GRIDS)
def test_scores_and_map_are_those_of_measure_and_each_place_lies_in_its_error(axes: str, tilt: tuple) -> None:
    _, reference = ct_and_mask(axes, tilt)
    prediction = wrong(reference)
    compared = run(prediction, reference)
    assert list(compared.scores) == compare(prediction, reference, TABLE)
    np.testing.assert_array_equal(compared.errors.map.array, error_map(prediction, reference).array)
    assert {one.kind.name for one in compared.errors.largest} == {"false positive", "false negative", "wrong structure"}
    layer = Layer.create(*labels_layer(compared.errors.map, name="errors", table=ERRORS, role="error"))
    for one in compared.errors.largest:
        world = displayed_point(reference, one.place_mm)
        index = tuple(np.round(layer.world_to_data(world)).astype(int))
        assert layer.data[index] == one.kind.value
        assert patient_point(reference, world) == pytest.approx(one.place_mm)
    volumes = [one.volume_ml for one in compared.errors.largest]
    assert volumes == sorted(volumes, reverse=True)
    assert sum(volumes) == pytest.approx(float((compared.errors.map.array > 1).sum()) * reference.voxel_ml)


def test_an_error_is_named_after_what_stands_there() -> None:
    _, reference = ct_and_mask()
    found = {one.kind.name: one for one in run(wrong(reference), reference).errors.largest}
    assert found["false positive"].structure == "spleen"
    assert found["false positive"].volume_ml == pytest.approx(4 * 5 * 5 * reference.voxel_ml)
    assert found["false negative"].structure == "liver tumour"
    assert found["wrong structure"].structure == "spleen"


def test_lesions_are_counted_as_found_missed_and_extra() -> None:
    _, reference = ct_and_mask()
    assert lesion_text(run(wrong(reference), reference)) == "Lesions of liver tumour: 1 found, 1 missed, 0 extra."
    assert lesion_text(run(reference, reference)) == "Lesions of liver tumour: 2 found, 0 missed, 0 extra."


def test_two_equal_masks_have_no_error() -> None:
    _, mask = ct_and_mask()
    compared = run(mask, mask)
    assert (compared.errors.count, compared.errors.largest) == (0, ())
    assert {one.dice for one in compared.scores} == {1.0}


def test_the_thickest_spot_of_a_thin_shell_lies_in_the_shell() -> None:
    points = np.stack(np.meshgrid(*[np.arange(21)] * 3, indexing="ij"), axis=-1)
    radius = np.linalg.norm(points - 10, axis=-1)
    shell = (radius <= 9) & (radius > 7)
    shell[16:20, 8:13, 8:13] = True
    place, thickness_mm = deepest(shell, (1.0, 1.0, 1.0))
    assert shell[place]
    assert place[0] >= 16
    assert thickness_mm == pytest.approx(3, abs=1.01)
    assert deepest(np.ones((1, 1, 1), bool), (0.8, 0.8, 5.0)) == ((0, 0, 0), pytest.approx(0.8))
    assert deepest(np.ones((5, 9, 9), bool), (2.0, 1.0, 1.0))[1] == pytest.approx(9.0, abs=1.01)


def test_two_tables_are_joined_and_names_that_differ_are_told() -> None:
    one, other = (
        LabelTable.of_names({1: "liver", 2: "tumour"}),
        LabelTable.of_names({1: "Liver", 2: "cyst", 3: "tumour"}),
    )
    table, notes = common_table(one, other)
    assert [(label.value, label.name) for label in table] == [(1, "liver"), (2, "tumour"), (3, "tumour (3)")]
    assert len(notes) == 1
    assert "Label 2 is 'tumour' in the prediction and 'cyst' in the reference" in notes[0]


def test_labels_that_no_table_names_are_compared_too() -> None:
    _, mask = ct_and_mask()
    compared = run(mask, mask, (LabelTable(), LabelTable()))
    assert [one.name for one in compared.scores] == ["label 1", "label 2", "label 5"]


def test_grids_that_differ_and_empty_masks_are_refused() -> None:
    _, mask = ct_and_mask("RAS")
    _, other = ct_and_mask("LPS")
    with pytest.raises(
        GeometryError, match=r"The prediction and the reference lie on different grids: 40x44x30 voxels"
    ):
        run(mask, other)
    empty = mask.with_array(np.zeros(mask.shape, np.uint8))
    with pytest.raises(InputError, match="nothing to compare"):
        run(empty, empty, (LabelTable(), LabelTable()))


@pytest.mark.gui
def test_the_panel_compares_maps_errors_and_flies_to_them(make_napari_viewer, qtbot) -> None:
    viewer = make_napari_viewer()
    panel = CompareWidget(viewer)
    viewer.window.add_dock_widget(panel, name="Compare")
    assert not panel.start.isEnabled()
    _, mask = ct_and_mask("LPS")
    reference = add(viewer, labels_layer(mask, name="reference", table=TABLE))
    prediction = add(viewer, labels_layer(wrong(mask), name="prediction", table=TABLE))
    assert (panel.predictions.layer, panel.references.layer) == (prediction, reference)
    panel.start.click()
    qtbot.waitUntil(lambda: panel.compared is not None, timeout=20000)
    errors = viewer.layers["errors"]
    assert origin_of(errors).role == "error"
    used = {label.colour for label in layer_table(prediction)}
    assert not used & {label.colour for label in layer_table(errors)}
    assert {one.kind for one in panel.mistakes.things} <= set(layer_table(errors))
    assert list(errors.features["name"]) == [label.name for label in ERRORS]
    assert panel.predictions.count() == 2  # the map is no mask to compare
    for row in range(panel.mistakes.rowCount()):
        panel.mistake_view.clicked.emit(panel.mistakes.index(row, 0))
        index = tuple(np.round(errors.world_to_data(viewer.dims.point)).astype(int))
        assert errors.data[index] == panel.mistakes.things[row].kind.value

    # one structure alone, in the same layer
    panel.of.setCurrentIndex(panel.of.findText("liver tumour"))
    qtbot.waitUntil(lambda: panel.worker is None, timeout=20000)
    assert {one.kind.name for one in panel.mistakes.things} == {"false negative"}
    assert [layer.name for layer in viewer.layers].count("errors") == 1

    # a mask that is painted on has no scores until it is compared again
    prediction.data_setitem((np.array([0]), np.array([0]), np.array([0])), 1)
    assert (panel.scores.rowCount(), panel.csv.isEnabled()) == (0, False)
    assert "Compare again" in panel.message.text()
    panel.start.click()
    qtbot.waitUntil(lambda: panel.compared is not None, timeout=20000)
    prediction.undo()
    assert panel.scores.rowCount() == 0

    # the map of errors does not take the mouse from a stroke
    panel.start.click()
    prediction._mouse_drag_gen["drag"] = iter(())
    viewer.layers.selection.active = prediction
    viewer.layers.remove("errors")
    qtbot.wait(1500)
    assert panel.compared is None
    assert viewer.layers.selection.active is prediction
    prediction._mouse_drag_gen.clear()
    qtbot.waitUntil(lambda: panel.compared is not None, timeout=20000)
    assert "errors" in viewer.layers

    # a mask on another grid is not offered, which is said; then the layers go
    _, other = ct_and_mask("sagittal")
    elsewhere = add(viewer, labels_layer(other, name="elsewhere", table=TABLE))
    assert "elsewhere" not in [panel.references.itemText(row) for row in range(panel.references.count())]
    panel.predictions.choose(elsewhere)
    assert panel.references.layer is None
    assert not panel.start.isEnabled()
    assert "2 other masks lie on another grid" in panel.message.text()
    assert panel.scores.rowCount() == 0
    viewer.layers.clear()
    assert panel.predictions.layer is None
    assert not panel.start.isEnabled()
