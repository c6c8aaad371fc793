"""Half-lives of the nuclides that are used in PET, to recognise one that is in the wrong unit.

A half-life in minutes, or of another nuclide, makes every SUV wrong without a visible sign. `suv` asks here before it
computes a factor. The table holds nuclides of PET only.
"""

from __future__ import annotations

import re

__all__ = ["half_life_problem"]

HALF_LIVES_S = {
    "Rb-82 rubidium": 75.5,
    "O-15 oxygen": 122.3,
    "Cu-62 copper": 580.4,
    "N-13 nitrogen": 597.9,
    "C-11 carbon": 1221.8,
    "Cu-60 copper": 1422.0,
    "Ga-68 gallium": 4057.7,
    "I-120 iodine": 4896.0,
    "Br-75 bromine": 5802.0,
    "F-18 fluorine": 6586.2,
    "Ti-45 titanium": 11088.0,
    "Cu-61 copper": 12020.0,
    "Sc-44 scandium": 14292.0,
    "Fe-52 iron": 29790.0,
    "Cu-64 copper": 45724.0,
    "Y-86 yttrium": 53064.0,
    "Br-76 bromine": 58320.0,
    "Tb-152 terbium": 63000.0,
    "Co-55 cobalt": 63108.0,
    "As-72 arsenic": 93600.0,
    "Y-90 yttrium": 230600.0,
    "Zr-89 zirconium": 282280.0,
    "I-124 iodine": 360800.0,
    "Mn-52 manganese": 483060.0,
    "Ge-68 germanium": 23410000.0,
    "Na-22 sodium": 82100000.0,
}
"""Seconds (NuDat 3, Brookhaven). Ge-68 and Na-22 are in phantoms."""

TOLERANCE = 0.03
"""Scanners round: 110 min for 109.8 min of F-18 is 0.2 % off, minutes for seconds far more."""


def half_life_problem(half_life_s: float | None, nuclide: str = "") -> str:
    """Why a half-life in seconds cannot be right, as a part of a sentence; "" when it can.

    It must be that of a nuclide in `HALF_LIVES_S`, to 3 %. With `nuclide`, the words of the header such as
    "^18^Fluorine", it must be the half-life of that nuclide. Minutes in place of seconds are found so.

    >>> half_life_problem(6586.2)
    ''
    >>> half_life_problem(109.8)
    'RadionuclideHalfLife is 109.8 s, which is that of no PET nuclide'
    >>> half_life_problem(4057.7, "^18^Fluorine")
    'RadionuclideHalfLife is 4057.7 s, and that of F-18 is 6586.2 s'
    """
    if not half_life_s or half_life_s < 0:
        return "RadionuclideHalfLife is missing or 0"
    named = {name: value for name, value in HALF_LIVES_S.items() if nuclide and _is_named(name, nuclide)}
    if any(abs(half_life_s - value) <= TOLERANCE * value for value in (named or HALF_LIVES_S).values()):
        return ""
    if named:
        name, value = next(iter(named.items()))
        return f"RadionuclideHalfLife is {half_life_s:g} s, and that of {name.split()[0]} is {value:g} s"
    return f"RadionuclideHalfLife is {half_life_s:g} s, which is that of no PET nuclide"


def _is_named(name: str, meaning: str) -> bool:
    """Whether "^18^Fluorine", "Fluorine F^18^", "18F" or "F-18" is meant by a name of the table.

    >>> _is_named("F-18 fluorine", "^18^Fluorine"), _is_named("F-18 fluorine", "FDG")
    (True, False)
    """
    short, element = name.split()
    symbol, mass = short.split("-")
    words = re.findall(r"[a-z]+", meaning.lower())
    return mass in re.findall(r"\d+", meaning) and (element in words or symbol.lower() in words)
