"""Lesions over time: overlap decides; RECIST 1.1 by the book, with hand-computed sums."""

from __future__ import annotations

from dataclasses import replace
from math import isnan

import numpy as np
import pytest

from monai_attn.errors import GeometryError, InputError
from monai_attn.measure import measure_lesions
from monai_attn.measure.timepoints import lesion_links, match_over_time, recist_response, target_lesions
from monai_attn.volume import Volume

OBLIQUE = np.array([[0.8, -0.6, 0, 7], [0.6, 0.8, 0, -3], [0, 0, 2.5, 11], [0, 0, 0, 1.0]])


def boxes(*ranges: tuple[int, int], width: int = 4) -> Volume:
    """Lesions along the first axis, each from and up to an index."""
    array = np.zeros((40, 6, 6), np.uint8)
    for start, stop in ranges:
        array[start:stop, :width, 1:5] = 1
    return Volume(array, OBLIQUE)


def kinds(before: Volume, after: Volume, **options) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    return [(one.kind, one.earlier, one.later) for one in match_over_time(before, after, 1, **options)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([(0, 5)], [(1, 9)], [("same", (1,), (1,))]),
        ([(0, 5), (10, 13)], [(0, 5)], [("same", (1,), (1,)), ("gone", (2,), ())]),
        ([(0, 5)], [(0, 5), (20, 30)], [("same", (1,), (2,)), ("new", (), (1,))]),
        ([(0, 5), (7, 10)], [(0, 10)], [("merged", (1, 2), (1,))]),
        ([(0, 10)], [(0, 4), (6, 9)], [("split", (1,), (1, 2))]),
        ([(0, 6), (8, 14)], [(4, 10), (12, 15)], [("several", (1, 2), (1, 2))]),
        ([], [(0, 5)], [("new", (), (1,))]),
        ([(0, 5)], [], [("gone", (1,), ())]),
        ([], [], []),
    ],
)
def test_what_became_of_lesions(before, after, expected):
    assert kinds(boxes(*before), boxes(*after)) == expected


def test_small_lesions_beside_each_other_belong_together_within_the_reach():
    before, after = boxes((0, 3)), boxes((5, 8))
    assert [kind for kind, _, _ in kinds(before, after)] == ["gone", "new"]
    assert [kind for kind, _, _ in kinds(before, after, reach_mm=2.0)] == ["same"]
    assert [kind for kind, _, _ in kinds(before, after, reach_mm=1.0)] == ["gone", "new"]


def test_other_grids_and_a_negative_reach_are_refused():
    with pytest.raises(GeometryError):
        match_over_time(boxes((0, 3)), Volume(np.zeros((40, 6, 6), np.uint8)), 1)
    with pytest.raises(InputError, match="0 mm or more"):
        match_over_time(boxes(), boxes(), 1, reach_mm=-1)


def test_targets_are_the_largest_five_and_two_of_an_organ():
    lesions = measure_lesions(boxes((0, 12)), 1)
    made = [
        replace(lesions[0], number=number, axial_diameter_mm=mm, organ=organ)
        for number, (mm, organ) in enumerate(
            [(9.9, "lung"), (10.0, "lung"), (40, "liver"), (30, "liver"), (20, "liver"), (15, "node"), (14, "spleen"),
             (13, "bone"), (12, "bone")], 1)
    ]  # fmt: skip
    assert [one.axial_diameter_mm for one in target_lesions(made)] == [40, 30, 15, 14, 13]
    assert target_lesions(made[:1]) == []


@pytest.mark.parametrize(
    ("sums", "new", "expected"),
    [
        ([100, 70, 71], None, ["", "PR", "SD"]),  # -30 %, -29 % of the first
        ([100, 71], None, ["", "SD"]),
        ([100, 50, 59], None, ["", "PR", "PR"]),  # +18 % of the least
        ([100, 50, 60], None, ["", "PR", "PD"]),  # +20 % and +10 mm
        ([20, 24], None, ["", "SD"]),  # +20 % but only 4 mm
        ([100, 0], None, ["", "CR"]),
        ([100, 0, 12], None, ["", "CR", "PD"]),
        ([100, 40], [False, True], ["", "PD"]),
        ([0, 0], None, ["", ""]),
        ([], None, []),
    ],
)
def test_categories_by_the_book(sums, new, expected):
    found = recist_response(sums, new or [False] * len(sums))
    assert [one.category for one in found] == expected


def test_a_sum_that_lacks_a_target_is_not_evaluable_and_never_the_least():
    sums, whole = [50.0, 10.0, 50.0], [True, False, True]
    assert [one.category for one in recist_response(sums, [False] * 3, whole)] == ["", "NE", "SD"]
    assert [one.category for one in recist_response(sums, [False] * 3)] == ["", "PR", "PD"]
    assert recist_response([50.0, 70.0], [False] * 2, [True, False])[1].category == "PD"  # the part alone has grown


def test_a_flat_lesion_between_thick_slices_is_linked():
    thick, thin = np.zeros((8, 8, 4), np.int32), np.zeros((8, 8, 20), np.int32)
    thick[2:6, 2:6, 1], thin[2:6, 2:6, 3:5] = 1, 1  # 2.5 to 7.5 mm, and 2.5 to 4.5 mm; the slices' middles are 0, 5 ...
    one, other = Volume(thick, np.diag([1.0, 1, 5, 1])), Volume(thin, np.eye(4))
    assert lesion_links(one, other) == lesion_links(other, one) == {(1, 1)}
    with pytest.raises(InputError, match="0 mm or more"):
        lesion_links(one, other, reach_mm=-1)


def test_the_reach_counts_on_both_grids():
    """A flat lesion beside the old one is no new lesion, though it lies between the middles of the thick slices."""
    thick, thin = np.zeros((20, 20, 5), np.int32), np.zeros((20, 20, 25), np.int32)
    thick[5:8, 5:8, 2], thin[9:12, 5:8, 12] = 1, 1
    one, other = Volume(thick, np.diag([1.0, 1, 5, 1])), Volume(thin, np.eye(4))
    assert lesion_links(one, other, reach_mm=5.0) == lesion_links(other, one, reach_mm=5.0) == {(1, 1)}
    assert lesion_links(one, other) == set()


def test_two_frames_of_reference_are_not_compared():
    """Equal coordinates of two frames of reference may be different places in the patient."""
    one, other, unknown = (Volume(np.ones((2, 2, 2), np.int32), frame_of_reference=uid) for uid in ("1.2", "1.3", ""))
    with pytest.raises(GeometryError, match="different frames of reference"):
        lesion_links(one, other)
    with pytest.raises(GeometryError, match="different frames of reference"):
        match_over_time(one, other, 1)
    assert lesion_links(one, unknown) == {(1, 1)}


def test_changes_are_against_the_first_and_the_least_sum():
    last = recist_response([80.0, 40.0, 50.0], [False] * 3)[-1]
    assert (last.sum_mm, last.from_first, last.from_least) == (50.0, pytest.approx(-0.375), pytest.approx(0.25))
    assert isnan(recist_response([0.0, 5.0], [False] * 2)[1].from_first)
