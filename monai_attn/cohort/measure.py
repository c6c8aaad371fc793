"""One mask, measured: its structures, and the lesions of the labels that are asked for.

`monai-attn measure` prints and saves what is measured here. Volumes and diameters are defined in
`monai_attn.measure` and docs/measurements.md.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from monai_attn.errors import InputError, LabelError
from monai_attn.labels import Label, LabelTable
from monai_attn.measure import Lesion, Sides, Structure, measure_lesions, rows
from monai_attn.segmentation import Segmentation
from monai_attn.volume import Volume

__all__ = ["Measured", "find_label", "measure_case"]


@dataclass(frozen=True)
class Measured:
    """The structures of a mask in the order of its labels, and per lesion label its lesions, the largest first.

    Volumes are in ml, surfaces in mm², diameters and positions in mm of the patient (RAS+). A structure without a
    voxel stands in the list, with volume 0. `sides` compares left and right of paired structures.
    """

    case: str
    structures: tuple[Structure, ...]
    lesions: Mapping[str, tuple[Lesion, ...]] = field(default_factory=dict)
    sides: tuple[Sides, ...] = ()

    def rows(self) -> list[dict[str, Any]]:
        """All of it as flat rows; `label` in a lesion's row is the label that it is a piece of."""
        lesions = (
            {**row, "label": label} for label, found in self.lesions.items() for row in rows(found, case=self.case)
        )
        return [*rows([*self.structures, *self.sides], case=self.case), *lesions]


def measure_case(
    segmentation: Segmentation,
    image: Volume | None = None,
    *,
    case: str = "",
    lesions: Sequence[str] = (),
    organs: Segmentation | None = None,
    connectivity: int = 26,
    min_ml: float = 0.0,
) -> Measured:
    """Measure a mask; each label named in `lesions`, by name or number, lesion by lesion as well.

    A lesion lies in the label of `organs` that it covers, or of the mask itself that it touches. Image and organs
    lie on the mask's grid: others are refused with `GeometryError`. A mask without labels and without names for any
    is refused with `InputError`.

    `image` gives intensities in its own unit; without an image there are none. `min_ml` is the smallest lesion in
    ml, and `connectivity` the number of neighbours (6, 18 or 26). Raises `LabelError` for a lesion label that no
    name fits.
    """
    labels, table = segmentation.labels, segmentation.table
    if len(table) == 0:
        raise InputError("The mask holds only background and nothing names its labels, so there is nothing to measure.")
    chosen = [find_label(table, text) for text in lesions]
    structures = segmentation.measure(image)
    found = {
        label.name: tuple(
            measure_lesions(
                labels,
                label.value,
                image=image,
                organs=organs or segmentation,
                connectivity=connectivity,
                min_ml=min_ml,
            )
        )
        for label in chosen
    }
    return Measured(case, tuple(structures), found, tuple(segmentation.sides(measured=structures)))


def find_label(table: LabelTable, text: str) -> Label:
    """The label of this value or this name; capitals do not matter where no name fits exactly.

    >>> find_label(LabelTable.of_names({1: "liver", 2: "tumour"}), "Tumour").value
    2

    Raises `LabelError` where no label fits, with the names that there are and the closest name.
    """
    if text.strip().isdigit():
        return table[int(text)]
    by_name = {label.name: label for label in table}
    same = [label for label in table if label.name.casefold() == text.strip().casefold()]
    if text in by_name:
        return by_name[text]
    if len(same) == 1:
        return same[0]
    close = difflib.get_close_matches(text, by_name, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    known = ", ".join(f"{label.value} {label.name!r}" for label in table)
    raise LabelError(f"No label is called {text!r}; there are {known}.{hint}")
