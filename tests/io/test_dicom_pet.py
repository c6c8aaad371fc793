"""Uptake of a tracer: activity to SUV."""

from __future__ import annotations

import re

import numpy as np
import pytest
from dicom_maker import item, series
from phantoms import phantom

from monai_attn.errors import InputError
from monai_attn.io import read, write

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
        "weight 80 kg, dose 400 MBq, half-life 6586.2 s, the scan began 6586 s after the injection.",
    )


def test_an_injection_before_midnight_is_of_the_day_before(tmp_path):
    tracer = {"RadiopharmaceuticalStartTime": "231013.8"}
    assert_suv(read(pet(tmp_path / "x", AcquisitionTime="010000", SeriesTime="010000", tracer=tracer)), 2e8)


def test_a_scan_over_midnight_without_dates_of_its_slices_began_before_midnight(tmp_path):
    def late(ds, k):
        del ds.AcquisitionDate
        ds.AcquisitionTime = "235000" if k < 2 else "000500"

    tracer = {"RadiopharmaceuticalStartTime": "220013.8"}
    back = read(pet(tmp_path / "x", late, tracer=tracer, SeriesTime="235000"))
    assert_suv(back, 2e8)
    assert "began 6586 s after the injection" in back.notes[0]


def test_the_full_date_and_time_of_injection_are_preferred(tmp_path):
    stamp = {"RadiopharmaceuticalStartDateTime": "19991231101013.8", "RadiopharmaceuticalStartTime": "000000"}
    assert_suv(read(pet(tmp_path / "x", tracer=stamp)), 2e8)


def test_two_times_of_injection_that_contradict_one_another_are_noted(tmp_path):
    stamp = {"RadiopharmaceuticalStartDateTime": "19991231101013.8", "RadiopharmaceuticalStartTime": "105513"}
    back = read(pet(tmp_path / "x", tracer=stamp))
    assert_suv(back, 2e8)
    assert back.notes[0].endswith(
        "RadiopharmaceuticalStartTime says 2699 s later than RadiopharmaceuticalStartDateTime and is not used."
    )
    same = {"RadiopharmaceuticalStartDateTime": "19991231101013.8", "RadiopharmaceuticalStartTime": "101013.8"}
    assert "not used" not in read(pet(tmp_path / "y", tracer=same)).notes[0]


def test_a_series_made_later_is_dated_by_its_acquisition(tmp_path):
    def beds(ds, k):
        ds.AcquisitionTime = f"12{k:02d}00"

    assert_suv(read(pet(tmp_path / "x", beds, SeriesTime="180000")), 2e8)


@pytest.mark.parametrize("series_time", ["180000", None])
@pytest.mark.parametrize(
    "tags",
    [
        {"AcquisitionDate": None, "AcquisitionTime": None, "AcquisitionDateTime": "19991231120000.00"},
        {"AcquisitionDate": None},
        {
            "AcquisitionDate": None,
            "AcquisitionTime": None,
            "AcquisitionDateTime": "19991231110000+0000",
            "TimezoneOffsetFromUTC": "+0100",
        },
    ],
)
def test_a_later_series_time_is_not_taken_where_the_acquisition_is_written_otherwise(tmp_path, tags, series_time):
    assert_suv(read(pet(tmp_path / "x", **tags, SeriesTime=series_time)), 2e8)


def test_an_acquisition_in_a_zone_of_its_own_gives_no_suv_without_that_of_the_other_times(tmp_path):
    back = read(pet(tmp_path / "x", AcquisitionTime=None, AcquisitionDateTime="19991231110000+0000"))
    assert back.unit == "Bq/ml"
    assert "AcquisitionDateTime has an offset from UTC, and TimezoneOffsetFromUTC is missing" in back.notes[0]


def test_stored_values_called_suv_that_no_patient_has_have_no_unit(tmp_path):
    back = read(pet(tmp_path / "x", Units="GML", RescaleSlope=1000))
    assert back.unit == ""
    assert re.search(r"is GML \(SUV as stored\), but the highest SUV would be .*, which no patient has", back.notes[0])


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
    assert "1999" not in back.notes[0]
    assert re.search(f"SUV cannot be derived: {why}", back.notes[0])


def test_stored_suv_is_left_alone(tmp_path):
    back = read(pet(tmp_path / "x", Units="GML", RescaleSlope=0.125))
    np.testing.assert_array_equal(back.array, phantom().array * 0.125)
    assert (back.unit, back.notes) == ("g/ml", ())


def test_counts_are_left_alone_with_a_note(tmp_path):
    back = read(pet(tmp_path / "x", Units="CNTS"))
    assert back.unit == "CNTS"
    assert back.notes[0].startswith("PET values are in CNTS and were not converted to SUV: the scanner's factors")
    assert "suv_factor=... (--suv-factor)" in back.notes[0]


@pytest.mark.parametrize(("units", "unit"), [("PROPCPS", "PROPCPS"), ("CM2ML", "CM2ML"), ("NONE", "NONE"), (None, "")])
def test_any_other_unit_is_recorded_and_not_converted(tmp_path, units, unit):
    back = read(pet(tmp_path / "x", Units=units))
    np.testing.assert_array_equal(back.array, phantom().array * 10)
    assert back.unit == unit
    assert "were not converted to SUV" in back.notes[0]


def test_stored_suv_by_lean_mass_is_not_called_suv_by_body_weight(tmp_path):
    assert read(pet(tmp_path / "x", Units="GML", SUVType="LBM", RescaleSlope=0.125)).unit == "g/ml (LBM)"


def philips(folder, suv=None, activity=None, block=0x10, creator="Philips PET Private Group", **tags):
    def change(ds, k):
        if creator:
            ds.add_new((0x7053, block), "LO", creator)
        for element, value in ((0x00, suv), (0x09, activity)):
            if value is not None:
                ds.add_new((0x7053, block << 8 | element), "DS", str(value))

    return pet(folder, change, **({"Units": "CNTS"} | tags))


@pytest.mark.parametrize(
    ("block", "creator"), [(0x10, "Philips PET Private Group"), (0x12, "PHILIPS PET Private Group"), (0x10, "")]
)
def test_philips_counts_become_suv_with_the_scanner_s_factor(tmp_path, block, creator):
    back = read(philips(tmp_path / "x", suv=0.0005, activity=2.5, block=block, creator=creator))
    np.testing.assert_allclose(back.array, phantom().array * 10 * 0.0005, rtol=1e-6)
    assert back.unit == "g/ml"
    assert back.notes == ("PET counts became SUV with the factor 0.0005 of the scanner (7053,1000).",)


def test_philips_counts_become_activity_where_the_factor_of_suv_is_missing(tmp_path):
    back = read(philips(tmp_path / "x", suv=0, activity=2.5))
    np.testing.assert_allclose(back.array, phantom().array * 10 * 2.5 * 80_000 / 2e8, rtol=1e-6)
    assert back.unit == "g/ml"
    weightless = read(philips(tmp_path / "y", activity=2.5, PatientWeight=0))
    np.testing.assert_allclose(weightless.array, phantom().array * 10 * 2.5, rtol=1e-6)
    assert weightless.unit == "Bq/ml"
    assert "PatientWeight or RadionuclideTotalDose is missing" in weightless.notes[1]


def test_philips_factors_of_another_vendor_s_block_or_of_no_possible_suv_are_not_used(tmp_path):
    assert read(philips(tmp_path / "x", suv=0.0005, creator="ACME 1.0")).unit == "CNTS"
    back = read(philips(tmp_path / "y", suv=500))
    assert back.unit == "CNTS"
    assert "the highest SUV would be 1.04e+06" in back.notes[0]


def test_a_factor_that_is_given_makes_suv_and_overrules_the_header(tmp_path):
    back = read(pet(tmp_path / "x", PatientWeight=0), suv_factor=0.0004)
    assert_suv(back, 2e8)
    assert back.notes == ("PET values were multiplied by the SUV factor that was given, 0.0004.",)
    assert_suv(read(pet(tmp_path / "y"), suv_factor=0.0002), 4e8)


def test_a_factor_is_refused_for_ct_for_stored_suv_and_where_no_patient_has_the_result(tmp_path):
    with pytest.raises(InputError, match=r"suv_factor=0\.1 is for PET, and this series is CT"):
        read(series(tmp_path / "ct", phantom(), "CT"), suv_factor=0.1)
    with pytest.raises(InputError, match=r"SUV as stored: leave suv_factor=0\.1 out"):
        read(pet(tmp_path / "gml", Units="GML"), suv_factor=0.1)
    for factor in (0, -1, float("nan"), float("inf")):
        with pytest.raises(InputError, match=r"is no factor\. Give the factor"):
            read(pet(tmp_path / "gml", Units="CNTS"), suv_factor=factor)
    with pytest.raises(InputError, match=r"the highest SUV would be 2\.09e"):
        read(pet(tmp_path / "bq"), suv_factor=1000)


def test_a_factor_makes_suv_of_a_nifti_file(tmp_path):
    write(phantom(), tmp_path / "pet.nii.gz")
    back = read(tmp_path / "pet.nii.gz", suv_factor=0.01)
    assert (back.modality, back.unit) == ("PT", "g/ml")
    np.testing.assert_allclose(back.array, phantom().array * 0.01, rtol=1e-6)


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        ({"tracer": {"RadionuclideTotalDose": 400}}, "RadionuclideTotalDose is 400 Bq, which is no dose"),
        ({"tracer": {"RadionuclideTotalDose": 4e5}}, "RadionuclideTotalDose is 400000 Bq"),
        ({"tracer": {"RadionuclideTotalDose": 4e14}}, r"RadionuclideTotalDose is 4e\+14 Bq"),
        ({"PatientWeight": 80000}, "PatientWeight is 80000 kg, which no patient weighs"),
        ({"PatientWeight": 0.08}, "PatientWeight is 0.08 kg"),
        ({"tracer": {"RadionuclideHalfLife": 109.77}}, "RadionuclideHalfLife is 109.77 s, which is that of no PET"),
        (
            {
                "tracer": {
                    "RadionuclideHalfLife": 1221.8,
                    "RadionuclideCodeSequence": [item(CodeMeaning="^18^Fluorine")],
                }
            },
            "RadionuclideHalfLife is 1221.8 s, and that of F-18 is 6586.2 s",
        ),
        (
            {"tracer": {"RadiopharmaceuticalStartTime": "130000"}},
            "the scan is said to begin 82800 s after the injection",
        ),
        ({"RescaleSlope": 1e6}, r"the highest SUV would be 8.36e\+04"),
        ({"RescaleSlope": 1e-4}, "the highest SUV would be 8.36e-06"),
    ],
)
def test_what_no_patient_has_is_refused_with_its_value(tmp_path, tags, why):
    back = read(pet(tmp_path / "x", **tags))
    assert back.unit == "Bq/ml"
    assert re.search(f"SUV cannot be derived: {why}", back.notes[0])


def test_a_dose_or_weight_that_differs_between_slices_gives_no_suv(tmp_path):
    def heavier(ds, k):
        ds.PatientWeight = 80 + (k == 3)

    back = read(pet(tmp_path / "x", heavier))
    assert (back.unit, "PatientWeight is not the same in all slices" in back.notes[0]) == ("Bq/ml", True)
    with pytest.raises(InputError, match=r"Units is BQML in IM\d+ and CNTS in IM\d+. Export the series again"):
        read(pet(tmp_path / "y", lambda ds, k: setattr(ds, "Units", "CNTS" if k == 3 else "BQML")))


LOCAL, UTC = "19991231101013.8", "19991231091013.8+0000"
"""One injection, in the scan's zone (an hour east of Greenwich) and in Greenwich."""


@pytest.mark.parametrize(
    ("stamp", "zone", "clock"),
    [
        (LOCAL, None, None),
        (LOCAL, "+0100", None),
        (UTC, "+0100", None),
        ("19991231101013.8+0100", "+0100", None),
        ("19991231144013.8+0530", "+0100", None),
        ("19991230231013.8-1000", "+0100", None),
        ("19991231101013.8+0100", None, "101013.8"),
    ],
)
def test_a_time_zone_of_the_injection_is_turned_to_that_of_the_scan(tmp_path, stamp, zone, clock):
    tracer = {"RadiopharmaceuticalStartDateTime": stamp, "RadiopharmaceuticalStartTime": clock}
    assert_suv(read(pet(tmp_path / "x", tracer=tracer, TimezoneOffsetFromUTC=zone)), 2e8)


@pytest.mark.parametrize("clock", [None, "101013.8"])
def test_an_offset_of_the_injection_without_the_zone_of_the_scan_gives_no_suv(tmp_path, clock):
    tracer = {"RadiopharmaceuticalStartDateTime": UTC, "RadiopharmaceuticalStartTime": clock}
    back = read(pet(tmp_path / "x", tracer=tracer))
    assert back.unit == "Bq/ml"
    assert "has the offset +0000 from UTC, and TimezoneOffsetFromUTC, that of the scan, is missing" in back.notes[0]


def test_a_long_lived_tracer_needs_the_day_of_its_injection(tmp_path):
    tracer = {"RadionuclideHalfLife": 282280, "RadiopharmaceuticalStartTime": "110000"}
    back = read(pet(tmp_path / "x", tracer=tracer))
    assert "the day of injection is missing" in back.notes[0]
    tracer["RadiopharmaceuticalStartDateTime"] = "19991225120000"
    back = read(pet(tmp_path / "y", tracer=tracer))
    np.testing.assert_allclose(back.array.max(), 2090 * 80_000 / (4e8 * 2 ** (-6 * 86400 / 282280)), rtol=1e-6)


def test_every_volume_of_a_dynamic_scan_is_dated_by_the_start_of_the_series(tmp_path):
    """A later volume was 21 % too high where the series time is that of a reconstruction."""

    def times(ds, k):
        ds.AcquisitionTime = f"12{30 * (k % 2):02d}00"
        ds.TemporalPositionIdentifier = k % 2 + 1
        ds.ImagePositionPatient = [0, 0, 3.0 * (k // 2)]

    folder = pet(tmp_path / "x", times, SeriesTime="180000")
    told = [read(folder, volume=number).notes[-1] for number in (0, 1)]
    assert all("the scan began 6586 s after the injection" in note for note in told)
