"""Masks that were painted and not saved: kept, found again, offered, removed when saved."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corrected import TABLE, opened, phantom
from napari.components import ViewerModel
from napari.layers import Labels
from napari.layers._layer_actions import _convert_to_labels, _duplicate_layer

from monai_attn.errors import FileError
from monai_attn.labels import LabelTable
from monai_attn.napari.keep import rescue
from monai_attn.napari.keep.keeper import Keeper, saved
from monai_attn.napari.keep.leaving import may_leave, unsaved_masks
from monai_attn.napari.keep.rescue import Rescue, find_rescues, source_key, write_rescue
from monai_attn.napari.keep.window import Clock, discard, restore, watch
from monai_attn.napari.layers.made_from import MADE_FROM
from monai_attn.napari.layers.provenance import EDITED, PROVENANCE
from monai_attn.napari.layers.volumes import image_layer, origin_of, volume_of
from monai_attn.napari.save.writer import write_label_map
from monai_attn.segmentation import Segmentation
from monai_attn.volume import Volume, same_grid

TURN = (20, -35, 50)
NAME = "Doe_Jane_19700101.nii.gz"


def paint(layer: Labels) -> None:
    layer.data_setitem((np.array([2, 3]), np.array([4, 5]), np.array([6, 7])), 3)


def kept_session(folder: Path) -> tuple[Volume, Path]:
    """A mask painted in a viewer that is gone; what it was, and its file."""
    viewer, _, layer = opened(phantom(turn_deg=TURN), path=NAME)
    layer.metadata.update({PROVENANCE: {"bundle": "liver_ct"}, MADE_FROM: "series 1"})
    keeper = Keeper(viewer, folder=folder)
    paint(layer)
    [path] = keeper.keep()
    mask = volume_of(layer).with_array(volume_of(layer).array.copy())
    viewer.layers.clear()
    return mask, path


def reopened(folder: Path, grid: Volume, path: str = NAME) -> tuple[ViewerModel, Keeper, list[Rescue]]:
    viewer = ViewerModel()
    keeper = Keeper(viewer, folder=folder)
    offered: list[Rescue] = []
    keeper.offer = offered.extend
    viewer._add_layer_from_data(*image_layer(grid.with_array(np.zeros(grid.shape, np.int16)), name="ct", path=path))
    return viewer, keeper, offered


def test_a_painted_mask_comes_back_exactly_with_grid_names_and_provenance(tmp_path: Path) -> None:
    mask, _ = kept_session(tmp_path)
    viewer, keeper, offered = reopened(tmp_path, mask)
    assert len(offered) == 1
    layer = keeper.restore(offered[0])
    again = volume_of(layer)
    assert np.array_equal(again.array, mask.array)
    assert np.array_equal(again.affine, mask.affine)
    assert layer.data.dtype == np.uint8
    origin = origin_of(layer)
    assert origin is not None
    assert origin.table == TABLE
    assert layer.metadata[PROVENANCE] == {"bundle": "liver_ct"}
    assert layer.metadata[MADE_FROM] == "series 1"
    assert layer.metadata[EDITED] is True
    assert layer in viewer.layers


def test_neither_file_name_nor_content_tells_the_name_of_the_image(tmp_path: Path) -> None:
    _, path = kept_session(tmp_path)
    assert "doe" not in path.name.lower()
    with np.load(path) as file:
        assert "Doe" not in str(file["about"])


def test_another_image_is_offered_nothing(tmp_path: Path) -> None:
    mask, _ = kept_session(tmp_path)
    assert reopened(tmp_path, mask, "other.nii.gz")[2] == []
    affine = mask.affine.copy()
    affine[0, 3] += 5.0
    assert reopened(tmp_path, Volume(mask.array, affine))[2] == []


def test_a_mask_is_offered_once_and_not_while_it_is_shown(tmp_path: Path) -> None:
    mask, _ = kept_session(tmp_path)
    viewer, keeper, offered = reopened(tmp_path, mask)
    viewer._add_layer_from_data(*image_layer(mask, name="again", path=NAME))
    assert len(offered) == 1
    keeper.restore(offered[0])
    assert keeper.waiting() == []
    assert reopened(tmp_path, mask)[2] == []


def test_saving_removes_what_was_kept(tmp_path: Path) -> None:
    viewer, _, layer = opened(phantom())
    keeper = Keeper(viewer, folder=tmp_path)
    paint(layer)
    [path] = keeper.keep()
    assert path.is_file()
    saved(layer.data)
    assert not path.exists()
    assert keeper.keep() == []


def test_napari_saving_the_layer_removes_what_was_kept(tmp_path: Path) -> None:
    viewer, _, layer = opened(phantom())
    keeper = Keeper(viewer, folder=tmp_path / "state")
    paint(layer)
    [path] = keeper.keep()
    data, meta, _ = layer.as_layer_data_tuple()
    write_label_map(str(tmp_path / "mask.nii.gz"), data, meta)
    assert not path.exists()
    assert Segmentation.load(tmp_path / "mask.nii.gz").provenance == {"edited_by_hand": True}


def test_what_is_left_is_offered_once_at_the_start(tmp_path: Path) -> None:
    kept_session(tmp_path)
    viewer = ViewerModel()
    keeper = Keeper(viewer, folder=tmp_path)
    offered: list[Rescue] = []
    keeper.offer = offered.extend
    keeper.greet()
    keeper.greet()
    assert len(offered) == 1


def test_a_mask_saved_while_it_was_being_kept_leaves_no_file(tmp_path: Path) -> None:
    viewer, _, layer = opened(phantom())
    keeper = Keeper(viewer, folder=tmp_path)
    paint(layer)
    [task] = keeper.tasks()
    saved(layer.data)
    keeper.written(task, task.write())
    assert find_rescues(folder=tmp_path) == []


def test_each_layer_has_one_file_however_often_it_is_kept(tmp_path: Path) -> None:
    viewer, _, layer = opened(phantom())
    keeper = Keeper(viewer, folder=tmp_path)
    for value in (3, 2, 1):
        layer.selected_label = value
        layer.paint((5, 5, 5), value)
        keeper.keep()
    assert len(list(tmp_path.iterdir())) == 1


def test_painting_is_kept_after_a_pause_and_undo_counts_as_painting(tmp_path: Path) -> None:
    viewer, _, layer = opened(phantom())
    keeper = Keeper(viewer, folder=tmp_path)
    asked: list[float] = []
    keeper.schedule = asked.append
    viewer.dims.set_point(0, 70.0)
    assert asked == []
    before = layer.data.copy()
    paint(layer)
    keeper.keep()
    layer.undo()
    assert len(asked) == 2
    assert asked[0] == pytest.approx(2.0)
    keeper.keep()
    [found] = find_rescues(folder=tmp_path)
    assert np.array_equal(found.labels().array, volume_of(layer).array)
    assert np.array_equal(layer.data, before)


@pytest.mark.gui
def test_what_was_painted_just_before_the_end_is_kept(qapp: Any) -> None:
    viewer, _, layer = opened(phantom())
    watch(viewer)
    paint(layer)
    assert find_rescues() == []  # the pause after the stroke is not over
    qapp.aboutToQuit.emit()
    [found] = find_rescues()
    assert np.array_equal(found.labels().array, volume_of(layer).array)
    found.discard()
    qapp.aboutToQuit.emit()
    assert find_rescues() == []


def test_layers_that_are_no_masks_of_the_users_are_not_kept(tmp_path: Path) -> None:
    viewer, _, layer = opened(phantom())
    keeper = Keeper(viewer, folder=tmp_path)
    lost = viewer.add_labels(np.zeros((4, 4, 4), np.uint8), name="no place")
    lost.data_setitem((np.array([1]),) * 3, 1)
    assert keeper.keep() == []
    assert EDITED not in layer.metadata


def test_new_labels_drawn_on_an_image_are_kept_for_it(tmp_path: Path) -> None:
    viewer, image, layer = opened(phantom(turn_deg=TURN), path=NAME)
    viewer.layers.remove(layer)
    keeper = Keeper(viewer, folder=tmp_path)
    drawn = viewer.add_labels(np.zeros(image.data.shape, np.uint8), scale=image.scale, translate=image.translate)
    paint(drawn)
    [path] = keeper.keep()
    origin = origin_of(image)
    assert origin is not None
    [found] = find_rescues(source_key(NAME, origin.grid), tmp_path)
    assert found.path == path
    assert np.array_equal(found.labels().array, volume_of(drawn, viewer.layers).array)


def test_files_of_a_process_that_still_runs_are_not_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = phantom()
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        import psutil

        monkeypatch.setattr(rescue, "_this_process", lambda: (child.pid, psutil.Process(child.pid).create_time()))
        write_rescue(labels, TABLE, ["key"], folder=tmp_path)
        assert find_rescues(folder=tmp_path) == []
    finally:
        child.kill()
        child.wait()
    assert len(find_rescues(folder=tmp_path)) == 1


def test_old_files_are_removed_and_broken_ones_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    old = write_rescue(phantom(), TABLE, ["key"], folder=tmp_path)
    os.utime(old, (time.time() - 31 * 86400,) * 2)
    broken = tmp_path / "key-0000.npz"
    broken.write_bytes(b"not an archive")
    assert find_rescues(folder=tmp_path) == []
    assert not old.exists()
    assert broken.exists()
    assert "key-0000.npz, an unsaved mask, cannot be read" in caplog.text


def test_a_file_that_is_being_written_does_not_disturb_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rescue(phantom(), TABLE, ["key"], folder=tmp_path)
    real = Path.glob
    listed = lambda folder, pattern: [*real(folder, pattern), folder / ".half-written.npz"]  # noqa: E731
    monkeypatch.setattr(Path, "glob", listed)
    assert len(find_rescues(folder=tmp_path)) == 1


def test_a_file_that_vanished_is_said_to_be_unreadable(tmp_path: Path) -> None:
    mask, path = kept_session(tmp_path)
    [found] = find_rescues(folder=tmp_path)
    path.unlink()
    with pytest.raises(FileError, match=r"The unsaved mask of \d\d:\d\d cannot be read any more"):
        found.labels()
    assert same_grid(mask, mask)


def test_an_empty_mask_is_kept_too(tmp_path: Path) -> None:
    empty = Volume(np.zeros((4, 5, 6), np.uint16))
    write_rescue(empty, LabelTable(), [], folder=tmp_path)
    [found] = find_rescues(folder=tmp_path)
    assert found.labels().shape == (4, 5, 6)
    assert not found.labels().array.any()
    found.discard()
    assert find_rescues(folder=tmp_path) == []


def test_a_viewer_has_one_keeper_and_is_not_held_by_it() -> None:
    import gc
    import weakref

    viewer = ViewerModel()
    assert watch(viewer) is watch(viewer)
    gone = weakref.ref(viewer)
    del viewer
    gc.collect()
    assert gone() is None


def test_who_goes_on_at_once_after_a_stroke_finds_a_copy_of_a_fresh_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, image, labels = opened(phantom(turn_deg=TURN), path=NAME)
    viewer.layers.remove(labels)
    keeper = Keeper(viewer, folder=tmp_path)  # nobody calls `keep`: the pause after the stroke is not over
    fresh = viewer.add_labels(np.zeros(image.data.shape, np.uint8), scale=image.scale, translate=image.translate)
    paint(fresh)
    assert not may_leave(viewer, None, lambda *_: False)
    assert keeper.waiting() == []
    assert may_leave(viewer, None, lambda *_: True)
    painted = volume_of(fresh, viewer.layers).array.copy()
    viewer.layers.clear()
    [found] = keeper.waiting()
    assert np.array_equal(found.labels().array, painted)

    shown: list[str] = []
    monkeypatch.setattr("monai_attn.napari.keep.leaving.show_error", shown.append)
    again = keeper.restore(found)
    paint(again)
    monkeypatch.setattr("monai_attn.napari.keep.rescue.np.savez_compressed", refuse)
    assert not may_leave(viewer, None, lambda *_: True)
    [sentence] = shown
    assert sentence.startswith("The masks stay open, since no copy can be kept.")
    assert "No space left on device" in sentence


def refuse(*_: Any, **__: Any) -> None:
    """A disk that is full."""
    raise OSError(28, "No space left on device")


def test_a_mask_that_the_disk_refused_once_is_written_when_the_user_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, _, layer = opened(phantom())
    keeper = Keeper(viewer, folder=tmp_path)
    paint(layer)
    with monkeypatch.context() as full:
        full.setattr("monai_attn.napari.keep.rescue.np.savez_compressed", refuse)
        with pytest.raises(FileError, match="No space left on device"):
            keeper.keep()
    assert len(keeper.keep()) == 1
    keeper.files[layer].unlink()
    assert may_leave(viewer, None, lambda *_: True)
    assert len(find_rescues(folder=tmp_path)) == 1


@pytest.mark.gui
def test_a_round_that_the_disk_refused_is_written_with_the_next_one(
    qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, _, layer = opened(phantom())
    keeper = Keeper(viewer, folder=tmp_path)
    clock = Clock(keeper)
    shown: list[str] = []
    monkeypatch.setattr("monai_attn.napari.keep.window.show_error", shown.append)
    paint(layer)
    with monkeypatch.context() as full:
        full.setattr("monai_attn.napari.keep.rescue.np.savez_compressed", refuse)
        clock.tick()
        qtbot.waitUntil(lambda: not clock.busy, timeout=10000)
    assert "No space left on device" in shown[0]
    clock.tick()
    qtbot.waitUntil(lambda: not clock.busy, timeout=10000)
    assert len(find_rescues(folder=tmp_path)) == 1
    assert keeper.tasks() == []


def test_a_mask_kept_anew_while_it_was_being_written_has_one_file(tmp_path: Path) -> None:
    viewer, _, layer = opened(phantom())
    keeper = Keeper(viewer, folder=tmp_path)
    paint(layer)
    [slow] = keeper.tasks()
    assert keeper.keep_unsaved() == []
    keeper.written(slow, slow.write())
    assert list(tmp_path.iterdir()) == [keeper.files[layer]]


def test_a_mask_without_a_place_in_the_patient_is_named_and_stays_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, _, layer = opened(phantom())
    Keeper(viewer, folder=tmp_path)
    stray = viewer.add_labels(np.zeros((9, 9, 9), np.uint8), name="stray")
    paint(stray)
    paint(layer)
    shown: list[str] = []
    monkeypatch.setattr("monai_attn.napari.keep.leaving.show_error", shown.append)
    assert not may_leave(viewer, None, lambda *_: True)
    [sentence] = shown
    assert sentence.startswith("The masks stay open, since no copy can be kept. The layer 'stray' was not opened with")
    viewer.layers.remove(stray)
    assert may_leave(viewer, None, lambda *_: True)
    assert len(find_rescues(folder=tmp_path)) == 1


def test_a_mask_that_was_restored_meanwhile_is_not_discarded(tmp_path: Path) -> None:
    kept_session(tmp_path)
    first, second = ViewerModel(), ViewerModel()
    keeper, other = Keeper(first, folder=tmp_path), Keeper(second, folder=tmp_path)
    found = keeper.waiting()
    restore(keeper, found)
    discard(keeper, found)
    discard(other, found)
    assert len(find_rescues(folder=tmp_path)) == 1


def test_a_waiting_mask_is_discarded_for_good(tmp_path: Path) -> None:
    kept_session(tmp_path)
    viewer = ViewerModel()
    keeper = Keeper(viewer, folder=tmp_path)
    discard(keeper, keeper.waiting())
    assert find_rescues(folder=tmp_path) == []


@pytest.mark.filterwarnings("ignore:projection mode")  # napari's own
@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_an_image_that_napari_made_labels_of_is_painted_on_and_kept(tmp_path: Path, kind: type) -> None:
    labels = phantom(turn_deg=TURN)
    viewer = ViewerModel()
    keeper = Keeper(viewer, folder=tmp_path)
    image = labels.with_array(labels.array.astype(kind))
    viewer._add_layer_from_data(*image_layer(image, name="atlas", path=NAME))
    _convert_to_labels(viewer.layers)
    mask = viewer.layers[-1]
    assert isinstance(mask, Labels)
    assert unsaved_masks(viewer) == []
    paint(mask)
    assert unsaved_masks(viewer) == [mask]
    assert len(keeper.keep()) == 1
    [found] = find_rescues(source_key(NAME, labels), tmp_path)
    again = found.labels()
    assert same_grid(again, labels)
    assert np.array_equal(again.array, volume_of(mask).array)
    assert (again.array != labels.array).sum() == 2
    assert np.array_equal(image.array, labels.array)


def test_the_copy_of_an_unsaved_mask_is_unsaved_and_that_of_a_saved_mask_is_not(tmp_path: Path) -> None:
    viewer, _, layer = opened(phantom())
    keeper = Keeper(viewer, folder=tmp_path)
    _duplicate_layer(viewer.layers)
    assert keeper.unsaved() == []
    viewer.layers.selection.active = layer
    paint(layer)
    _duplicate_layer(viewer.layers)
    copy = viewer.layers["mask copy [1]"]
    assert keeper.unsaved() == [layer, copy]
    saved(layer.data)
    assert keeper.unsaved() == [copy]
    assert len(keeper.keep()) == 1
