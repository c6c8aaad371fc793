"""The panel "Learn": cases are chosen, a training runs in a thread, and its bundle is offered where masks are made."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QApplication

from monai_attn.bundle.locate import find_bundle
from monai_attn.cases.labelled import find_labelled
from monai_attn.errors import FileError, InputError
from monai_attn.labels import LabelTable
from monai_attn.napari.dock.window import dock_of
from monai_attn.napari.keep.guard import reasons_to_stay
from monai_attn.napari.layers.made_from import MADE_FROM, image_key
from monai_attn.napari.layers.provenance import PROVENANCE
from monai_attn.napari.layers.volumes import image_layer, labels_layer, origin_of
from monai_attn.napari.learn.cases import open_cases, open_masks, write_cases
from monai_attn.napari.learn.form import NEW_NETWORK
from monai_attn.napari.learn.panel import LearnWidget
from monai_attn.napari.learn.training import LearnRequest, train
from monai_attn.volume import Volume

AFFINE = np.diag([2.0, 2.0, 3.0, 1.0])
SHAPE = (24, 24, 16)

SMALL = (
    "network_def::channels=[8,16,32]; network_def::strides=[2,2]; network_def::kernel_sizes=[3,3,3]; batch_size=2; "
    "epoch_steps=20; val_interval=2; max_steps=80; ema_momentum=0.1; head_rate=0.01"
)
"""A network of seconds, and the rates that the plan has for so few steps."""


def until(happened: Callable[[], bool], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while not happened() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)
    return happened()


def ball(number: int) -> tuple[Volume, Volume]:
    """A CT with a bright ball, and its mask."""
    centre = np.array([12 + number % 3, 11, 8])
    inside = (((np.indices(SHAPE).T - centre) * [1.0, 1.0, 1.5]) ** 2).sum(-1).T < 20
    noise = np.random.default_rng(number).normal(-50, 30, SHAPE)
    ct = Volume((noise + 300 * inside).astype(np.int16), AFFINE, modality="CT", unit="HU")
    return ct, Volume(inside.astype(np.uint8), AFFINE)


def add_balls(viewer: Any, count: int) -> list[Any]:
    """So many cases beside each other, each on a grid of its own; the layers of the masks."""
    masks = []
    for number in range(count):
        ct, mask = ball(number)
        moved = AFFINE.copy()
        moved[0, 3] = 200.0 * number
        made = (
            image_layer(Volume(ct.array, moved, "CT", "HU"), name=f"ct {number}"),
            labels_layer(Volume(mask.array, moved), name=f"mask {number}", table=LabelTable.of_names({1: "ball"})),
        )
        for data, keywords, kind in made:
            layer = getattr(viewer, f"add_{kind}")(data, **keywords)
        masks.append(layer)
    return masks


def test_open_masks_become_a_data_set_that_names_nobody(tmp_path: Path) -> None:
    viewer = ViewerModel()
    masks = add_balls(viewer, 3)
    masks[1].visible = False
    cases = open_cases(open_masks(viewer.layers), viewer.layers)
    assert len(cases) == 2
    assert open_masks(viewer.layers, masks[1]) == [masks[1]]
    root = write_cases(cases, tmp_path / "new")
    found = find_labelled(root)
    assert [label.name for label in found.labels] == ["ball"]
    assert [case.name for case in found] == ["case_1", "case_2"]
    assert not [path for path in root.rglob("*") if "ct" in path.name or "mask" in path.name]
    with pytest.raises(FileError, match="exists already"):
        write_cases(cases, root)
    other = labels_layer(ball(0)[1], name="other", table=LabelTable.of_names({1: "spleen"}))
    viewer.add_labels(other[0], **other[1])
    with pytest.raises(InputError, match="Label 1 is 'ball' in one mask and 'spleen' in another"):
        write_cases(open_cases(open_masks(viewer.layers), viewer.layers), tmp_path / "two_names")
    with pytest.raises(InputError, match="No mask with an image on its grid is open"):
        write_cases([], tmp_path / "none")
    more = replace(cases[1], table=LabelTable.of_names({1: "ball", 2: "ring"}))
    drawn = [case.drawn for case in find_labelled(write_cases([cases[0], more], tmp_path / "two_tables"))]
    assert drawn == [{1}, None]  # nobody looked for the ring in the first
    mr = replace(cases[1], image=replace(cases[1].image, modality="MR", unit=""))
    with pytest.raises(InputError, match="The masks lie on images of CT and MR"):
        write_cases([cases[0], mr], tmp_path / "two_modalities")
    assert not (tmp_path / "two_modalities").exists()
    pet = replace(cases[0], image=replace(cases[0].image, modality="PT", unit="g/ml"))
    (image,) = find_labelled(write_cases([pet], tmp_path / "pet")).images
    assert (image.modality, image.unit) == ("PT", "g/ml")


def test_a_mask_is_learned_with_the_image_that_it_was_made_from() -> None:
    """The topmost image of the grid was taken, as the contrast phase for a mask of the native one."""
    viewer = ViewerModel()
    image, labels = ball(0)
    for name in ("native", "contrast"):
        volume = replace(image, array=image.array + (100 if name == "contrast" else 0))
        layer = image_layer(volume, name=name, path=f"{name}.nii.gz")
        viewer.add_image(layer[0], **layer[1])
    made = labels_layer(labels, name="mask", table=LabelTable.of_names({1: "ball"}))
    made[1]["metadata"][MADE_FROM] = image_key(origin_of(viewer.layers["native"]))
    viewer.add_labels(made[0], **made[1])
    (case,) = open_cases(open_masks(viewer.layers), viewer.layers)
    np.testing.assert_array_equal(case.image.array, image.array)


def test_a_folder_that_is_taken_is_refused_before_the_cases_are_copied_beside_it(tmp_path: Path) -> None:
    viewer = ViewerModel()
    add_balls(viewer, 1)
    cases = tuple(open_cases(open_masks(viewer.layers), viewer.layers))
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").touch()
    work: Any = SimpleNamespace(show=lambda _: None, abandoned=lambda: False)
    with pytest.raises(FileError, match="taken is not empty"):
        train(LearnRequest(tmp_path / "taken", 1.0, cases=cases), threading.Event(), work)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.gui
def test_the_panel_says_what_is_missing_and_begins_with_the_bundle_that_made_a_mask(
    make_napari_viewer: Any, plugin: Any, plugin_settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONAI_ATTN_BUNDLES", str(tmp_path / "bundles"))
    viewer = make_napari_viewer(show=True)
    dock = dock_of(viewer)
    panel = dock.show_tab("Learn")
    assert not panel.form.run.isEnabled()
    assert "Choose labelled cases" in panel.form.findings.text()
    panel.show_dataset(tmp_path)  # which holds none
    assert until(lambda: "Looking" not in panel.form.data.text())
    assert panel.dataset is None
    assert not panel.form.run.isEnabled()

    (mask,) = add_balls(viewer, 1)
    mask.metadata[PROVENANCE] = {"bundle": "hippocampus_mri"}
    correct = dock.show_tab("Correct")
    viewer.layers.selection.active = mask
    correct.learn.click()
    assert dock.shown == "Learn"
    assert panel.form.initial.currentText() == "hippocampus_mri"
    assert panel.form.minutes.value() == 5
    assert panel.form.data.text() == "1 open mask with an image: ball."
    assert Path(panel.form.output.text()) == tmp_path / "bundles" / "learned"
    assert panel.form.run.isEnabled()
    panel.form.overrides.setText("nonsense")
    assert not panel.form.run.isEnabled()

    mask.metadata[PROVENANCE] = {"bundle": "elsewhere"}
    panel.learn_from(mask)
    assert panel.form.initial.currentText() == NEW_NETWORK
    assert "The bundle elsewhere that made the mask is not in the list" in panel.form.data.text()
    shutil.copytree(find_bundle("hippocampus_mri"), tmp_path / "elsewhere")
    dock.panel("Segment").add_bundle(tmp_path / "elsewhere")  # as "Folder…" does
    panel.learn_from(mask)
    assert panel.form.initial.currentText() == "elsewhere"
    assert panel.form.initial.currentData() == str(tmp_path / "elsewhere")
    assert "elsewhere" not in panel.form.data.text()


@pytest.mark.gui
def test_a_training_takes_the_masks_as_they_are_when_it_starts(
    make_napari_viewer: Any, plugin: Any, plugin_settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONAI_ATTN_BUNDLES", str(tmp_path / "bundles"))
    told: list[str] = []
    monkeypatch.setattr("monai_attn.napari.learn.panel.show_error", told.append)
    viewer = make_napari_viewer(show=False)
    panel = LearnWidget(viewer)
    viewer.window.add_dock_widget(panel, name="Learn")
    (mask,) = add_balls(viewer, 1)
    panel.learn_from(mask)
    before = np.count_nonzero(mask.data)
    mask.data_setitem((np.array([0, 1]), np.array([0, 0]), np.array([0, 0])), [1, 2])  # corrected afterwards
    (case,) = panel.request().cases
    assert np.count_nonzero(case.labels.array) == before + 2
    assert [label.value for label in case.table] == [1, 2]
    mask.data_setitem((np.array([2]), np.array([0]), np.array([0])), 1)  # while the training runs
    assert np.count_nonzero(case.labels.array) == before + 2
    viewer.layers.clear()
    add_balls(viewer, 1)
    panel.form.run.click()
    assert panel.worker is None
    assert told == ["mask 0 is empty, or the mask or its image was closed. Choose the masks again."]


@pytest.mark.slow
@pytest.mark.gui
def test_a_training_in_the_window_gives_a_bundle_that_is_offered_and_cancel_keeps_the_best_weights(
    make_napari_viewer: Any, plugin: Any, plugin_settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONAI_ATTN_BUNDLES", str(tmp_path / "bundles"))
    viewer = make_napari_viewer(show=True)
    dock = dock_of(viewer)
    panel = dock.show_tab("Learn")
    add_balls(viewer, 5)
    panel.form.layers.click()
    panel.form.overrides.setText(SMALL)
    panel.form.minutes.setValue(10)
    panel.form.run.click()
    assert reasons_to_stay(viewer) == ["A training is running and would be ended."]
    assert until(lambda: panel.worker is None, 500)
    assert "Mean Dice on 1 case of the validation: ball " in panel.form.status.text()  # 0.9 or 1.00
    assert any(point.loss for point in panel.form.curve.points)
    segment = dock.panels["Segment"]
    assert segment.bundle == str(tmp_path / "bundles" / "learned")
    assert segment.form.bundles.currentText() == "learned"

    # the next one is ended after its first validation
    panel.form.initial.setCurrentText("learned")
    panel.form.overrides.setText("max_steps=2000; epoch_steps=5; val_interval=1")
    panel.form.run.click()
    assert until(lambda: any(point.dice for point in panel.form.curve.points), 500)
    panel.form.cancel.click()
    assert until(lambda: panel.worker is None, 300)
    assert panel.form.status.text().startswith("Ended early; these are the best weights.")
    assert (tmp_path / "bundles" / "learned_2" / "models" / "model.pt").is_file()
    assert segment.bundle == str(tmp_path / "bundles" / "learned_2")
