"""What the values of a series mean: Hounsfield units, or uptake of a tracer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from monai_attn.io.dicom.files import number, text
from monai_attn.io.dicom.frames import Frame

__all__ = ["with_unit"]

MAX_HALF_LIVES = 10
"""A longer wait between injection and scan (18 h for F-18) is a wrong clock, not an examination."""

CT_TYPES = {"", "HU"}


def with_unit(
    array: NDArray[np.generic], frames: Sequence[Frame], modality: str
) -> tuple[NDArray[np.generic], str, tuple[str, ...]]:
    """The array, its unit, and notes: CT in HU; PET activity as SUV where the header allows it."""
    if modality == "CT":
        kind = frames[0].rescale_type
        if kind in CT_TYPES:
            return array, "HU", ()
        return array, "", (f"RescaleType is {kind!r}, so the header does not say that these are Hounsfield units.",)
    if modality == "PT":
        return _pet(array, frames)
    return array, "", ()


def _pet(array: NDArray[np.generic], frames: Sequence[Frame]) -> tuple[NDArray[np.generic], str, tuple[str, ...]]:
    units, kind = text(frames[0].header, "Units"), text(frames[0].header, "SUVType")
    if units == "GML":
        weighed = "body weight" if kind in ("", "BW") else kind
        return array, "g/ml", (f"PET values are SUV ({weighed}) as stored.",) if kind not in ("", "BW") else ()
    if units != "BQML":
        return array, "", (f"PET values are in {units or 'no stated unit'} and were not converted to SUV.",)
    factor, why = suv_per_bqml(frames)
    if factor is None:
        return array, "Bq/ml", (f"PET values are activity in Bq/ml; SUV cannot be derived: {why}.",)
    scaled = (np.asarray(array, dtype=np.float64) * factor).astype(np.float32)
    return scaled, "g/ml", (f"PET activity was converted to SUV (body weight) with the factor {factor:.6g}; {why}.",)


def suv_per_bqml(frames: Sequence[Frame]) -> tuple[float | None, str]:
    """SUV by body weight per Bq/ml, and how it came about; None and the reason where it cannot be derived.

    weight / (dose x 2^(-t / half-life)), t from injection to the time to which the scan is decay-corrected
    (QIBA FDG-PET profile; DICOM PS3.3 C.8.9.1): its start (START) or the injection (ADMIN, t = 0).
    """
    header = frames[0].header
    corrected = text(header, "CorrectedImage").split("\\")
    if "ATTN" not in corrected or "DECY" not in corrected:
        return None, "CorrectedImage lacks attenuation (ATTN) or decay (DECY) correction"
    tracers = header.get("RadiopharmaceuticalInformationSequence") or []
    if len(tracers) != 1:
        return None, f"the header describes {len(tracers)} tracers, not one"
    weight_kg, dose_bq = number(header, "PatientWeight"), number(tracers[0], "RadionuclideTotalDose")
    if not weight_kg or weight_kg < 0 or not dose_bq or dose_bq < 0:
        return None, "PatientWeight or RadionuclideTotalDose is missing or 0"
    to = text(header, "DecayCorrection")
    if to == "ADMIN":
        return 1000 * weight_kg / dose_bq, "it was decay-corrected to the injection"
    if to != "START":
        return None, f"DecayCorrection is {to or 'missing'}, neither START nor ADMIN"
    half_life = number(tracers[0], "RadionuclideHalfLife")
    if not half_life or half_life < 0:
        return None, "RadionuclideHalfLife is missing or 0"
    injected, scanned = _injection(tracers[0], frames), _scan_start(frames)
    if injected is None or scanned is None:
        return None, "the time of injection or of the scan is missing"
    seconds = (scanned - injected).total_seconds()
    if not 0 <= seconds <= MAX_HALF_LIVES * half_life:
        return None, f"the scan is said to begin {seconds:.0f} s after the injection"
    dose = dose_bq * math.pow(2.0, -seconds / half_life)
    return 1000 * weight_kg / dose, f"the scan began {seconds:.0f} s after the injection"


def _scan_start(frames: Sequence[Frame]) -> datetime | None:
    """The earliest of series and acquisition time: a series processed later has a later series time."""
    times = [_moment(text(f.header, "AcquisitionDate"), text(f.header, "AcquisitionTime")) for f in frames]
    times.append(_moment(text(frames[0].header, "SeriesDate"), text(frames[0].header, "SeriesTime")))
    return min((time for time in times if time is not None), default=None)


def _injection(tracer: object, frames: Sequence[Frame]) -> datetime | None:
    """When the tracer was given. A bare time of day is of the day of the scan, or of the day before if later."""
    stamp = text(tracer, "RadiopharmaceuticalStartDateTime")  # type: ignore[arg-type]
    if stamp:
        return _moment(stamp[:8], stamp[8:].partition("+")[0].partition("-")[0])
    scanned = _scan_start(frames)
    if scanned is None:
        return None
    injected = _moment(scanned.strftime("%Y%m%d"), text(tracer, "RadiopharmaceuticalStartTime"))  # type: ignore[arg-type]
    return injected - timedelta(days=1) if injected is not None and injected > scanned else injected


def _moment(date: str, time: str) -> datetime | None:
    if not time:
        return None
    whole, _, fraction = time.partition(".")
    try:
        clock = datetime.strptime(date + whole.ljust(6, "0"), "%Y%m%d%H%M%S")
    except ValueError:
        return None
    return clock + timedelta(seconds=float(f"0.{fraction}")) if fraction.isdigit() else clock
