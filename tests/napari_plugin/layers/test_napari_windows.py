"""Window presets, their text, and the mouse."""

import numpy as np
import pytest

from monai_attn.errors import InputError
from monai_attn.napari.layers.windows import (
    PRESETS,
    centre_width,
    dragged,
    kind_of,
    parse_percentiles,
    presets_of,
    written_window,
)
from monai_attn.report.window import window_of
from monai_attn.volume import Volume

RAMP = np.linspace(0, 1000, 8000, dtype=np.float32).reshape(20, 20, 20)


def test_a_ct_is_drawn_from_minus_160_to_240_hu_as_soft_tissue_and_from_minus_1350_to_150_as_lung():
    image = Volume(RAMP, unit="HU", modality="CT")
    soft, lung = (written_window(image, presets_of(image)[name]) for name in ("soft tissue", "lung"))
    assert (soft.lower, soft.upper, lung.lower, lung.upper) == (-160, 240, -1350, 150)


def test_an_image_without_a_fixed_scale_is_drawn_by_percentiles():
    image = Volume(RAMP, modality="MR")
    window = written_window(image, "5-95 %")
    assert (window.lower, window.upper) == pytest.approx((50, 950), abs=1)
    everything = written_window(image, "0-100 %")
    assert (everything.lower, everything.upper) == (0, 1000)


@pytest.mark.parametrize(
    ("unit", "modality", "first", "has_lung"),
    [
        ("HU", "CT", "soft tissue", True),
        ("g/ml", "PT", "SUV 0-10", False),
        ("", "MR", "1-99 %", False),
        ("BQML", "PT", "1-99 %", False),  # counts have no fixed scale
        ("", "CT", "1-99 %", False),  # nor has a CT that is not in HU
        ("", "", "1-99 %", True),  # an NIfTI may be anything
    ],
)
def test_the_presets_offered_are_those_of_the_unit(unit, modality, first, has_lung):
    presets = presets_of(Volume(RAMP, unit=unit, modality=modality))
    assert next(iter(presets)) == first
    assert ("lung" in presets) is has_lung
    assert "all values" in presets


@pytest.mark.parametrize("unit", ["HU", "g/ml", ""])
def test_the_first_preset_is_the_window_of_the_reports(unit):
    image = Volume(RAMP, unit=unit)
    first, report = written_window(image, next(iter(PRESETS[kind_of(image)].values()))), window_of(image)
    assert (first.lower, first.upper) == (report.lower, report.upper)


@pytest.mark.parametrize("text", ["1-99 %", " 1-99% ", "1 - 99 %"])
def test_percentiles_are_read_with_and_without_blanks(text):
    assert parse_percentiles(text) == (1, 99)


@pytest.mark.parametrize("text", ["99-1 %", "5-5 %", "-1-99 %", "1-101 %", "nan-99 %", "1-2-3 %", "a %", "%", ""])
def test_percentiles_that_are_none_are_refused(text):
    with pytest.raises(InputError, match=r"for example 1-99 %, not"):
        parse_percentiles(text)


def test_a_window_that_is_none_is_refused():
    with pytest.raises(InputError, match="for example 40/400, not 'soft'"):
        written_window(Volume(RAMP, unit="HU"), "soft")


def test_a_press_without_a_move_changes_nothing():
    assert dragged((40, 400), 0, 0) == (40, 400)


def test_the_mouse_widens_to_the_right_and_brightens_upwards_in_proportion_to_the_window():
    assert dragged((40, 400), 150, 0) == (40, 800)
    assert dragged((40, 400), -150, 0) == (40, 200)
    assert dragged((40, 400), 0, -300) == (-360, 400)
    assert dragged((2.5, 5), 0, 300) == (7.5, 5)


@pytest.mark.parametrize("right_px", [-1e9, -5000, 5000, 1e9])
def test_a_width_stays_above_0_and_finite_however_far_the_mouse_goes(right_px):
    _, width = dragged((40, 400), right_px, 0)
    assert 0 < width < 1e6


def test_centre_and_width_are_those_of_the_limits():
    assert centre_width(-160, 240) == (40, 400)
