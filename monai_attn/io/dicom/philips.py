"""Philips PET: factors in private tags, from counts to SUV and to activity."""

from __future__ import annotations

from collections.abc import Sequence

from monai_attn.io.dicom.frames import Frame
from monai_attn.io.dicom.private import private_numbers

__all__ = ["activity_factor", "stored_suv_factor"]


def stored_suv_factor(frames: Sequence[Frame]) -> float | None:
    """SUV by body weight per count, from the private tag (7053,1000) of Philips PET.

    None where the tag is missing, not positive, or not the same in all slices.
    """
    return _factor(frames, "philips SUV factor")


def activity_factor(frames: Sequence[Frame]) -> float | None:
    """Bq/ml per count, from the private tag (7053,1009) of Philips PET.

    None where the tag is missing, not positive, or not the same in all slices.
    """
    return _factor(frames, "philips activity factor")


def _factor(frames: Sequence[Frame], name: str) -> float | None:
    headers = {frame.path: frame.header for frame in frames}.values()
    found = {private_numbers(header, name) for header in headers}
    only = found.pop() if len(found) == 1 else ()
    return only[0] if len(only) == 1 and only[0] > 0 else None
