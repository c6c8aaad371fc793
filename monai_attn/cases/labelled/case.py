"""What a labelled case is, and a set of them: images, a reference mask, and which structures were drawn in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from monai_attn.cases.images import ImageFile, ImageInput
from monai_attn.cases.labelled.files import LabelFile
from monai_attn.errors import InputError, LabelError
from monai_attn.labels import LabelTable

__all__ = ["PARTS", "LabelledCase", "LabelledSet", "Part"]

Part = Literal["train", "validation", "test"]

PARTS: tuple[Part, ...] = ("train", "validation", "test")
"""What a case serves for: the network learns from it, it stops the training, or it is never seen by the training."""


@dataclass(frozen=True)
class LabelledCase:
    """One study of one person with a reference mask. No file is opened.

    - `images`: where each image is, by the image's name; an image that is missing is absent.
    - `label`: the reference mask.
    - `drawn`: values of the structures that somebody drew or looked for; None stands for all. A structure that was not
      drawn is unknown, not absent: losses and scores leave it out.
    - `left_out`: values of structures that were drawn and are not to be scored, for example cut by the end of the scan.
    - `part`: where the data set says it, what the case serves for.
    - `patient`: where the data set says it, a name that cases of one person share. It is never shown.

    >>> from pathlib import Path
    >>> case = LabelledCase("pt_1", {"image": ImageFile(Path("pt_1.nii.gz"))}, LabelFile(Path("organs.nii.gz")))
    >>> case.scored(LabelTable.of_names({1: "brainstem", 2: "spinal cord"}))
    (1, 2)
    """

    name: str
    images: Mapping[str, ImageFile]
    label: LabelFile
    drawn: frozenset[int] | None = None
    left_out: frozenset[int] = frozenset()
    part: Part | None = None
    patient: str = field(default="", repr=False)

    def known(self, table: LabelTable) -> tuple[int, ...]:
        """The values of the table whose structures were drawn in this case, in order."""
        return tuple(label.value for label in table if self.drawn is None or label.value in self.drawn)

    def scored(self, table: LabelTable) -> tuple[int, ...]:
        """The values of the table whose structures count in a score: drawn, and not left out."""
        return tuple(value for value in self.known(table) if value not in self.left_out)

    def row(self, table: LabelTable) -> dict[str, Any]:
        """The case as the configs of bundles take it.

        `{"case": name, image: place, "label": place, "drawn": (C,), "scored": (C,)}`. The last two are arrays of 0 and
        1 over the C classes, background first, so that a batch of cases holds them as (N, C). Background is always 1.
        A place is a path, or an `ImageFile` or `LabelFile` where a path does not say all.
        """
        return {
            "case": self.name,
            **{name: image.place for name, image in self.images.items()},
            "label": self.label.place,
            "drawn": _marks(self.known(table), table),
            "scored": _marks(self.scored(table), table),
        }


@dataclass(frozen=True)
class LabelledSet:
    """Labelled cases with one table of structures, from a folder or table as people have it; see `find_labelled`.

    - `images`: name, modality and unit of each image that a case may have, the reference image first.
    - `labels`: the structures, with values 1, 2, 3 and so on without a gap.
    - `licence`, `reference`: what the data set says about its use and its source, "" where it says nothing.
    - `kind`: which layout was found, in words. `notes`: what had to be decided, in sentences.
    """

    name: str
    cases: tuple[LabelledCase, ...]
    images: tuple[ImageInput, ...]
    labels: LabelTable
    licence: str = ""
    reference: str = ""
    kind: str = ""
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[LabelledCase]:
        return iter(self.cases)

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, name: str) -> LabelledCase:
        """The case of a name. Raises `InputError`."""
        for case in self.cases:
            if case.name == name:
                return case
        raise InputError(f"{self.name} has no case {name!r}. It has {len(self)} cases, {self.cases[0].name!r} first.")

    def named(self, labels: LabelTable) -> LabelledSet:
        """The same cases with other names, colours and codes of their structures.

        `labels` has the values of this table, or those of the masks where these are others, such as 17 and 53. Raises
        `LabelError` for other values.
        """
        here, given = ([label.value for label in table] for table in (self.labels, labels))
        files = {old: new for case in self.cases for old, new in case.label.values.items()}
        if here != given and sorted(files) == given and len(set(files.values())) == len(files):
            return replace(self, labels=LabelTable(tuple(replace(one, value=files[one.value]) for one in labels)))
        if here != given:
            known = ", ".join(f"{label.value} {label.name}" for label in self.labels)
            raise LabelError(f"The label names are for the values {given}, but {self.name} has: {known}. Name these.")
        return replace(self, labels=labels)

    def of_part(self, part: Part | None) -> tuple[LabelledCase, ...]:
        """The cases that the data set gives to a part; with None those that it gives to no part."""
        return tuple(case for case in self.cases if case.part == part)

    def rows(self, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """The cases of these names, or all, as the configs of bundles take them; see `LabelledCase.row`."""
        chosen = self.cases if names is None else [self[name] for name in names]
        return [case.row(self.labels) for case in chosen]


def _marks(values: Sequence[int], table: LabelTable) -> NDArray[np.uint8]:
    """1 for the background and each of the values, else 0, over the classes of a table."""
    marks = np.zeros(1 + max((label.value for label in table), default=0), np.uint8)
    marks[[0, *values]] = 1
    return marks
