"""What the values of a series are: Hounsfield units, standardised uptake (SUV), activity, or not known.

No function here opens a file. A unit is stated only where the header gives the right to it. Else the unit is "" and a
note says why: nobody should take unknown values for Hounsfield units.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import InputError
from monai_attn.io.dicom.files import text
from monai_attn.io.dicom.frames import Frame
from monai_attn.io.dicom.philips import activity_factor, stored_suv_factor
from monai_attn.io.dicom.suv import GIVE_FACTOR, suv_per_bqml, unlikely_suv

__all__ = ["check_alike", "times_suv_factor", "with_unit"]

Values = tuple[NDArray[np.generic], str, tuple[str, ...]]
"""An array, the unit of its values, and notes."""

CT_TYPES = {"", "HU"}
"""RescaleType may be absent where the values are Hounsfield units (PS3.3 C.8.2.1)."""

ALIKE = ("Modality", "PhotometricInterpretation", "RescaleType", "Units", "SUVType", "DecayCorrection")
"""What says how values are meant, and so must be the same in every slice of a volume."""

REQUIRED = ("CT", "PT")
"""Modalities in which RescaleSlope and RescaleIntercept are of type 1 (PS3.3 C.8.2.1, C.8.9.4)."""


def check_alike(frames: Sequence[Frame], name: str) -> None:
    """Refuse a volume of whose slices some have another kind of values than the others.

    Compared are modality, photometric interpretation, RescaleType, the unit of PET and its corrections. A slice without
    rescale tags among slices with them is refused too: its values would be 1024 off in CT.

    Raises `InputError` with the tag and the name of a file that differs.
    """
    for keyword in ALIKE:
        kinds = [_kind(frame, keyword) for frame in frames]
        odd = next((place for place, kind in enumerate(kinds) if kind != kinds[0]), None)
        if odd is not None:
            raise InputError(
                f"{name}: {keyword} is {kinds[0] or 'missing'} in {frames[0].path.name} and "
                f"{kinds[odd] or 'missing'} in {frames[odd].path.name}. Export the series again."
            )
    bare = [frame for frame in frames if frame.missing]
    told = [frame for frame in frames if frame.missing != bare[0].missing] if bare else []
    harmless = text(frames[0].header, "Modality") not in REQUIRED and all(
        (f.slope, f.intercept) == (1, 0) for f in told
    )
    if told and not harmless:
        raise InputError(
            f"{name}: {len(bare)} of {len(frames)} slices lack {' and '.join(bare[0].missing)}, for example "
            f"{bare[0].path.name}, so their values are not on the scale of the others. Export the series again."
        )


def with_unit(
    array: NDArray[np.generic],
    frames: Sequence[Frame],
    modality: str,
    *,
    suv_factor: float | None = None,
    whole: Sequence[Frame] = (),
) -> Values:
    """The values, their unit, and notes: CT in "HU", PET in "g/ml" (SUV) where the header allows.

    `frames` are the slices of the volume, and `whole` those of the whole series, where it holds several volumes.

    The unit is "" where it is not known, as for MRI, or for CT without RescaleSlope and RescaleIntercept. PET that
    cannot be converted keeps the unit of the header: "Bq/ml", or "CNTS" and so on. The note then says what is missing,
    and how to give it.

    SUV is by body weight. Stored SUV of another kind has the unit "g/ml (LBM)" and so on. Philips counts become SUV
    with the scanner's own factor, private tag (7053,1000).

    Raises `InputError` for a `suv_factor` with another modality than PET, with stored SUV, or with a result that no
    patient has.
    """
    if suv_factor is not None and modality != "PT":
        raise InputError(f"suv_factor={suv_factor:g} is for PET, and this series is {modality or 'of no modality'}.")
    if modality in REQUIRED and frames[0].missing and suv_factor is None:
        tags = " and ".join(frames[0].missing)
        if len(frames[0].missing) > 1:
            return array, "", (f"{tags}: missing, so the values are as stored and their unit is not known.",)
        taken = 1 if tags == "RescaleSlope" else 0
        return array, "", (f"{tags}: missing; {taken} is taken for it, and the unit of the values is not known.",)
    if modality == "CT":
        kind = frames[0].rescale_type
        if kind.upper() in CT_TYPES:
            return array, "HU", ()
        return array, "", (f"RescaleType is {kind!r}, so the header does not say that these are Hounsfield units.",)
    if modality == "PT":
        if suv_factor is None:
            return _pet(array, frames, whole or frames)
        if text(frames[0].header, "Units") == "GML":
            raise InputError(f"The PET values are SUV as stored: leave suv_factor={suv_factor:g} out.")
        return times_suv_factor(array, suv_factor)
    return array, "", () if modality else ("Modality is missing, so the unit of the values is not known.",)


def times_suv_factor(array: NDArray[np.generic], factor: float) -> Values:
    """PET values times a factor that the user gives: float32 values, the unit "g/ml", and a note.

    For values in Bq/ml the factor is 1000 x weight in kg / dose in Bq at the start of the scan.

    Raises `InputError` for a factor that is no positive number. It also raises it where the highest SUV would lie
    outside `HIGHEST_SUV`.

    >>> values, unit, _ = times_suv_factor(np.array([1000, 2000]), 0.001)
    >>> values, unit
    (array([1., 2.], dtype=float32), 'g/ml')
    """
    if not 0 < factor < float("inf"):
        raise InputError(f"suv_factor={factor:g} is no factor. {GIVE_FACTOR}")
    scaled = _scaled(array, factor)
    unlikely = unlikely_suv(scaled)
    if unlikely:
        raise InputError(f"With suv_factor={factor:g}, {unlikely}. {GIVE_FACTOR}")
    return scaled, "g/ml", (f"PET values were multiplied by the SUV factor that was given, {factor:.6g}.",)


def _kind(frame: Frame, keyword: str) -> str:
    """A tag's value in one slice; of CT, a RescaleType that is absent says Hounsfield units."""
    if keyword != "RescaleType":
        return text(frame.header, keyword).upper()
    return frame.rescale_type.upper() or ("HU" if text(frame.header, "Modality") == "CT" else "")


def _pet(array: NDArray[np.generic], frames: Sequence[Frame], whole: Sequence[Frame]) -> Values:
    """PET values with unit and notes: SUV as stored, Philips counts by the scanner's factors, or activity by dose and
    weight.

    Values that no rule applies to keep their unit. SUV that no patient has is never given: the values stay as they
    were.
    """
    header = frames[0].header
    units, kind = text(header, "Units"), text(header, "SUVType")
    if units == "GML":
        unlikely = unlikely_suv(array)
        if unlikely:
            return array, "", (f"Units of the PET is GML (SUV as stored), but {unlikely}: their unit is not known.",)
        if kind in ("", "BW"):
            return array, "g/ml", ()
        return array, f"g/ml ({kind})", (f"PET values are SUV ({kind}) as stored, not SUV by body weight.",)
    stored = stored_suv_factor(frames)
    if units == "CNTS" and stored:
        scaled = _scaled(array, stored)
        unlikely = unlikely_suv(scaled)
        if not unlikely:
            return scaled, "g/ml", (f"PET counts became SUV with the factor {stored:.6g} of the scanner (7053,1000).",)
        return array, units, (_not_converted(units, f"with the factor {stored:g} of (7053,1000), {unlikely}"),)
    notes: tuple[str, ...] = ()
    concentration = activity_factor(frames) if units == "CNTS" else None
    if concentration:
        array, units = _scaled(array, concentration), "BQML"
        notes = (f"PET counts became Bq/ml with the factor {concentration:.6g} of the scanner (7053,1009).",)
    if units != "BQML":
        why = "the scanner's factors (7053,1000) and (7053,1009) are missing" if units == "CNTS" else "no rule is known"
        return array, units, (_not_converted(units, why),)
    factor, why = suv_per_bqml(frames, whole)
    scaled = _scaled(array, factor) if factor is not None else array
    unlikely = unlikely_suv(scaled) if factor is not None else ""
    if factor is None or unlikely:
        reason = f"{unlikely}; {why}" if unlikely else why
        said = f"PET values are activity in Bq/ml; SUV cannot be derived: {reason}. {GIVE_FACTOR}"
        return array, "Bq/ml", (*notes, said)
    said = f"PET activity was converted to SUV (body weight) with the factor {factor:.6g}; {why}."
    return scaled, "g/ml", (*notes, said)


def _not_converted(units: str, why: str) -> str:
    """The note for PET values that keep the unit of the file, with the reason and with what the user can give."""
    return f"PET values are in {units or 'no stated unit'} and were not converted to SUV: {why}. {GIVE_FACTOR}"


def _scaled(array: NDArray[np.generic], factor: float) -> NDArray[np.generic]:
    """Values times a factor, computed in float64 and given as float32."""
    return (np.asarray(array, dtype=np.float64) * factor).astype(np.float32)
