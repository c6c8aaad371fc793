"""Window, slab and mouse on a ViewerModel, and what is remembered."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.settings import get_plugin_settings

from monai_attn.errors import GeometryError, InputError
from monai_attn.napari.layers.volumes import image_layer, labels_layer, world_of
from monai_attn.napari.look.looking import SLABS, drag_window, opening_window, set_slab, set_window, slab_of
from monai_attn.napari.look.planes import show_plane
from monai_attn.napari.open.notes import layer_notes
from monai_attn.napari.settings import PLUGIN, settings
from monai_attn.volume import Volume

RAMP = np.linspace(0, 1000, 20 * 30 * 40).reshape(20, 30, 40).astype(np.float32)
AFFINE = np.diag([1.0, 1.5, 2.5, 1])


@pytest.fixture(autouse=True)
def preferences(plugin_settings, plugin):
    """Those of this test alone."""
    return get_plugin_settings(PLUGIN)


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


def add(viewer, unit="HU", modality="CT", array=RAMP):
    data, keywords, _ = image_layer(Volume(array, AFFINE, modality=modality, unit=unit), name=f"{modality} {unit}")
    return viewer.add_image(data, **keywords)


def test_a_window_is_drawn_and_remembered_for_images_of_its_kind_alone(viewer, preferences):
    layer = add(viewer)
    set_window(layer, "-600/1500")
    assert layer.contrast_limits == [-1350, 150]
    again = opening_window(Volume(RAMP, unit="HU"))
    assert (again.lower, again.upper) == (-1350, 150)
    assert opening_window(Volume(RAMP, unit="g/ml")).text == "window 5/10 g/ml"
    assert opening_window(Volume(RAMP)).text == "window 1-99 % of the image"
    assert "-600/1500" in preferences.config_path.read_text(), "for the next start"


def test_numbers_of_an_mr_are_not_remembered_but_percentiles_are(viewer):
    layer = add(viewer, unit="", modality="MR")
    set_window(layer, "500/100")
    assert layer.contrast_limits == [450, 550]
    assert settings().window_mr == "1-99 %"
    set_window(layer, "5-95 %")
    assert settings().window_mr == "5-95 %"


def test_where_napari_does_not_know_the_plugin_windows_are_drawn_all_the_same(viewer, plugin):
    plugin.deactivate(PLUGIN)
    plugin.disable(PLUGIN)
    set_window(layer := add(viewer), "40/80")
    assert layer.contrast_limits == [0, 80]
    assert opening_window(Volume(RAMP, unit="HU")).text == "window 40/400 HU"


def test_an_image_opens_where_a_folder_of_the_preferences_is_gone(preferences):
    preferences.folders.images = preferences.folders.results = preferences.folders.bundles = "/nowhere/at all"
    assert opening_window(Volume(RAMP, unit="HU")).text == "window 40/400 HU"


def test_a_text_that_is_no_window_is_refused_and_nothing_changes(viewer):
    layer = add(viewer)
    before = layer.contrast_limits
    with pytest.raises(InputError, match="for example 40/400"):
        set_window(layer, "soft")
    assert layer.contrast_limits == before
    assert settings().window_ct == "40/400"


def test_a_film_or_a_flat_picture_is_left_to_napari(viewer):
    film = viewer.add_image(np.zeros((3, 4, 5, 6)), name="film")
    with pytest.raises(GeometryError, match="'film' is not one 3-D image"):
        set_window(film, "40/400")


def test_an_array_from_elsewhere_has_percentiles(viewer):
    layer = viewer.add_image(RAMP)
    set_window(layer, "0-100 %")
    assert layer.contrast_limits == [0, 1000]


def drag(viewer, *steps, button=1, modifiers=(), end=True):
    """Press at (100, 100), move by each step (right, down), release."""
    event = SimpleNamespace(type="mouse_press", pos=(100, 100), button=button, modifiers=modifiers, handled=False)
    moves = drag_window(viewer, event)
    if next(moves, "refused") == "refused":
        return event
    event.type = "mouse_move"
    for right, down in steps:
        event.pos = (100 + right, 100 + down)
        next(moves)
    event.type = "mouse_release"
    assert next(moves, "end") == "end"
    return event


def test_a_drag_to_the_right_widens_upwards_brightens_this_image_alone(viewer):
    layer = add(viewer)
    layer.contrast_limits = (-160, 240)
    event = drag(viewer, (75, 0), (150, 0))
    assert layer.contrast_limits == [-360, 440]
    assert event.handled, "or the camera would move too"
    drag(viewer, (0, -150))
    assert layer.contrast_limits == [-760, 40]
    assert settings().window_ct == "40/400"


def test_a_click_or_another_button_or_a_brush_leaves_the_window_alone(viewer):
    layer = add(viewer)
    layer.contrast_limits = (-160, 240)
    assert not drag(viewer).handled
    drag(viewer, (50, 50), button=2)
    drag(viewer, (50, 50), modifiers=("Shift",))
    data, keywords, _ = labels_layer(Volume(np.zeros(RAMP.shape, np.uint8), AFFINE), name="mask")
    viewer.add_labels(data, **keywords).mode = "paint"
    drag(viewer, (50, 50))
    assert layer.contrast_limits == [-160, 240]
    assert settings().window_ct == "40/400"
    viewer.layers.clear()
    assert not drag(viewer, (5, 5)).handled


def test_the_window_can_be_dragged_while_a_mask_is_selected(viewer):
    layer = add(viewer)
    layer.contrast_limits = (-160, 240)
    data, keywords, _ = labels_layer(Volume(np.zeros(RAMP.shape, np.uint8), AFFINE), name="mask")
    viewer.add_labels(data, **keywords)
    drag(viewer, (150, 0))
    assert layer.contrast_limits == [-360, 440]


@pytest.mark.parametrize(("plane", "axis", "spacing"), [("axial", 2, 2.5), ("coronal", 1, 1.5), ("sagittal", 0, 1.0)])
@pytest.mark.parametrize(("mode", "reduce"), [("max", np.max), ("mean", np.mean), ("min", np.min)])
def test_a_slab_takes_the_slices_within_its_millimetres_in_every_plane(viewer, plane, axis, spacing, mode, reduce):
    layer = add(viewer)
    show_plane(viewer, plane)
    middle = [10, 15, 20]
    viewer.dims.point = world_of(AFFINE[:3, :3] @ middle)
    set_slab(viewer, mode, 3.9 * spacing)  # the slice and one or two beside it on either side
    shown = layer.get_value(viewer.dims.point, world=True)
    index = [slice(i, i + 1) for i in middle]
    candidates = []
    for before, after in ((1, 1), (2, 2), (2, 1), (1, 2)):
        index[axis] = slice(middle[axis] - before, middle[axis] + after + 1)
        candidates.append(float(reduce(RAMP[tuple(index)])))
    assert min(abs(shown - candidate) for candidate in candidates) < 1e-2
    assert slab_of(viewer) == (mode, pytest.approx(3.9 * spacing))


def test_a_single_slice_again_ends_the_slab(viewer):
    layer = add(viewer)
    single = layer.get_value(viewer.dims.point, world=True)
    set_slab(viewer, "max", 20)
    assert layer.get_value(viewer.dims.point, world=True) != single
    set_slab(viewer, SLABS["single slice"], 20)
    assert layer.get_value(viewer.dims.point, world=True) == single
    assert slab_of(viewer) == ("none", 0)


def test_an_empty_viewer_has_no_slab(viewer):
    set_slab(viewer, "max", 10)
    assert slab_of(viewer) == ("none", 0)


def test_a_nifti_with_values_of_a_ct_opens_in_the_window_of_ct_and_says_so(viewer):
    body = Volume(np.where(RAMP > 400, RAMP / 10, -1000.0).astype(np.float32), AFFINE)
    window = opening_window(body)
    assert (window.lower, window.upper) == (-160, 240)
    (note,) = layer_notes([image_layer(body, name="abdomen")])
    assert note == "abdomen: Its values look like those of a CT in HU: it is drawn in the window of CT."
    mr = Volume(RAMP, AFFINE)
    assert opening_window(mr).upper < 1000  # percentiles
    assert layer_notes([image_layer(mr, name="head")]) == []
