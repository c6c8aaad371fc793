"""What the numbers of a label map mean.

A label map holds whole numbers, and a `LabelTable` says that 1 is the liver, in which colour, and with which code.
Bundles, files of masks, measurements and reports all use this table. The voxels are not kept here.
"""

from __future__ import annotations

import colorsys
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import LabelError

__all__ = ["LATERALITIES", "MAX_VALUE", "Code", "Label", "LabelTable", "default_colour", "pairs_of", "without_side"]

MAX_VALUE = 2**32 - 1
"""The largest value of a label: more fits no file of masks."""

LATERALITIES = ("", "left", "right")
"""The sides of the patient's body on which a structure can lie; "" where that is not said."""

SIDES = {
    **dict.fromkeys(("left", "l", "lt", "lh"), "left"),
    **dict.fromkeys(("right", "r", "rt", "rh"), "right"),
}
"""Words in the names of structures that say on which side they lie; "lh" is the left hemisphere of a brain."""

WORD_ENDS = re.compile(r"[\s_\-.,()]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
"""Where a name is split into words: at separators, and at capital letters as in "LeftThalamus" and "LKidney"."""

GOLDEN_ANGLE = 0.61803398875
"""Successive hues this far apart (in turns) never come close to an earlier one."""


@dataclass(frozen=True)
class Code:
    """A coded concept: "40484008", "SCT", "Anterior hippocampus" (DICOM PS3.3, 8.8).

    DICOM SEG and RTSTRUCT store it, so that other programs know the structure whatever its name is.

    >>> Code("10200004", "SCT", "Liver").meaning
    'Liver'
    """

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True)
class Label:
    """One structure: its value in the label map, its name, its colour as `#rrggbb`, its code, its side of the body.

    `laterality` is "left" or "right" of the patient, or "" where the side is not said.

    Raises `LabelError` for a value below 1 or above `MAX_VALUE`, an empty name, a colour of another form, and another
    laterality.

    >>> Label(1, "liver", "#dd8265", Code("10200004", "SCT", "Liver")).name
    'liver'
    """

    value: int
    name: str
    colour: str
    code: Code | None = None
    laterality: str = ""

    def __post_init__(self) -> None:
        if self.value < 1:
            raise LabelError(f"Label {self.name!r} has the value {self.value}; 0 is background, structures are >= 1.")
        if self.value > MAX_VALUE:
            raise LabelError(f"Label {self.name!r} has a value above {MAX_VALUE}, which no file of masks holds.")
        if not self.name.strip():
            raise LabelError(f"Label {self.value} has no name.")
        if any("\ud800" <= letter <= "\udfff" for letter in self.name):
            raise LabelError(f"Label {self.value}: its name holds half a character (a lone surrogate). Write it again.")
        digits = self.colour[1:]
        if self.colour[:1] != "#" or len(digits) != 6 or any(c not in "0123456789abcdefABCDEF" for c in digits):
            raise LabelError(f"Label {self.name!r}: a colour is written #rrggbb, not {self.colour!r}.")
        if self.laterality not in LATERALITIES:
            raise LabelError(f"Label {self.name!r}: its laterality is left, right or empty, not {self.laterality!r}.")

    @property
    def rgb(self) -> tuple[float, float, float]:
        """Red, green and blue between 0 and 1.

        >>> Label(1, "liver", "#ff0000").rgb
        (1.0, 0.0, 0.0)
        """
        red, green, blue = (int(self.colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return red, green, blue


@dataclass(frozen=True)
class LabelTable:
    """The structures of a label map, in order of their values; 0 is background and not listed.

    Raises `LabelError` when a value or a name stands twice. An empty table is allowed.

    >>> table = LabelTable.of_names({2: "tumour", 1: "liver"})
    >>> [label.name for label in table], table[2].name
    (['liver', 'tumour'], 'tumour')
    """

    labels: tuple[Label, ...] = ()

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.labels, key=lambda label: label.value))
        for what in ("value", "name"):
            seen = Counter(getattr(label, what) for label in ordered)
            twice = sorted(item for item, count in seen.items() if count > 1)
            if twice:
                raise LabelError(f"The label table has the {what} {twice[0]!r} twice.")
        object.__setattr__(self, "labels", ordered)

    @classmethod
    def of_names(cls, names: Mapping[int, str]) -> LabelTable:
        """A table of names by value, with a colour for each. An entry for 0, the background, is left out.

        Raises `LabelError` for a name that stands twice. No names give an empty table.

        >>> table = LabelTable.of_names({0: "background", 2: "spleen", 1: "liver"})
        >>> [label.name for label in table], table[2].name
        (['liver', 'spleen'], 'spleen')
        """
        return cls(tuple(Label(value, name, default_colour(value)) for value, name in names.items() if value != 0))

    @classmethod
    def from_json(cls, rows: list[dict[str, Any]]) -> LabelTable:
        """The table of which `to_json` gave the rows; `colour`, `code` and `laterality` may be missing.

        Raises `LabelError` for what is no list of rows, and for a row without a whole number and a name.

        >>> LabelTable.from_json([{"value": 1, "name": "liver"}])[1].name
        'liver'
        """
        if not isinstance(rows, list):
            raise LabelError(f"The labels must be a list of values and names, not {str(rows)[:200]}.")
        return cls(tuple(_label(row) for row in rows))

    def to_json(self) -> list[dict[str, Any]]:
        """One plain dictionary per label; `laterality` stands only where the side is known."""
        rows = [asdict(label) for label in self.labels]
        return [{key: value for key, value in row.items() if key != "laterality" or value} for row in rows]

    def __iter__(self) -> Iterator[Label]:
        return iter(self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, value: int) -> Label:
        """The label of a value, not of a place in the table. Raises `LabelError` for a value without a label."""
        for label in self.labels:
            if label.value == value:
                return label
        raise LabelError(f"No label has the value {value}; the table knows {[label.value for label in self]}.")

    def check(self, array: NDArray[np.generic]) -> None:
        """Raise `LabelError` when the array holds a value that is neither 0 nor in the table.

        A label of the table may be missing in the array: a patient without the lesion has no voxel of its value.
        """
        known = {0, *(label.value for label in self)}
        unknown = sorted(int(value) for value in np.unique(array) if value not in known)
        if unknown:
            raise LabelError(f"The label map holds {unknown[:5]}, which the label table {sorted(known)} does not name.")


def default_colour(value: int) -> str:
    """A bright colour for a label value, as `#rrggbb`, the same every time.

    The hue turns by the golden angle from each value to the next, so that neighbouring values look different.
    """
    rgb = colorsys.hsv_to_rgb((value * GOLDEN_ANGLE) % 1.0, 0.75, 0.95)
    return "#" + "".join(f"{round(255 * part):02x}" for part in rgb)


def pairs_of(table: LabelTable) -> tuple[tuple[int, int], ...]:
    """The values of structures whose names differ only in left and right: the left value first.

    A name without a word for its side may begin or end with "l" or "left", as "lkidney" does. This counts only where
    the table has the other side too.

    >>> pairs_of(LabelTable.of_names({1: "brainstem", 3: "right parotid", 4: "left parotid"}))
    ((4, 3),)
    >>> pairs_of(LabelTable.of_names({1: "Kidney_L", 2: "Kidney_R"}))
    ((1, 2),)
    """
    values = {without_side(label.name): label.value for label in table}
    pairs = []
    for (name, side), value in values.items():
        others = [(name, "right")] if side == "left" else [] if side else [(one, "") for one in _attached(name)]
        pairs += [(value, values[other]) for other in others if other in values]
    return tuple(pairs)


def without_side(name: str) -> tuple[str, str]:
    """A name in lower case without its word for left or right, and the side: "left", "right", or "" for neither.

    >>> without_side("LeftThalamus"), without_side("kidney_R"), without_side("liver")
    (('thalamus', 'left'), ('kidney', 'right'), ('liver', ''))
    """
    words = [word.lower() for word in WORD_ENDS.split(name) if word]
    found = {SIDES[word] for word in words if word in SIDES}
    if len(found) != 1:
        return " ".join(words), ""
    return " ".join(word for word in words if word not in SIDES), found.pop()


def _attached(name: str) -> list[str]:
    """What the right structure may be called where a name begins or ends with "left" or "l": "lkidney" gives "rkidney".

    Names of two letters give none: LV and RV, the ventricles of a heart, are no mirror images of each other.
    """
    ends = (("left", "right"), ("l", "r"))
    begun = [right + name[len(left) :] for left, right in ends if name.startswith(left)]
    ended = [name[: -len(left)] + right for left, right in ends if name.endswith(left)]
    return [*begun, *ended] if len(name) > 2 else []


def _label(row: dict[str, Any]) -> Label:
    """One row of JSON as a label. Raises `LabelError` where value, name or code are not what a label needs."""
    try:
        value, name = int(row["value"]), str(row["name"])
        if value != float(row["value"]) or row["name"] is None:
            raise ValueError("a value is a whole number, and a name is a text")
        code = Code(**{key: str(part) for key, part in row["code"].items()}) if row.get("code") else None
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        raise LabelError(
            f"A label needs a value and a name (and a code of value, scheme, meaning), not {str(row)[:200]}."
        ) from error
    colour, laterality = str(row.get("colour") or default_colour(value)), str(row.get("laterality") or "")
    return Label(value, name, colour, code, laterality)
