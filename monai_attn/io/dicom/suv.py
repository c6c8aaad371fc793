"""Standardised uptake by body weight: the factor from Bq/ml, and the ranges that no patient leaves.

SUV by body weight is the activity in a voxel, divided by the injected dose per gram of the patient (g/ml). A header
with a wrong weight, dose or time gives plausible wrong values, so each of them is checked against its range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from monai_attn.io.dicom.clock import uptake_seconds
from monai_attn.io.dicom.files import number, text
from monai_attn.io.dicom.frames import Frame
from monai_attn.io.dicom.nuclides import half_life_problem

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["GIVE_FACTOR", "suv_per_bqml", "unlikely_suv"]

GIVE_FACTOR = (
    "Give the factor from the values to SUV with suv_factor=... (--suv-factor); "
    "for Bq/ml it is 1000 x weight in kg / dose in Bq at the start of the scan."
)

WEIGHT_KG = (0.3, 650.0)
"""From the smallest newborn to the heaviest person known; grams, or pounds of an adult in grams, lie outside."""

DOSE_BQ = (1e6, 2e10)
"""1 MBq (an infant's) to 20 GBq (radioembolisation); a dose in MBq, kBq or mCi lies below."""

HIGHEST_SUV = (0.02, 2000.0)
"""Of the highest voxel. Urine, injection sites and treated livers reach hundreds; below 0.02 there is no uptake."""

TRACERS = "RadiopharmaceuticalInformationSequence"


def suv_per_bqml(frames: Sequence[Frame], whole: Sequence[Frame]) -> tuple[float | None, str]:
    """The factor from Bq/ml to SUV by body weight, and what it was computed from.

    The factor is weight / (dose x 2^(-t / half-life)). The time t runs from the injection to the time to which the scan
    is decay-corrected. That is the start of the scan (DecayCorrection START), or the injection itself (ADMIN, t = 0).

    The first value is None where the factor cannot be derived, and the second says why, with the value. That is so
    where a tag is missing, or where weight, dose, half-life or waiting time lie outside the ranges of patients. No date
    is shown.

    QIBA FDG-PET profile, vendor-neutral pseudo-code; DICOM PS3.3 C.8.9.1.

    Tags are taken from the first slice. The factor is refused where weight, dose or half-life differ between slices.
    `whole` are the slices of the whole series, which say when the scan of its first volume began.
    """
    header = frames[0].header
    corrected = text(header, "CorrectedImage").split("\\")
    if "ATTN" not in corrected or "DECY" not in corrected:
        return None, "CorrectedImage lacks attenuation (ATTN) or decay (DECY) correction"
    tracers = header.get(TRACERS) or []
    if len(tracers) != 1:
        return None, f"the header describes {len(tracers)} tracers, not one"
    tracer = tracers[0]
    odd = next((what for what, values in _given(frames).items() if len(values) > 1), "")
    if odd:
        return None, f"{odd} is not the same in all slices"
    weight_kg, dose_bq = number(header, "PatientWeight"), number(tracer, "RadionuclideTotalDose")
    if not weight_kg or weight_kg < 0 or not dose_bq or dose_bq < 0:
        return None, "PatientWeight or RadionuclideTotalDose is missing or 0"
    if not WEIGHT_KG[0] <= weight_kg <= WEIGHT_KG[1]:
        return None, f"PatientWeight is {weight_kg:g} kg, which no patient weighs"
    if not DOSE_BQ[0] <= dose_bq <= DOSE_BQ[1]:
        return None, f"RadionuclideTotalDose is {dose_bq:g} Bq, which is no dose of a PET tracer"
    said = f"weight {weight_kg:g} kg, dose {dose_bq / 1e6:g} MBq"
    to = text(header, "DecayCorrection")
    if to == "ADMIN":
        return 1000 * weight_kg / dose_bq, f"{said}, decay-corrected to the injection"
    if to != "START":
        return None, f"DecayCorrection is {to or 'missing'}, neither START nor ADMIN"
    half_life = number(tracer, "RadionuclideHalfLife")
    problem = half_life_problem(half_life, _nuclide(tracer))
    if problem or not half_life:
        return None, problem
    seconds, why = uptake_seconds(whole, tracer, half_life)
    if seconds is None:
        return None, why
    dose = dose_bq * math.pow(2.0, -seconds / half_life)
    said = f"{said}, half-life {half_life:g} s, the scan began {seconds:.0f} s after the injection"
    return 1000 * weight_kg / dose, f"{said}; {why}" if why else said


def unlikely_suv(values: NDArray[np.generic]) -> str:
    """Why values cannot be SUV of a patient, as a part of a sentence; "" when they can.

    The highest value is compared with `HIGHEST_SUV`. An image of zeros gives "": nothing was measured there.

    An image without a finite value gives "" too.

    >>> unlikely_suv(np.array([0.0, 8.5]))
    ''
    >>> unlikely_suv(np.array([0.0, 9000.0]))
    'the highest SUV would be 9e+03, which no patient has'
    """
    highest = float(np.nanmax(values)) if np.isfinite(values).any() else 0.0
    if highest == 0 or HIGHEST_SUV[0] <= highest <= HIGHEST_SUV[1]:
        return ""
    return f"the highest SUV would be {highest:.3g}, which no patient has"


def _given(frames: Sequence[Frame]) -> dict[str, set[float | None]]:
    """Weight, dose and half-life as the files of all slices give them."""
    headers = {frame.path: frame.header for frame in frames}.values()
    tracers = [(header.get(TRACERS) or [None])[0] for header in headers]
    return {
        "PatientWeight": {number(header, "PatientWeight") for header in headers},
        "RadionuclideTotalDose": {number(tracer, "RadionuclideTotalDose") for tracer in tracers},
        "RadionuclideHalfLife": {number(tracer, "RadionuclideHalfLife") for tracer in tracers},
    }


def _nuclide(tracer: Dataset) -> str:
    """The name of the nuclide as the header writes it, "^18^Fluorine" for example; "" where it is missing."""
    codes = tracer.get("RadionuclideCodeSequence") or []
    return text(codes[0], "CodeMeaning") if codes else ""
