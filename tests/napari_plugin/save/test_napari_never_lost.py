"""Nothing unsaved is lost: by closing, by the next case, by napari's own Save. Warnings stay with their mask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari._qt._qapp_model.qactions._file import _close_window
from napari.settings import get_settings
from npe2 import PluginManager
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QWidget

from monai_attn import Volume, read
from monai_attn.errors import AttnError
from monai_attn.io import write
from monai_attn.labels import LabelTable
from monai_attn.napari.dock.window import dock_of
from monai_attn.napari.keep.guard import CloseGuard, guard_window, reasons_to_stay
from monai_attn.napari.keep.keeper import Keeper, saved
from monai_attn.napari.keep.leaving import may_leave, unsaved_masks
from monai_attn.napari.layers.provenance import EDITED, PROVENANCE, provenance_of
from monai_attn.napari.layers.volumes import labels_layer
from monai_attn.napari.look.canvas import canvas_notes
from monai_attn.napari.open.first import put_first
from monai_attn.napari.open.opening import next_beside
from monai_attn.napari.save.writer import save_mask

WARNED = {"bundle": "hippocampus_mri", "warnings": ["anterior hippocampus has 40 ml; 1.1 to 2.6 ml are usual."]}


def mask(viewer: Any, name: str = "mask", **made: Any) -> Any:
    """A mask of a network, added as the panel "Segment" adds it."""
    array = np.zeros((9, 8, 7), np.uint8)
    array[2:5, 3:6, 2:4] = 1
    volume = Volume(array, np.diag([1.0, 1.5, 2.0, 1.0]))
    data, keywords, _ = labels_layer(volume, name=name, table=LabelTable.of_names({1: "anterior hippocampus"}))
    keywords["metadata"][PROVENANCE] = made
    return viewer.add_labels(data, **keywords)


def test_a_computed_mask_is_kept_at_once_and_comes_back_as_what_it_is(model: Any, tmp_path: Path) -> None:
    keeper = Keeper(model, folder=tmp_path)
    asked: list[float] = []
    keeper.schedule = asked.append
    layer = mask(model, **WARNED)
    keeper.computed(layer)
    assert asked == [0.0]
    (path,) = keeper.keep()
    assert path.exists()
    assert unsaved_masks(model) == [layer]
    model.layers.clear()
    (found,) = keeper.waiting()
    again = keeper.restore(found)
    assert again.name == "CHECK: unsaved mask"
    assert EDITED not in again.metadata
    assert provenance_of(again) == WARNED
    np.testing.assert_array_equal(again.data, layer.data)
    again.data_setitem((np.array([3]), np.array([3]), np.array([3])), 1)
    keeper._changed(again)  # as napari's event "paint" does
    keeper.keep()
    model.layers.clear()
    assert keeper.restore(keeper.waiting()[0]).metadata[EDITED] is True


def test_leaving_asks_only_while_something_is_not_saved(model: Any, tmp_path: Path) -> None:
    asked: list[str] = []
    keeper = Keeper(model, folder=tmp_path)

    def stay(parent: QWidget | None, sentence: str) -> bool:
        asked.append(sentence)
        return False

    assert may_leave(model, None, stay)
    layer = mask(model)
    keeper.computed(layer)
    keeper.keep()
    assert not may_leave(model, None, stay)
    assert asked == ["A mask is not saved: mask."]
    assert reasons_to_stay(model) == asked
    save_mask(tmp_path / "mask.nii.gz", layer)
    assert may_leave(model, None, stay)
    assert len(asked) == 1
    assert not list(tmp_path.glob("*.npz"))


@pytest.mark.parametrize("name", ["typed.nii.gz", "typed.nrrd", "typed.mha", "typed"])
def test_what_is_typed_in_naparis_own_dialog_is_what_is_written(
    model: Any, plugin: PluginManager, tmp_path: Path, name: str
) -> None:
    layer = mask(model, **WARNED)
    assert put_first()
    writer = next(iter(plugin.iter_compatible_writers(["labels"])))  # what the dialog offers first
    (written,) = [path for path in model.layers.save(str(tmp_path / name), _writer=writer) if not path.endswith("json")]
    assert Path(written).name == (name if "." in name else "typed.nii.gz")
    saved = read(written)
    assert saved.spacing_mm == pytest.approx((1.0, 1.5, 2.0))
    assert np.count_nonzero(saved.array) == np.count_nonzero(layer.data)
    (again,) = model.open(written, plugin="monai_attn")
    assert again.name.startswith("CHECK: ")
    with pytest.raises(AttnError, match=r"\.nii\.gz, \.nrrd, \.mha or \.dcm"):
        model.layers.save(str(tmp_path / "typed.tif"), _writer=writer)
    assert not (tmp_path / "typed.tif").exists()


def test_a_warning_stands_on_the_canvas_while_its_mask_is_seen(model: Any) -> None:
    notes = canvas_notes(model)
    layer = mask(model, **WARNED)
    assert notes.text("warning").startswith("CHECK this mask before it is used\nanterior hippocampus has 40 ml")
    layer.visible = False
    assert notes.text("warning") == ""
    notes.close()


def test_the_next_case_is_the_next_folder_or_image_by_name(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        (tmp_path / name).mkdir()
    assert next_beside(tmp_path / "a") == tmp_path / "b"
    assert next_beside(tmp_path / "c") is None


@pytest.mark.gui
def test_the_window_asks_before_it_is_closed_and_the_tab_saves(
    make_napari_viewer: Any, plugin: PluginManager, plugin_settings: Any, qtbot: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    viewer = make_napari_viewer(show=True)
    dock = dock_of(viewer)
    window = viewer.window._qt_window
    qtbot.waitUntil(lambda: dock._keys.window is not None)
    guard = guard_window(viewer, window)
    asked: list[str] = []
    guard.asking = lambda _, sentence: bool(asked.append(sentence))
    layer = mask(viewer, name="of the network", **WARNED)
    from monai_attn.napari.keep.window import watch

    watch(viewer).computed(layer)
    get_settings().application.confirm_close_window = False  # napari's own question would wait for an answer
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=5000)
    _close_window(viewer.window)  # what Ctrl+W does
    assert window.isVisible()
    assert asked == ["A mask is not saved: of the network."]

    class UsersClose(QCloseEvent):
        def spontaneous(self) -> bool:
            return True

    event = UsersClose()
    assert guard.eventFilter(window, event)
    assert not event.isAccepted()

    panel = dock.show_tab("Save")
    assert panel.layer is layer
    assert "40 ml" in panel.warned.text()
    chosen = (str(tmp_path / "hand"), "NIfTI (*.nii.gz *.nii)")
    monkeypatch.setattr("monai_attn.napari.save.asking.QFileDialog.getSaveFileName", lambda *_, **__: chosen)
    dock.press_main()
    assert (tmp_path / "hand.nii.gz").is_file()
    assert panel.said.text() == "Saved: hand.nii.gz, hand.json"
    assert reasons_to_stay(viewer) == []
    assert guard.may_close()


@pytest.mark.gui
def test_a_window_in_which_a_file_was_dropped_asks_without_any_panel(
    make_napari_viewer: Any, plugin: PluginManager, tmp_path: Path
) -> None:
    viewer = make_napari_viewer()
    write(Volume(np.ones((9, 8, 7), np.int16)), tmp_path / "t1.nii")
    viewer.open(tmp_path / "t1.nii", plugin="monai_attn")
    guard = viewer.window._qt_window.findChild(CloseGuard)
    asked: list[str] = []
    guard.asking = lambda _, sentence: bool(asked.append(sentence))
    viewer._new_labels()
    layer = viewer.layers[-1]
    layer.data_setitem((np.array([3]), np.array([3]), np.array([3])), 1)
    assert not guard.may_close()
    assert asked == [f"A mask is not saved: {layer.name}."]
    saved(layer.data)
    assert guard.may_close()
