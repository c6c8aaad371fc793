"""A cohort is read in a real window, by keys: accept, fix in Correct, reject, next, back; a second reader is blind."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bodies import draw, grid, sphere
from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDockWidget

from monai_attn.cases import ImageFile
from monai_attn.cases.labelled import find_labelled
from monai_attn.cohort.agreement import agreement_of_readers
from monai_attn.cohort.corrections import mask_to_read
from monai_attn.cohort.places import places_of
from monai_attn.cohort.verdicts import read_verdicts
from monai_attn.io import write
from monai_attn.labels import LabelTable
from monai_attn.napari.dock.window import dock_of
from monai_attn.napari.keep.keeper import Keeper
from monai_attn.napari.layers.styles import rename
from monai_attn.napari.open.opening import add_layers
from monai_attn.napari.review.reading import Reading, case_steps
from monai_attn.results import commit
from monai_attn.segmentation import Segmentation, result_files

RADII_MM = {"case_1": 8.0, "case_2": 8.2, "case_3": 8.1, "case_4": 15.0, "case_5": 7.9, "case_6": 8.0}
"""Case 4 is far larger than the others: the cohort doubts it."""


def make_cohort(folder: Path) -> Path:
    """Images, and masks with records beside them as `segment` writes them."""
    images, out = folder / "images", folder / "out"
    images.mkdir(parents=True)
    for case, radius in RADII_MM.items():
        labels = draw(sphere(radius), grid((1.5, 1.5, 3.0), turn_deg=(10, -20, 30), reach_mm=20, flip=(-1, 1, 1)))
        image = images / f"{case}.nii.gz"
        write(labels.with_array(np.where(labels.array > 0, 120, 10).astype(np.int16)), image)
        made = Segmentation(labels, LabelTable.of_names({1: "brain"}), {"bundle": "spheres"})
        _, record, _ = result_files(out, case)
        out.mkdir(exist_ok=True)
        about = {**made.about(), **places_of({"image": ImageFile(image)}, out)}
        commit(made.files(out, stem=case), record=record, about=about)
    return out


def open_review(viewer: Any, qtbot: Any, out: Path, reader: str) -> Any:
    panel = dock_of(viewer).show_tab("Review")
    panel.folder.setText(str(out))
    panel.reader.setText(reader)
    panel.begin.click()
    qtbot.waitUntil(lambda: panel.worker is None and bool(panel.reading and panel.reading.case), timeout=20000)
    return panel


def press(viewer: Any, panel: Any, qtbot: Any, key: Any) -> None:
    """A key in the window, and then the case that it opens; fails where the key cannot be used, or says an error."""
    window = viewer.window._qt_window
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=5000)
    assert panel.buttons["next"].isEnabled(), panel.said.text()
    QTest.keyClick(window, key, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: panel.worker is None, timeout=20000)
    assert panel.mask in viewer.layers, panel.said.text()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The errors that the panel shows."""
    shown: list[str] = []
    monkeypatch.setattr("monai_attn.napari.review.panel.show_error", shown.append)
    return shown


@pytest.mark.gui
def test_a_cohort_is_read_by_keys(make_napari_viewer, plugin, plugin_settings, qtbot, tmp_path, told):
    out = make_cohort(tmp_path)
    viewer = make_napari_viewer(show=True)
    panel = open_review(viewer, qtbot, out, "anna")
    reading = panel.reading
    order = list(reading.cases)
    assert order[0] == "case_4" == reading.case
    assert "case_4: " in panel.why.text()
    assert panel.said.text().count("Oblique") == 1  # of the image, and not of its mask again
    assert "volume" in panel.model.things[0].rules
    assert [layer.name for layer in viewer.layers] == ["case_4", "case_4 mask"]

    press(viewer, panel, qtbot, Qt.Key.Key_X)  # fix: Correct opens with the mask
    dock = dock_of(viewer)
    assert dock.shown == "Correct"
    assert dock.panels["Correct"].layer is panel.mask
    panel.mask.selected_label = 1
    panel.mask.paint((2, 2, 2), 1)
    press(viewer, panel, qtbot, Qt.Key.Key_N)  # next: the correction is saved
    assert reading.case == order[1]
    assert (out / "corrected_anna" / "case_4_seg.nii.gz").is_file()
    assert len(viewer.layers) == 2

    press(viewer, panel, qtbot, Qt.Key.Key_A)
    assert reading.case == order[2]
    ours = next(one for one in viewer.window._qt_window.findChildren(QDockWidget) if one.isAncestorOf(dock))
    ours.titleBarWidget().close_button.click()
    dock_of(viewer).show_tab("Look")  # the keys work in a dock that was closed and opened again, whatever its tab
    qtbot.wait(50)
    press(viewer, panel, qtbot, Qt.Key.Key_R)
    assert reading.case == order[3]
    press(viewer, panel, qtbot, Qt.Key.Key_B)
    assert reading.case == order[2]
    assert "You decided: reject." in panel.why.text()
    decided = {case: verdict.decision for case, verdict in read_verdicts(out, "anna").items()}
    assert decided == {order[0]: "fix", order[1]: "accept", order[2]: "reject"}
    assert told == []

    (case,) = find_labelled(out / "corrected_anna").cases  # what `learn` trains on
    assert case.name == "case_4"


def opened(reading: Reading, viewer: ViewerModel, case: str) -> Labels:
    """Open a case in a viewer without a window; its mask."""
    steps = case_steps(reading, case)
    *_, (name, (layers, images), reason) = _results(steps)
    assert (name, reason) == (case, "")
    reading.case, reading.images = case, dict(images)
    viewer.layers.clear()
    add_layers(viewer, layers)
    return viewer.layers[-1]


def _results(steps: Generator[str, None, Any]) -> Generator[Any, None, None]:
    yield (yield from steps)


def test_a_reader_accepts_the_own_correction_and_a_second_reader_is_blind_to_it(model: ViewerModel, tmp_path: Path):
    out = make_cohort(tmp_path)
    anna = Reading(out, "anna")
    mask = opened(anna, model, "case_4")
    original = Segmentation.load(mask_to_read(out, "case_4", "anna")).labels.array
    assert anna.keep_correction(mask, model.layers) is None  # nothing was painted
    mask.selected_label = 1
    mask.paint((2, 2, 2), 1)
    correction = anna.keep_correction(mask, model.layers)
    assert correction == out / "corrected_anna" / "case_4_seg.nii.gz"
    assert [case.name for case in find_labelled(out / "corrected_anna").cases] == ["case_4"]  # what `learn` asks
    again = opened(anna, model, "case_4")
    assert np.array_equal(again.metadata["monai_attn"].grid.array, Segmentation.load(correction).labels.array)
    assert anna.decide("accept") == "fix"  # the own correction is what is accepted

    ben = Reading(out, "ben")
    assert {row.decision for row in ben.rows} == {""}
    assert ben.undecided() == "case_4"
    seen = opened(ben, model, "case_4").metadata["monai_attn"].grid.array
    assert np.array_equal(seen, original)
    assert not np.array_equal(seen, again.metadata["monai_attn"].grid.array)
    assert ben.decide("accept") == "accept"
    found = agreement_of_readers(out, "anna", "ben")
    assert found.decisions.differ == ("case_4",)
    assert 0.5 < found.dice["brain"][0] < 1


def test_a_correction_that_was_undone_is_no_correction(model: ViewerModel, tmp_path: Path):
    out = make_cohort(tmp_path)
    keeper = Keeper(model)
    reading = Reading(out, "anna")
    mask = opened(reading, model, "case_4")
    mask.data_setitem(np.nonzero(mask.data), 0)  # a slip of the hand
    assert reading.keep_correction(mask, model.layers) is not None
    assert reading.keep_correction(mask, model.layers) is None  # it is saved already
    mask.undo()
    assert keeper.unsaved() == [mask]
    assert reading.keep_correction(mask, model.layers) is None
    assert keeper.unsaved() == []  # the mask is the network's, which lies in a file: nothing is to be asked
    assert reading.decide("accept") == "accept"
    assert list((out / "corrected_anna").iterdir()) == []
    assert mask_to_read(out, "case_4", "anna") == out / "case_4_seg.nii.gz"
    mask.redo()
    assert reading.keep_correction(mask, model.layers) is not None
    assert not Segmentation.load(mask_to_read(out, "case_4", "anna")).labels.array.any()
    mask.undo()
    assert reading.withdraw_undone(mask, model.layers)  # as "reject" does
    assert list((out / "corrected_anna").iterdir()) == []


def test_a_correction_of_which_a_part_was_undone_is_saved_anew(model: ViewerModel, tmp_path: Path):
    out = make_cohort(tmp_path)
    reading = Reading(out, "anna")
    mask = opened(reading, model, "case_4")
    mask.paint((2, 2, 2), 1)
    kept = np.array(mask.data)
    mask.data_setitem(np.nonzero(mask.data), 0)
    assert reading.keep_correction(mask, model.layers) is not None
    mask.undo()
    assert reading.keep_correction(mask, model.layers) is not None
    assert reading.decide("accept") == "fix"
    assert np.array_equal(opened(Reading(out, "anna"), model, "case_4").data, kept)

    later = Reading(out, "anna")  # another sitting, which begins with the corrected mask
    mask = opened(later, model, "case_4")
    mask.data_setitem(np.nonzero(mask.data), 0)
    assert later.keep_correction(mask, model.layers) is not None
    mask.undo()
    assert later.keep_correction(mask, model.layers) is not None
    assert np.array_equal(opened(later, model, "case_4").data, kept)


def test_a_renamed_structure_is_a_correction_until_it_has_its_name_again(model: ViewerModel, tmp_path: Path):
    out = make_cohort(tmp_path)
    reading = Reading(out, "anna")
    mask = opened(reading, model, "case_4")
    rename(mask, 1, "cerebrum")
    correction = reading.keep_correction(mask, model.layers)
    assert correction is not None
    assert Segmentation.load(correction).table[1].name == "cerebrum"
    assert reading.keep_correction(mask, model.layers) is None  # it is saved already
    assert reading.verdicts["case_4"].decision == "fix"
    rename(mask, 1, "brain")
    assert reading.keep_correction(mask, model.layers) is None
    assert not correction.exists()


@pytest.mark.parametrize("before", ["", "accept", "fix"])
def test_with_a_correction_goes_the_decision_that_was_made_of_it(model: ViewerModel, tmp_path: Path, before: str):
    out = make_cohort(tmp_path)
    reading = Reading(out, "anna")
    mask = opened(reading, model, "case_4")
    if before:
        reading.decide(before)
    for _ in range(2):  # the second save is of the same correction
        mask.paint((2, 2, 2 + len(mask._undo_history)), 1)
        assert reading.keep_correction(mask, model.layers) is not None
    assert read_verdicts(out, "anna")["case_4"].decision == "fix"
    mask.undo()
    mask.undo()
    assert reading.keep_correction(mask, model.layers) is None
    for verdicts in (reading.verdicts, read_verdicts(out, "anna")):
        assert {case: one.decision for case, one in verdicts.items()} == ({"case_4": before} if before else {})


@pytest.mark.gui
@pytest.mark.parametrize("closed", ["the mask", "all layers"])
def test_a_case_that_is_no_longer_on_the_screen_is_not_decided(
    make_napari_viewer, plugin, plugin_settings, qtbot, tmp_path, told, closed
):
    out = make_cohort(tmp_path)
    viewer = make_napari_viewer(show=False)
    panel = open_review(viewer, qtbot, out, "")
    assert panel.buttons["accept"].isEnabled()
    if closed == "the mask":
        viewer.layers.remove(panel.mask)
    else:
        viewer.layers.clear()
        viewer.add_labels(np.zeros((4, 4, 4), np.uint8))
    assert [name for name, push in panel.buttons.items() if push.isEnabled()] == ["next", "back"]
    assert panel.said.text() == "The mask of this case was closed. Click on the case in the table to open it again."
    panel.press("accept")
    assert read_verdicts(out) == {}
    panel.table.clicked.emit(panel.model.index(0, 0))
    qtbot.waitUntil(lambda: panel.worker is None, timeout=20000)
    assert [layer.name for layer in viewer.layers] == ["case_4", "case_4 mask"]
    panel.press("accept")
    assert {case: one.decision for case, one in read_verdicts(out).items()} == {"case_4": "accept"}
    qtbot.waitUntil(lambda: panel.worker is None, timeout=20000)
    assert told == []


@pytest.mark.gui
def test_the_keys_of_a_reading_work_after_a_case_that_could_not_be_shown(
    make_napari_viewer, plugin, plugin_settings, qtbot, tmp_path, told, monkeypatch, capsys
):
    out = make_cohort(tmp_path)
    viewer = make_napari_viewer(show=False)
    panel = open_review(viewer, qtbot, out, "")
    first, second, *_ = panel.reading.cases

    def broken(*_: Any) -> list[str]:
        raise RuntimeError("no memory on the graphics card")

    with monkeypatch.context() as patch, qtbot.capture_exceptions() as caught:
        patch.setattr("monai_attn.napari.review.panel.add_layers", broken)
        panel.press("next")
        qtbot.waitUntil(lambda: panel.worker is None, timeout=20000)
    assert [str(one[1]) for one in caught] == ["no memory on the graphics card"]
    assert panel.reading.case == second
    panel.press("accept")  # not seen, so not decided
    assert read_verdicts(out) == {}
    panel.press("back")
    qtbot.waitUntil(lambda: panel.worker is None, timeout=20000)
    assert panel.reading.case == first
    assert [layer.name for layer in viewer.layers] == [first, f"{first} mask"]


@pytest.mark.gui
@pytest.mark.parametrize("answer", ["Stay", "Go on"])
def test_what_is_painted_while_the_next_case_is_read_is_asked_about(
    make_napari_viewer, plugin, plugin_settings, qtbot, tmp_path, told, answer
):
    out = make_cohort(tmp_path)
    viewer = make_napari_viewer(show=False)
    panel = open_review(viewer, qtbot, out, "")
    first, second, *_ = panel.reading.cases
    asked = []

    def reply() -> None:
        """Press the button of the question, once it is there."""
        box = QApplication.activeModalWidget()
        if box is None:
            QTimer.singleShot(50, reply)
            return
        asked.append(box.text())
        next(one for one in box.buttons() if one.text() == answer).click()

    panel.press("next")
    mask = panel.mask
    mask.data_setitem(np.nonzero(mask.data), 0)  # while the next case is read
    QTimer.singleShot(0, reply)
    qtbot.waitUntil(lambda: panel.worker is None, timeout=20000)
    assert asked == [f"A mask is not saved: {first} mask."]
    if answer == "Go on":
        assert panel.reading.case == second
        return
    assert panel.reading.case == first
    assert panel.mask is mask
    assert mask in viewer.layers
    assert "you painted while the next one was read" in panel.said.text()
    panel.press("next")
    qtbot.waitUntil(lambda: panel.worker is None, timeout=20000)
    assert panel.reading.case == second
    assert not Segmentation.load(mask_to_read(out, first)).labels.array.any()
    assert len(asked) == 1  # all is saved now
    assert told == []


@pytest.mark.gui
def test_a_folder_without_results_and_an_image_that_is_gone_are_said(
    make_napari_viewer, plugin, plugin_settings, qtbot, tmp_path, told
):
    viewer = make_napari_viewer(show=False)
    panel = dock_of(viewer).show_tab("Review")
    panel.folder.setText(str(tmp_path))
    panel.begin.click()
    qtbot.waitUntil(lambda: panel.worker is None, timeout=20000)
    assert "holds no results" in told.pop()

    out = make_cohort(tmp_path)
    (tmp_path / "images").rename(tmp_path / "moved")
    panel = open_review(viewer, qtbot, out, "")
    assert "case_4: case_4.nii.gz is not where the record says. Name the images" in told.pop()
    assert len(viewer.layers) == 0
    panel.press("accept")  # not seen, so not decided
    assert read_verdicts(out) == {}
    panel.images.setText(str(tmp_path / "moved"))
    panel = open_review(viewer, qtbot, out, "")
    assert [layer.name for layer in viewer.layers] == ["case_4", "case_4 mask"]
    assert told == []


@pytest.mark.gui
def test_reading_a_folder_again_saves_the_correction_first_and_the_reading_goes_on_where_the_reader_stays(
    make_napari_viewer, plugin, plugin_settings, qtbot, tmp_path, told, monkeypatch
):
    out = make_cohort(tmp_path)
    viewer = make_napari_viewer(show=False)
    panel = open_review(viewer, qtbot, out, "")
    reading, mask = panel.reading, panel.mask
    asked: list[Any] = []
    answer = [False, True]
    monkeypatch.setattr("monai_attn.napari.review.panel.may_leave", lambda *_: asked.append(_) or answer.pop(0))
    mask.data_setitem(np.nonzero(mask.data), 0)
    panel.begin.click()
    assert not Segmentation.load(mask_to_read(out, "case_4")).labels.array.any()  # saved before anything else
    qtbot.waitUntil(lambda: panel.worker is None, timeout=20000)
    assert len(asked) == 1  # as where another mask is not saved
    assert panel.reading is reading
    assert reading.case == "case_4"
    assert panel.mask is mask
    assert mask in viewer.layers
    assert panel.buttons["accept"].isEnabled()
    assert panel.said.text().startswith("Nothing was opened, because a mask is not saved.")

    panel.begin.click()
    qtbot.waitUntil(lambda: panel.worker is None, timeout=20000)
    assert panel.reading is not reading
    assert panel.reading.case != "case_4"  # which is decided: fix
    assert told == []
