"""Scribbles over a mask: on a layer of their own, with the network's probability, as one step of undo."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from monai_attn import Volume
from monai_attn.errors import InputError, LabelError
from monai_attn.labels import LabelTable
from monai_attn.measure import dice
from monai_attn.napari.correct.scribble_box import ScribbleBox
from monai_attn.napari.correct.scribbling import HERE, NOT_HERE, Scribbles, is_scribbles
from monai_attn.napari.layers.provenance import RUN
from monai_attn.napari.layers.styles import restyle
from monai_attn.napari.layers.volumes import grid_of, image_layer, labels_layer, to_display, volume_of
from monai_attn.napari.qt.choices import is_mask

TILT = np.array([[-1.0, 0.1, 0.1, 40], [0.1, 1.0, -0.1, -30], [-0.1, 0.1, 1.2, 5], [0, 0, 0, 1]])


def scene(viewer: Any) -> tuple[Any, Any, np.ndarray]:
    """An image of a bright ball, a mask that missed half of it, and the ball."""
    index = np.indices((40, 36, 30), dtype=float)
    ball = sum((axis - at) ** 2 for axis, at in zip(index, (20, 18, 15), strict=True)) < 81
    noise = np.random.default_rng(1).normal(0, 5, ball.shape)
    volume = Volume((100 * ball + noise).astype(np.float32), TILT)
    data, keywords, _ = image_layer(volume, name="image")
    image = viewer.add_image(data, **keywords)
    half = volume.with_array((ball & (index[0] < 20)).astype(np.uint8))
    data, keywords, _ = labels_layer(half, name="mask", table=LabelTable.of_names({1: "cyst"}))
    mask = viewer.add_labels(data, **keywords)
    mask.selected_label = 1
    return image, mask, ball


def test_a_stroke_completes_the_mask_and_undo_brings_it_back(model: Any) -> None:
    image, mask, ball = scene(model)
    before = np.array(mask.data)
    scribbles = Scribbles(model)
    layer = scribbles.begin(mask, HERE)
    assert is_scribbles(layer)
    assert not is_mask(layer)
    assert (layer.mode, layer.selected_label) == ("paint", HERE)
    stroke = np.zeros(ball.shape, bool)
    stroke[22:27, 18, 15] = True
    layer.data_setitem(np.nonzero(to_display(stroke, grid_of(mask))), HERE)
    task = scribbles.task(image)
    voxels = task.apply(task.refinement.compute())
    assert voxels > 500
    assert dice(volume_of(mask, model.layers).array == 1, ball) > 0.95
    mask.undo()
    np.testing.assert_array_equal(mask.data, before)  # one step, though some voxels came and some went
    scribbles.end()
    assert layer not in model.layers
    assert model.layers.selection.active is mask


def scribble(scribbles: Scribbles, image: Any, mask: Any, kind: int, voxels: tuple[Any, ...]) -> int:
    """A stroke over voxels of the native grid, and what the mask makes of it; the number of voxels that changed."""
    layer = scribbles.begin(mask, kind)
    stroke = np.zeros(grid_of(mask).shape, bool)
    stroke[voxels] = True
    layer.data_setitem(np.nonzero(to_display(stroke, grid_of(mask))), kind)
    task = scribbles.task(image)
    return task.apply(task.refinement.compute())


FIRST, SECOND = (slice(22, 27), 18, 15), (slice(13, 15), 18, 15)
"""Strokes over the half of the ball that the mask has missed, and over the half that it holds."""


@pytest.mark.parametrize("by", ["mask", "scribbles"])
def test_a_stroke_is_undone_and_redone_with_what_it_made_of_the_mask(model: Any, by: str) -> None:
    image, mask, _ = scene(model)
    scribbles = Scribbles(model)
    states = [np.array(mask.data)]
    strokes = [0]
    for kind, voxels in ((HERE, FIRST), (NOT_HERE, SECOND)):
        assert scribble(scribbles, image, mask, kind, voxels) > 0
        states.append(np.array(mask.data))
        strokes.append(int(np.count_nonzero(scribbles.layer.data)))
    layer = {"mask": mask, "scribbles": scribbles.layer}[by]  # the button undoes the mask, the key the active layer
    for step, at in (("undo", 1), ("undo", 0), ("redo", 1), ("redo", 2), ("undo", 1)):
        getattr(layer, step)()
        np.testing.assert_array_equal(mask.data, states[at])
        assert np.count_nonzero(scribbles.layer.data) == strokes[at]


def test_a_stroke_that_was_undone_is_not_applied_again_by_the_next_one(model: Any) -> None:
    image, mask, _ = scene(model)
    scribbles = Scribbles(model)
    scribble(scribbles, image, mask, HERE, FIRST)
    mask.undo()
    once = np.array(mask.data)
    scribble(scribbles, image, mask, NOT_HERE, SECOND)
    assert not (np.array(mask.data)[once == 0] > 0).any()  # nothing came back in the other half
    mask.undo()
    np.testing.assert_array_equal(mask.data, once)
    assert not np.any(scribbles.layer.data)


def test_a_step_of_the_brush_is_undone_alone_and_strokes_without_effect_go_with_their_step(model: Any) -> None:
    image, mask, _ = scene(model)
    scribbles = Scribbles(model)
    before = np.array(mask.data)
    scribble(scribbles, image, mask, HERE, FIRST)
    drawn = int(np.count_nonzero(scribbles.layer.data))
    refined = np.array(mask.data)
    mask.data_setitem((np.array([0]), np.array([0]), np.array([0])), 1)
    scribbles.layer.data_setitem((np.array([1]), np.array([1]), np.array([1])), HERE)  # not refined yet
    mask.undo()
    np.testing.assert_array_equal(mask.data, refined)
    assert np.count_nonzero(scribbles.layer.data) == drawn + 1
    mask.undo()
    np.testing.assert_array_equal(mask.data, before)
    assert not np.any(scribbles.layer.data)


@pytest.mark.parametrize("undone", ["mask", "scribbles"])
def test_a_refinement_whose_stroke_was_undone_meanwhile_is_no_longer_valid(model: Any, undone: str) -> None:
    image, mask, _ = scene(model)
    mask.data_setitem((np.array([0]), np.array([0]), np.array([0])), 1)
    scribbles = Scribbles(model)
    layer = scribbles.begin(mask, HERE)
    layer.data_setitem((np.array([1]), np.array([1]), np.array([1])), HERE)
    task = scribbles.task(image)
    assert task.valid
    {"mask": mask, "scribbles": layer}[undone].undo()
    assert not task.valid


def test_the_probability_of_the_run_is_used_where_it_is_open(model: Any) -> None:
    image, mask, ball = scene(model)
    scribbles = Scribbles(model)
    scribbles.begin(mask, NOT_HERE)
    assert scribbles.refinement(image).probability is None
    probable = Volume(ball.astype(np.float32), TILT)
    data, keywords, _ = image_layer(probable, name="image net probability of cyst", role="probability")
    model.add_image(data, **keywords)
    found = scribbles.refinement(image).probability
    assert found is not None
    np.testing.assert_array_equal(found.array, probable.array)


def test_the_probability_of_another_run_is_not_used(model: Any) -> None:
    image, mask, ball = scene(model)
    mask.metadata[RUN] = "second"
    scribbles = Scribbles(model)
    scribbles.begin(mask, NOT_HERE)
    for run, share in (("first", 0.25), ("second", 0.75)):
        volume = Volume((share * ball).astype(np.float32), TILT)
        data, keywords, _ = image_layer(volume, name=f"image {run} probability of cyst", role="probability")
        keywords["metadata"][RUN] = run
        model.add_image(data, **keywords)
    found = scribbles.refinement(image).probability
    assert found is not None
    assert found.array.max() == 0.75


def test_scribbles_over_one_structure_say_nothing_of_another(model: Any) -> None:
    image, mask, _ = scene(model)
    said: list[str] = []
    scribbles = Scribbles(model, said.append)
    scribble(scribbles, image, mask, HERE, FIRST)
    first = scribbles.layer
    mask.selected_label = 2
    assert first not in model.layers
    assert "Another structure" in said[-1]
    scribbles.begin(mask, HERE)
    assert not np.any(scribbles.layer.data)  # what was scribbled for the first structure does not count
    scribbles.layer.data_setitem((np.array([1]), np.array([1]), np.array([1])), HERE)
    task = scribbles.task(image)
    assert (task.refinement.value, np.count_nonzero(task.refinement.here)) == (2, 1)


def test_another_colour_of_the_mask_does_not_end_the_scribbles(model: Any) -> None:
    image, mask, _ = scene(model)
    said: list[str] = []
    scribbles = Scribbles(model, said.append)
    scribble(scribbles, image, mask, HERE, FIRST)
    restyle(mask, 1, visible=False)
    assert scribbles.layer in model.layers
    assert said == []


def test_what_cannot_be_scribbled_on_is_refused(model: Any) -> None:
    _, mask, _ = scene(model)
    scribbles = Scribbles(model)
    scribbles.begin(mask, HERE)
    with pytest.raises(InputError, match="need the image of the mask"):
        scribbles.refinement(None)
    restyle(mask, 1, locked=True)
    with pytest.raises(LabelError, match="is locked"):
        scribbles.begin(mask, HERE)
    mask.selected_label = 0
    with pytest.raises(LabelError, match="background"):
        scribbles.begin(mask, HERE)


@pytest.mark.gui
def test_the_mask_follows_a_stroke_of_the_mouse(make_napari_viewer: Any, plugin: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer(show=False)
    image, mask, ball = scene(viewer)
    said: list[str] = []
    box = ScribbleBox(viewer, lambda: mask, lambda: image, said.append)
    qtbot.addWidget(box)
    box.buttons["it is here"].click()
    layer = viewer.layers.selection.active
    assert is_scribbles(layer)
    layer.n_edit_dimensions, layer.brush_size = 3, 3
    place = layer.world_to_data(mask.data_to_world(np.argwhere(mask.data).mean(axis=0)))
    middle = np.round(place).astype(int)
    other = 2 * np.round(np.argwhere(np.array(image.data) > 60).mean(axis=0)).astype(int) - middle
    layer.paint(tuple(int(x) for x in other), HERE)
    qtbot.waitUntil(lambda: any("by scribbles" in text for text in said), timeout=20_000)
    assert dice(volume_of(mask, viewer.layers).array == 1, ball) > 0.9
    box.buttons["done"].click()
    assert viewer.layers.selection.active is mask


@pytest.mark.gui
def test_a_refinement_goes_into_the_mask_it_was_made_for(make_napari_viewer: Any, plugin: Any, qtbot: Any) -> None:
    viewer = make_napari_viewer(show=False)
    image, mask, ball = scene(viewer)
    data, keywords, _ = labels_layer(volume_of(mask, viewer.layers), name="other", table=LabelTable.of_names({1: "a"}))
    other = viewer.add_labels(np.array(data), **keywords)
    other.selected_label = 1
    before = np.array(other.data)
    chosen, said = [mask], []
    box = ScribbleBox(viewer, lambda: chosen[0], lambda: image, said.append)
    qtbot.addWidget(box)
    box.buttons["it is here"].click()
    stroke = np.zeros(ball.shape, bool)
    stroke[FIRST] = True
    viewer.layers.selection.active.data_setitem(np.nonzero(to_display(stroke, grid_of(mask))), HERE)
    qtbot.waitUntil(lambda: box.worker is not None, timeout=5_000)
    chosen[0] = other
    box.buttons["it is here"].click()  # the user turns to the other mask while the first one is refined
    qtbot.waitUntil(lambda: any("by scribbles" in text for text in said), timeout=20_000)
    assert "cyst (1): +" in said[-1]
    np.testing.assert_array_equal(other.data, before)
    assert dice(volume_of(mask, viewer.layers).array == 1, ball) > 0.9
