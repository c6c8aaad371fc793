"""Units of length that headers name, in millimetres.

The readers of NIfTI, NRRD and MetaImage call it. DICOM needs no conversion: its lengths are always millimetres.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import GeometryError

__all__ = ["convert_lengths", "mm_per"]

MAX_EXTENT_MM = 25_000.0
"""Wider than the room of any scanner: the unit that a header names cannot be right beyond it."""

MM_PER_UNIT = {"m": 1000.0, "dm": 100.0, "cm": 10.0, "mm": 1.0, "um": 1e-3, "nm": 1e-6, "inch": 25.4}
"""How many millimetres each unit has. The inch is exactly 25.4 mm."""

LONG_NAMES = {
    **{f"{word}{end}": short for end in ("meter", "metre", "meters", "metres") for word, short in [("", "m")]},
    **{
        f"{word}{end}": short
        for end in ("meter", "metre", "meters", "metres")
        for word, short in [("deci", "dm"), ("centi", "cm"), ("milli", "mm"), ("micro", "um"), ("nano", "nm")]
    },
    **dict.fromkeys(("micron", "microns", "µm", "μm"), "um"),
    **dict.fromkeys(("inches", "in", '"'), "inch"),
}
"""Other spellings: both letters mu that Unicode has, American and British, one and many."""


def mm_per(unit: str, name: str) -> float:
    """How many millimetres a unit of length has. Raises `GeometryError` for a unit that is not known.

    `name` is the file's. An empty unit is the millimetre, by custom.

    >>> mm_per("cm", "ct.mha"), mm_per("microns", "slide.nrrd"), mm_per("", "t1.nrrd")
    (10.0, 0.001, 1.0)
    """
    word = unit.strip().lower() or "mm"
    short = LONG_NAMES.get(word, word)
    if short not in MM_PER_UNIT:
        raise GeometryError(
            f"{name}: the header gives lengths in {unit!r}, which is no known unit of length "
            f"({', '.join(MM_PER_UNIT)}). Write the unit and the sizes in millimetres."
        )
    return MM_PER_UNIT[short]


def convert_lengths(
    affine: NDArray[np.float64], shape: Sequence[int], units: Sequence[str], name: str
) -> tuple[str, ...]:
    """Bring an affine to millimetres in place; notes on what was converted.

    `units` are those of the three rows of the affine, `shape` is the size of the image. Raises `GeometryError` for an
    unknown unit, or where the image would be more than 25 m wide: then its sizes are not in the unit that the header
    names.

    >>> convert_lengths(np.diag([0.1, 0.1, 0.25, 1.0]), (256, 256, 90), ["cm"] * 3, "t1.mha")
    ('The header is in cm; it was converted to millimetres.',)
    """
    scales = np.array([mm_per(unit, name) for unit in units])
    affine[:3] *= scales[:, None]
    changed = list(dict.fromkeys(unit for unit, scale in zip(units, scales, strict=True) if scale != 1))
    extent = np.linalg.norm(affine[:3, :3], axis=0) * np.array(shape)
    if changed and (extent > MAX_EXTENT_MM).any():
        raise GeometryError(
            f"{name}: the header gives lengths in {changed[0]}, which makes the image {extent.max() / 1000:.0f} m "
            "wide. "
            "If the sizes are in millimetres, set the unit of the header to mm (NIfTI: xyzt_units = 2)."
        )
    return tuple(f"The header is in {unit}; it was converted to millimetres." for unit in changed)
