"""What is in an image or a folder, as rows of words: for `monai-attn info` and for programs that ask.

Nothing is segmented and no code of a bundle runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from monai_attn.cases.finding import find_cases
from monai_attn.errors import InputError
from monai_attn.io import list_series
from monai_attn.volume import Volume

__all__ = ["folder_rows", "volume_rows"]

MAX_LISTED = 20
"""Cases of a folder that are listed; of more the number is said."""


def volume_rows(volume: Volume) -> dict[str, Any]:
    """Size, spacing (mm), orientation, bounds (mm, RAS+), type, range of values, modality and notes of an image."""
    array = volume.array
    return {
        "size": " x ".join(map(str, volume.shape)) + " voxels",
        "spacing": " x ".join(f"{edge:.4g}" for edge in volume.spacing_mm) + " mm",
        "orientation": f"{volume.orientation}, {volume.oblique_deg:.1f} degrees oblique",
        "bounds": str(volume.bounds),
        "type": str(array.dtype),
        "values": _range(volume),
        "modality": volume.modality or "unknown",
        **({"notes": list(volume.notes)} if volume.notes else {}),
    }


def _range(volume: Volume) -> str:
    """The smallest and the largest value with the unit, and how many voxels hold no number."""
    known = np.isfinite(volume.array)
    strange = known.size - np.count_nonzero(known)
    values = volume.array[known] if strange else volume.array
    ends = f"{values.min():.6g} to {values.max():.6g} {volume.unit}".rstrip() if values.size else "none"
    return f"{ends}; NaN or infinite in {strange} of {known.size} voxels" if strange else ends


def folder_rows(path: Path) -> dict[str, Any]:
    """The cases and the DICOM series in a folder; a sentence in their place where there are none."""
    found = list_series(path)
    series = [str(series) for series in found] or ["none: no DICOM image in this folder"]
    return {"folder": path.name, "cases": _cases(path, dicom=bool(found)), "series": series}


def _cases(path: Path, *, dicom: bool) -> list[str]:
    """The cases that `segment` finds in a folder for a bundle of one image, or why it finds none."""
    try:
        cases = find_cases([path])
    except InputError as error:
        return [f"none: {error}"]
    if not dicom and [case.source for case in cases] == [path]:
        return ["none: no image in this folder"]
    more = [f"and {len(cases) - MAX_LISTED} more"] if len(cases) > MAX_LISTED else []
    return [case.name for case in cases[:MAX_LISTED]] + more
