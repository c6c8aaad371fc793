"""Uptake of a tracer: activity to SUV."""

from __future__ import annotations

import re

import numpy as np
import pytest
from dicom_maker import item, series
from phantoms import phantom

from monai_attn.io import read

HALF_LIFE_S = 6586.2


def pet(folder, change=None, tracer=(), **tags):
    """80 kg, 400 MBq of F-18 injected one half-life before the scan, decay-corrected to its start."""
    values = {
        "Units": "BQML",
        "CorrectedImage": ["DECY", "ATTN", "SCAT"],
        "DecayCorrection": "START",
        "PatientWeight": 80,
        "SeriesDate": "19991231",
        "SeriesTime": "120000",
        "AcquisitionDate": "19991231",
        "AcquisitionTime": "120000",
        "RescaleSlope": 10,
        "RescaleIntercept": 0,
    }
    given = {
        "RadionuclideTotalDose": 4e8,
        "RadionuclideHalfLife": HALF_LIFE_S,
        "RadiopharmaceuticalStartTime": "101013.8",
    }
    given.update(tracer)
    described = item(**{name: value for name, value in given.items() if value is not None})
    return series(
        folder, phantom(), "PT", change, **(values | tags), RadiopharmaceuticalInformationSequence=[described]
    )


def assert_suv(back, dose_bq):
    np.testing.assert_allclose(back.array, phantom().array * 10.0 * 80_000 / dose_bq, rtol=1e-6)
    assert back.unit == "g/ml"


def test_activity_becomes_suv_by_body_weight_and_decay(tmp_path):
    back = read(pet(tmp_path / "x"))
    assert_suv(back, 2e8)  # after one half-life half of the dose is left
    assert back.notes == (
        "PET activity was converted to SUV (body weight) with the factor 0.0004; "
        "the scan began 6586 s after the injection.",
    )


def test_an_injection_before_midnight_is_of_the_day_before(tmp_path):
    tracer = {"RadiopharmaceuticalStartTime": "231013.8"}
    assert_suv(read(pet(tmp_path / "x", AcquisitionTime="010000", SeriesTime="010000", tracer=tracer)), 2e8)


def test_the_full_date_and_time_of_injection_are_preferred(tmp_path):
    stamp = {"RadiopharmaceuticalStartDateTime": "19991231101013.8", "RadiopharmaceuticalStartTime": "000000"}
    assert_suv(read(pet(tmp_path / "x", tracer=stamp)), 2e8)


def test_a_series_made_later_is_dated_by_its_acquisition(tmp_path):
    def beds(ds, k):
        ds.AcquisitionTime = f"12{k:02d}00"

    assert_suv(read(pet(tmp_path / "x", beds, SeriesTime="180000")), 2e8)


def test_values_corrected_to_the_injection_need_no_time(tmp_path):
    back = read(pet(tmp_path / "x", DecayCorrection="ADMIN", tracer={"RadiopharmaceuticalStartTime": None}))
    assert_suv(back, 4e8)


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        ({"PatientWeight": 0}, "PatientWeight or RadionuclideTotalDose is missing or 0"),
        ({"tracer": {"RadionuclideTotalDose": None}}, "PatientWeight or RadionuclideTotalDose is missing or 0"),
        ({"tracer": {"RadionuclideHalfLife": None}}, "RadionuclideHalfLife is missing or 0"),
        ({"tracer": {"RadiopharmaceuticalStartTime": None}}, "the time of injection or of the scan is missing"),
        (
            {"tracer": {"RadiopharmaceuticalStartDateTime": "20000101000000"}},
            "the scan is said to begin -43200 s after",
        ),
        ({"DecayCorrection": "NONE"}, "DecayCorrection is NONE, neither START nor ADMIN"),
        ({"CorrectedImage": ["ATTN"]}, r"CorrectedImage lacks attenuation \(ATTN\) or decay \(DECY\) correction"),
    ],
)
def test_activity_stays_activity_where_suv_cannot_be_derived(tmp_path, tags, why):
    back = read(pet(tmp_path / "x", **tags))
    np.testing.assert_array_equal(back.array, phantom().array * 10)
    assert back.unit == "Bq/ml"
    assert len(back.notes) == 1
    assert re.search(f"SUV cannot be derived: {why}", back.notes[0])


def test_stored_suv_is_left_alone(tmp_path):
    back = read(pet(tmp_path / "x", Units="GML"))
    np.testing.assert_array_equal(back.array, phantom().array * 10)
    assert (back.unit, back.notes) == ("g/ml", ())


def test_counts_are_left_alone_with_a_note(tmp_path):
    back = read(pet(tmp_path / "x", Units="CNTS"))
    assert back.unit == ""
    assert back.notes == ("PET values are in CNTS and were not converted to SUV.",)
