"""Both hippocampi are found in a brain however it lies, and nothing is found for certain where there is no brain."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from heads import HIPPOCAMPUS, MIDDLES, brain, finder, holds, moved

from monai_attn.errors import BundleError
from monai_attn.finders import FinderEntry, finder_of
from monai_attn.volume import Volume

ORIENTATIONS = [(axes, signs) for axes in permutations(range(3)) for signs in product((1, -1), repeat=3)]


def stored_as(volume: Volume, axes: tuple[int, ...], signs: tuple[int, ...]) -> Volume:
    """The same image in the same place, stored along other axes and in other directions."""
    array, affine = volume.array.transpose(axes), volume.affine[:, [*axes, 3]].copy()
    for axis, sign in enumerate(signs):
        if sign < 0:
            affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
            affine[:3, axis] *= -1
            array = np.flip(array, axis)
    return Volume(array, affine)


@pytest.fixture(scope="module")
def usual() -> dict[str, object]:
    found = finder().find(brain())
    assert found.problems == ()
    return dict(found.regions)


def test_each_box_holds_its_hippocampus_and_left_is_left(usual):
    for side, middle in MIDDLES.items():
        assert holds(usual[side], middle)
    assert usual["left"].upper_mm[0] < 0 < usual["right"].lower_mm[0] + 10


@pytest.mark.parametrize(
    "orientation",
    [pytest.param(one, marks=() if n == 21 else pytest.mark.slow) for n, one in enumerate(ORIENTATIONS) if n % 7 == 0],
    ids=str,
)
def test_the_way_an_image_is_stored_changes_no_box(usual, orientation):
    found = finder().find(stored_as(brain(), *orientation))
    assert found.problems == ()
    for side, box in found.regions.items():
        assert np.abs(np.subtract(box.lower_mm, usual[side].lower_mm)).max() <= 1  # rounded to mm


def test_a_head_that_is_tipped_shifted_and_larger_is_found():
    angle = 0.25
    matrix = np.eye(4)
    matrix[:3, :3] = 1.08 * np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    matrix[:3, 3] = (20.0, -35.0, 60.0)
    found = finder().find(moved(brain(), matrix))
    assert found.problems == ()
    assert found.measures["head_scale"] == pytest.approx(1.08**3, rel=0.05)
    for side, middle in MIDDLES.items():
        box, true = found.regions[side], matrix[:3, :3] @ middle + matrix[:3, 3]
        assert np.linalg.norm((np.array(box.lower_mm) + box.upper_mm) / 2 - true) < 4


@pytest.mark.slow
def test_noise_a_bias_field_and_cut_grey_values_change_no_box_by_more_than_3_mm(usual):
    generator = np.random.default_rng(11)
    bias = np.exp(np.linspace(-0.4, 0.4, brain().shape[1]))[:, None]
    values = np.minimum(brain().array * bias, np.percentile(brain().array, 97)) + generator.normal(0, 15, brain().shape)
    found = finder().find(brain().with_array((values * 1000).astype(np.float32)))
    assert found.problems == ()
    for side, box in found.regions.items():
        assert np.abs(np.subtract(box.lower_mm, usual[side].lower_mm)).max() <= 3


@pytest.mark.slow
def test_a_brain_without_its_vertex_and_its_cerebellum_is_found(usual):
    found = finder().find(brain().crop((slice(None), slice(None), slice(8, 48))))
    for side, middle in MIDDLES.items():
        assert holds(found.regions[side], middle, slack_mm=3)


@pytest.mark.parametrize(
    "kind", ["noise", pytest.param("ball", marks=pytest.mark.slow), pytest.param("stripes", marks=pytest.mark.slow)]
)
def test_what_is_no_head_has_a_problem(kind):
    place = np.moveaxis(np.mgrid[:60, :70, :60], 0, -1)
    arrays = {
        "noise": np.random.default_rng(3).normal(100, 30, (60, 70, 60)),
        "ball": (np.linalg.norm(place - [30, 35, 30], axis=-1) < 25) * 100.0,
        "stripes": np.sin(place[..., 0] / 3) * 50 + 50,
    }
    found = finder().find(Volume(arrays[kind].astype(np.float32), np.diag([3.0, 3, 3, 1])))
    assert found.problems


def test_a_blank_image_has_no_region_and_says_so():
    found = finder().find(Volume(np.zeros((60, 60, 60), np.int16), np.diag([3.0, 3, 3, 1])))
    assert found.problems


@pytest.mark.slow
def test_a_box_beside_the_image_is_a_problem():
    """Half a brain: one hippocampus lies outside the image."""
    half = brain().crop((slice(0, 33), slice(None), slice(None)))
    assert finder().find(half).problems


@pytest.mark.slow
def test_the_result_is_the_same_every_time(usual):
    assert dict(finder().find(brain()).regions) == usual


def test_an_entry_that_cannot_be_used_is_refused(tmp_path):
    good = {
        "kind": "registration",
        "template": "t.nii.gz",
        "size_mm": [40, 54, 44],
        "regions": {"left": {"centre_mm": [0, 0, 0], "labels": [{"value": 1, "of": 1, "name": "left cyst"}]}},
    }
    assert FinderEntry.from_json(good).regions["left"].labels[1].name == "left cyst"
    for wrong in ({"kind": "magic"}, {"size_mm": [1, 2]}, {"regions": {"left": {}}}, {"regions": 3}):
        with pytest.raises(BundleError, match=r"The key finder of metadata\.json cannot be used"):
            FinderEntry.from_json({**good, **wrong})
    with pytest.raises(BundleError, match=r"The template t\.nii\.gz is missing in the bundle"):
        finder_of(good, tmp_path)
    assert finder_of({}, tmp_path) is None


def test_the_box_of_the_bundle_is_larger_than_a_hippocampus_and_no_larger_than_a_training_image():
    entry = finder().entry
    assert (np.array(entry.size_mm) >= HIPPOCAMPUS + 6).all()
    assert (np.array(entry.size_mm) <= [43, 59, 47]).all()
