from __future__ import annotations

import numpy as np
import pytest

from monai_attn.errors import GeometryError, InputError
from monai_attn.measure import detect_lesions
from monai_attn.volume import Volume


def line(text: str) -> Volume:
    return Volume(np.array([int(c) for c in text], np.uint8).reshape(-1, 1, 1))


def test_lesions_are_matched_missed_or_extra():
    prediction = line("1110000110000")
    reference = line("1111000000011")
    found = detect_lesions(prediction, reference, 1)
    assert [(match.prediction, match.reference) for match in found.matches] == [(1, 1)]
    assert (found.missed, found.extra) == ((2,), (2,))
    assert (found.sensitivity, found.precision, found.f1) == (0.5, 0.5, 0.5)
    assert (found.matches[0].iou, found.matches[0].dice) == pytest.approx((3 / 4, 6 / 7))
    assert found.panoptic_quality == pytest.approx((3 / 4) / (1 + 1 / 2 + 1 / 2))


def test_one_prediction_over_two_lesions_finds_one_and_misses_one():
    found = detect_lesions(line("1111111"), line("1110111"), 1)
    assert (found.matched, found.missed, found.extra) == (1, (2,), ())


def test_a_touch_below_the_smallest_overlap_is_no_match():
    prediction, reference = line("1111100000"), line("0000111111")
    assert detect_lesions(prediction, reference, 1, min_iou=0.1).matched == 0
    assert detect_lesions(prediction, reference, 1, min_iou=0.05).matched == 1


def test_lesions_below_the_smallest_size_count_on_neither_side():
    found = detect_lesions(line("1000111"), line("0010111"), 1, min_ml=0.002)
    assert (found.matched, found.missed, found.extra) == (1, (), ())


@pytest.mark.parametrize(
    ("prediction", "reference", "scores"),
    [
        # sensitivity, precision, F1, panoptic quality
        ("000", "000", [np.nan] * 4),
        ("010", "000", [np.nan, 0, 0, 0]),
        ("000", "010", [0, np.nan, 0, 0]),
    ],
)
def test_cases_without_lesions_have_defined_scores(prediction, reference, scores):
    found = detect_lesions(line(prediction), line(reference), 1)
    assert [found.sensitivity, found.precision, found.f1, found.panoptic_quality] == pytest.approx(scores, nan_ok=True)


def test_what_cannot_be_matched_is_refused():
    with pytest.raises(InputError, match=r"above an IoU between 0 and 1; this one is 1\.5"):
        detect_lesions(line("1"), line("1"), 1, min_iou=1.5)
    with pytest.raises(GeometryError, match="different grids"):
        detect_lesions(line("1"), line("11"), 1)
    assert detect_lesions(line("1"), line("11"), 1, resample=True).matched == 1
