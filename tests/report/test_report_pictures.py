"""Key images: contours lie on what they outline, and the patient's right is on the left."""

from __future__ import annotations

import io

import numpy as np
import pytest
from phantoms import rotation

from monai_attn import Label, LabelTable, Volume
from monai_attn.errors import InputError
from monai_attn.measure import measure_lesions, measure_structures
from monai_attn.report import drawing, parse_window
from monai_attn.report.drawing import Scene, annotate, new_figure, scale_bar, show, view
from monai_attn.report.pictures import Target, _legend, key_picture, overview
from monai_attn.report.planes import PLANES, position, tilt_deg
from monai_attn.report.window import window_of

GREEN = LabelTable((Label(1, "block", "#00ff00"),))
RIGHT_FRONT = (slice(30, 38), slice(28, 36), slice(22, 28))

FLIPS = [(), (0,), (0, 1, 2)]
"""Axes along which the same patient is stored the other way round."""

NEAR_PIXELS = 3
"""Half the width of a contour, and the rounding of a panel's edge."""


def patient(where=RIGHT_FRONT, flips=(), order=(0, 1, 2), spacing=(1.0, 1.0, 2.0)) -> tuple[Volume, Volume]:
    """A bright block and its mask in an RAS patient of 40 x 40 x 30 voxels, stored in another order of axes."""
    array = np.zeros((40, 40, 30), np.int16)
    array[RIGHT_FRONT] = 1000
    mask = np.zeros(array.shape, np.uint8)
    mask[where] = 1
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -20
    for axis in flips:
        affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
        affine[:3, axis] *= -1
    array, mask = (np.flip(a, flips).transpose(order) for a in (array, mask))
    affine = affine[:, [*order, 3]]
    return Volume(array, affine), Volume(mask, affine)


def scene_of(image: Volume, labels: Volume, **options) -> Scene:
    return Scene.of(image, labels, GREEN, window_of(image, (500, 1000)), **options)


def key_image(image: Volume, labels: Volume) -> np.ndarray:
    scene = scene_of(image, labels)
    (one,) = measure_structures(labels, GREEN)
    assert one.block
    target = Target.of(scene, labels, one.block, np.asarray(labels.array[one.block] == 1), one)
    return pixels(key_picture(scene, target))


def pixels(png: bytes) -> np.ndarray:
    from matplotlib.image import imread

    return imread(io.BytesIO(png))[:, :, :3]


def panels(picture: np.ndarray) -> list[np.ndarray]:
    return np.array_split(picture, 3, axis=1)


def box_of(found: np.ndarray) -> np.ndarray:
    """First and last row, first and last column."""
    rows, columns = np.nonzero(found)
    return np.array([rows.min(), rows.max(), columns.min(), columns.max()])


def green(panel: np.ndarray) -> np.ndarray:
    return (panel[:, :, 1] > 0.6) & (panel[:, :, 0] < 0.4) & (panel[:, :, 2] < 0.4)


def white_block(panel: np.ndarray) -> np.ndarray:
    """The bright block without letters and scale bar: the largest connected white area."""
    from scipy.ndimage import label

    pieces, count = label(panel.min(axis=2) > 0.95)
    assert count
    return pieces == np.argmax(np.bincount(pieces.ravel())[1:]) + 1


@pytest.mark.parametrize("flips", FLIPS)
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_a_contour_runs_around_the_block_in_every_plane_however_the_image_is_stored(flips, order):
    for panel in panels(key_image(*patient(flips=flips, order=order))):
        assert np.abs(box_of(green(panel)) - box_of(white_block(panel))).max() <= NEAR_PIXELS


def test_a_contour_that_lies_elsewhere_is_seen_by_that_test():
    mirrored = (slice(2, 10), *RIGHT_FRONT[1:])
    for panel in panels(key_image(*patient(where=mirrored))):
        assert np.abs(box_of(green(panel)) - box_of(white_block(panel))).max() > NEAR_PIXELS


@pytest.mark.parametrize("flips", FLIPS)
def test_the_patients_right_is_on_the_left_and_the_front_on_top(flips):
    picture = pixels(overview(scene_of(*patient(flips=flips))))
    axial = picture[: int(picture.shape[0] * 0.45), : picture.shape[1] // 3]
    top, bottom, left, right = box_of(green(axial))
    assert (left + right) / 2 < axial.shape[1] / 2
    assert (top + bottom) / 2 < axial.shape[0] / 2


def test_a_block_on_the_patients_left_is_on_the_right():
    image, labels = patient(where=(slice(2, 10), *RIGHT_FRONT[1:]))
    picture = pixels(overview(scene_of(image, labels)))
    axial = picture[: int(picture.shape[0] * 0.45), : picture.shape[1] // 3]
    _, _, left, right = box_of(green(axial))
    assert (left + right) / 2 > axial.shape[1] / 2


@pytest.mark.parametrize(
    ("plane", "letters"), [("axial", "RLPA"), ("coronal", "RLIS"), ("sagittal", "APIS")]
)  # left, right, bottom, top
def test_letters_stand_at_the_edges_they_name(plane, letters):
    (plane,) = [one for one in PLANES if one.name == plane]
    axis = new_figure(2, 2).subplots()
    scene = scene_of(*patient())
    show(axis, scene, plane, 5)
    annotate(axis, plane)
    places = {text.get_text(): text.get_position() for text in axis.texts}
    x = {letter: places[letter][0] for letter in letters[:2]}
    y = {letter: places[letter][1] for letter in letters[2:]}
    assert x[letters[0]] < 0.1 < 0.9 < x[letters[1]]
    assert y[letters[2]] < 0.1 < 0.9 < y[letters[3]]
    # The letters say what the picture does: higher R or A further left, higher A or S further up.
    (x0, y0), (x1, y1) = axis.transData.transform([(0, 0), (10, 10)])
    assert x1 < x0
    assert y1 > y0


@pytest.mark.parametrize("field_mm", [7.0, 50.0, 333.0])
def test_a_scale_bar_is_as_long_as_it_says_and_at_most_a_quarter(field_mm):
    axis = new_figure(2, 2).subplots()
    view(axis, (10.0, 20.0), field_mm)
    scale_bar(axis)
    (line,), (text,) = axis.lines, axis.texts
    length_mm = abs(np.diff(line.get_xdata())[0])
    assert text.get_text() == f"{length_mm:g} mm"
    assert length_mm <= field_mm / 4


def test_an_oblique_image_is_shown_in_its_own_slices_with_their_tilt():
    affine = np.eye(4)
    affine[:3, :3] = rotation(14, 0, 0)
    tilted = Volume(np.zeros((4, 4, 4)), affine)
    assert [round(tilt_deg(tilted, plane), 6) for plane in PLANES] == [14, 14, 0]


def test_a_position_has_the_letter_of_its_side_and_millimetres():
    image, _ = patient()
    axial, coronal, sagittal = PLANES
    assert position(image, axial, [0, 0, 0]) == "I 20.0 mm"
    assert position(image, coronal, [0, 21, 0]) == "A 1.0 mm"
    assert position(image, sagittal, [3, 0, 0]) == "L 17.0 mm"


def test_a_lesion_has_a_picture_with_its_diameters():
    image, labels = patient()
    (lesion,) = measure_lesions(labels, 1)
    assert lesion.block
    scene = scene_of(image, labels)
    mask = np.asarray(labels.array[lesion.block] == 1)
    with_lines = pixels(key_picture(scene, Target.of(scene, labels, lesion.block, mask, lesion)))
    without = key_image(image, labels)
    changed = np.abs(with_lines - without).max(axis=2) > 0.1
    axial, coronal, sagittal = (part.any() for part in np.array_split(changed, 3, axis=1))
    assert (axial, coronal, sagittal) == (True, False, False)


def test_the_reference_is_drawn_too():
    image, labels = patient()
    scene = scene_of(image, labels)
    smaller = np.zeros(labels.shape, np.uint8)
    smaller[32:36, 30:34, 24:26] = 1
    both = scene_of(image, labels, reference=labels.with_array(smaller))
    (one,) = measure_structures(labels, GREEN)
    mask = np.asarray(labels.array[one.block] == 1)
    target = Target.of(scene, labels, one.block, mask, one)
    assert key_picture(scene, target) != key_picture(both, target)
    assert key_picture(scene, target) == key_picture(scene, target), "the same input gives the same picture"


def test_windows_are_named_by_unit_by_wish_or_by_percentiles():
    values = np.linspace(0, 1000, 27000).reshape(30, 30, 30)
    assert window_of(Volume(values, unit="HU")).text == "window 40/400 HU"
    assert window_of(Volume(values, unit="HU"), (50, 100)).lower == 0
    by_percent = window_of(Volume(values))
    assert by_percent.text == "window 1-99 % of the image"
    assert (by_percent.lower, by_percent.upper) == pytest.approx((10, 990), rel=1e-3)
    for strange in (np.full((3, 3, 3), 7.0), np.full((3, 3, 3), np.nan)):
        window = window_of(Volume(strange))
        assert window.upper > window.lower


@pytest.mark.parametrize("text", ["40", "40/0", "40/-3", "a/b", "1/2/3", "nan/3"])
def test_a_window_that_is_none_is_refused(text):
    with pytest.raises(InputError, match="for example 40/400, not"):
        parse_window(text)


def test_voxels_that_are_not_finite_are_drawn_black_or_white():
    image, labels = patient()
    array = image.array.astype(np.float32)
    array[:5], array[5:10] = np.nan, np.inf
    assert overview(scene_of(image.with_array(array), labels)).startswith(b"\x89PNG")


def test_without_matplotlib_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(drawing, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r'^The report needs matplotlib\. .*: pip install "monai_attn\[report\]"$'):
        new_figure(1, 1)


def test_of_many_structures_the_legend_names_the_largest_and_counts_the_rest():
    array = np.zeros((20, 20, 20), np.uint16)
    array.reshape(-1)[:300] = np.arange(1, 301)
    array[10:] = 77  # by far the largest
    volume = Volume(array)
    table = LabelTable.of_names({value: f"structure {value}" for value in range(1, 301)})
    scene = Scene.of(volume.with_array(array.astype(np.float32)), volume, table, window_of(volume))
    names = [line.get_label() for line in _legend(scene)]
    assert len(names) == 40
    assert "structure 77" in names
    assert names[-1] == "and 261 more"
    assert overview(scene).startswith(b"\x89PNG")  # the planes keep their place above the names
