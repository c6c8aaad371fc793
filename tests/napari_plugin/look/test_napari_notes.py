"""Notes on the canvas: where they stand, the legend of what is seen, and the way out where napari differs."""

import numpy as np
import pytest
from napari.components import ViewerModel

from monai_attn.labels import LabelTable
from monai_attn.napari.layers.strokes import keep_locked
from monai_attn.napari.layers.styles import recolour, rename, restyle
from monai_attn.napari.layers.volumes import image_layer, labels_layer
from monai_attn.napari.look import notes_overlay
from monai_attn.napari.look.canvas import canvas_notes
from monai_attn.napari.look.notes import LEGEND_LINES, Note, arrange, legend_note, stacked
from monai_attn.napari.look.planes import show_3d, show_plane
from monai_attn.napari.look.seen import values_seen
from monai_attn.volume import Volume

AFFINE = np.diag([1.0, 1.5, 3.0, 1.0])
TABLE = LabelTable.of_names({1: "liver", 2: "liver tumour", 7: "spleen"})


@pytest.fixture
def viewer() -> ViewerModel:
    """A mask with the liver in slices 0-5 and the spleen in slices 4-9 of ten."""
    mask = np.zeros((12, 10, 10), np.uint8)
    mask[2:6, 2:8, :6], mask[8:10, 2:8, 4:] = 1, 7
    viewer = ViewerModel()
    canvas_notes(viewer)
    data, keywords, _ = image_layer(Volume(mask, AFFINE, "CT", "HU"), name="CT", contrast_limits=(0, 1))
    viewer.add_image(data, **keywords)
    data, keywords, _ = labels_layer(Volume(mask, AFFINE), name="mask", table=TABLE)
    viewer.add_labels(data, **keywords)
    show_plane(viewer, "axial")
    return viewer


@pytest.mark.parametrize(("slice_", "names"), [(0, "liver"), (5, "liver\nspleen"), (9, "spleen")])
def test_the_legend_names_the_structures_of_the_slice(viewer, slice_, names):
    viewer.dims.set_current_step(0, slice_)
    assert canvas_notes(viewer).text("legend") == names


def test_the_legend_follows_names_colours_eyes_and_the_brush(viewer):
    notes, layer = canvas_notes(viewer), viewer.layers["mask"]
    viewer.dims.set_current_step(0, 0)
    rename(layer, 1, "hepar")
    recolour(layer, 1, "#102030")
    overlay = viewer.canvas.overlays[notes_overlay.NOTES_KEY]
    assert overlay.notes["legend"] == Note("hepar", "top_right", size_pt=10.0, swatches=("#102030",))
    layer.data_setitem((np.array([0]), np.array([0]), np.array([0])), 2)
    assert notes.text("legend") == "hepar\nliver tumour"
    restyle(layer, 1, visible=False)
    assert notes.text("legend") == "liver tumour"
    layer.visible = False
    assert notes.text("legend") == ""


def test_the_legend_follows_undo_redo_and_locks(viewer):
    notes, layer = canvas_notes(viewer), viewer.layers["mask"]
    viewer.dims.set_current_step(0, 0)
    steps = []
    layer.events.paint.connect(lambda event: steps.append(event.value))
    layer.data_setitem((np.array([0]), np.array([0]), np.array([0])), 2)
    assert notes.text("legend") == "liver\nliver tumour"
    layer.undo()
    assert notes.text("legend") == "liver"
    layer.redo()
    assert notes.text("legend") == "liver\nliver tumour"
    keep_locked(layer, steps[:1], frozenset({2}))
    assert notes.text("legend") == "liver"


def test_the_legend_can_be_switched_off_and_names_all_structures_in_3d(viewer):
    notes = canvas_notes(viewer)
    viewer.dims.set_current_step(0, 0)
    show_3d(viewer)
    assert notes.text("legend") == "liver\nspleen"
    notes.legend = False
    assert notes.text("legend") == ""
    assert "legend" not in viewer.canvas.overlays[notes_overlay.NOTES_KEY].notes


def test_a_long_legend_counts_what_it_leaves_out():
    labels = list(LabelTable.of_names({value: f"vertebra {value} " + "x" * 40 for value in range(1, 100)}))
    note = legend_note(labels, "top_right")
    lines = note.text.split("\n")
    assert len(lines) == LEGEND_LINES
    assert lines[-1] == f"and {99 - LEGEND_LINES + 1} more"
    assert len(note.swatches) == LEGEND_LINES - 1
    assert max(map(len, lines)) <= 32


def test_labels_of_any_type_are_seen(viewer):
    layer = viewer.layers["mask"]
    viewer.dims.set_current_step(0, 5)
    seen = {values_seen(layer, viewer.dims)}
    for kind in (np.uint16, np.int32, np.int64):
        layer.data = np.asarray(layer.data).astype(kind)
        seen.add(values_seen(layer, viewer.dims))
    assert seen == {frozenset({1, 7})}


def test_notes_keep_to_their_corners_and_stack():
    notes = [Note("a", "top_left"), Note("b", "top_left"), Note("c", "bottom_right"), Note("d", "middle_center")]
    corners = arrange(notes, [(30, 10), (50, 20), (40, 12), (10, 10)], (200, 100))
    assert corners == [[8, 8], [8, 21], [152, 80], [95, 45]]


def test_sprites_are_found_again_in_the_picture_of_all():
    one, other = np.full((2, 3, 4), 5, np.uint8), np.full((1, 4, 4), 9, np.uint8)
    whole, where = stacked({"one": one, "other": other})
    assert whole.shape == (3, 4, 4)
    for name, picture in (("one", one), ("other", other)):
        row, height, width = where[name]
        assert np.array_equal(whole[row : row + height, :width], picture)
    assert stacked({})[0].shape == (1, 1, 4)


def test_where_napari_draws_overlays_otherwise_its_own_text_says_the_same(viewer, monkeypatch):
    canvas_notes(viewer).close()
    monkeypatch.setattr(notes_overlay, "_overlay_class", lambda: None)
    notes = canvas_notes(viewer)
    viewer.dims.set_current_step(0, 0)
    said = {str(overlay.text) for overlay in viewer.canvas.overlays.values() if getattr(overlay, "text", "")}
    assert {"R", "L", "A", "P", "liver", notes.text("place")} <= said
    viewer.layers.clear()
    shown = [name for name, overlay in viewer.canvas.overlays.items() if "monai_attn" in name and overlay.visible]
    assert shown == []
    notes.close()
    assert not [name for name in viewer.canvas.overlays if "monai_attn" in name]


@pytest.mark.gui
def test_the_notes_are_drawn_where_they_belong(make_napari_viewer, qtbot):
    window = make_napari_viewer(show=True)
    mask = np.zeros((12, 10, 10), np.uint8)
    mask[2:6] = 1
    table = LabelTable.of_names({1: "liver"})
    data, keywords, _ = labels_layer(Volume(mask, AFFINE), name="mask", table=table)
    window.add_labels(data, **keywords).opacity = 0  # nothing but notes on the canvas
    notes = canvas_notes(window)
    window.canvas.overlays.scale_bar.visible = False
    qtbot.wait(100)
    picture = np.asarray(window.screenshot(canvas_only=True, flash=False))[..., :3].astype(int)
    half, third = picture.shape[1] // 2, picture.shape[0] // 3
    patch = np.abs(picture - np.round(255 * np.array(table[1].rgb))).max(axis=-1) < 3
    assert patch[:third, half:].sum() > 30  # the patch of the liver's colour
    assert patch[:third, :half].sum() == patch[third:].sum() == 0
    assert (picture[:third, :half].min(axis=-1) > 180).any()  # white letters: the plane
    notes.legend = False
    qtbot.wait(50)
    picture = np.asarray(window.screenshot(canvas_only=True, flash=False))[..., :3].astype(int)
    assert (np.abs(picture - np.round(255 * np.array(table[1].rgb))).max(axis=-1) < 3).sum() == 0
