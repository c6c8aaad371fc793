"""What one line of a data set says of a case, and the checks that turn such lines into a set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from monai_attn.cases.images import ImageFile, ImageInput
from monai_attn.cases.labelled.case import PARTS, LabelledCase, LabelledSet, Part
from monai_attn.cases.labelled.files import LabelFile
from monai_attn.cases.labelled.structures import Structures
from monai_attn.cases.naming import checked_name, names_of, same_name
from monai_attn.cases.patients import patient_of
from monai_attn.errors import FileError, InputError

__all__ = ["PART", "PATIENT", "Entry", "labelled_set", "with_names"]

PART = ("part", "split")
"""What a table or a `dataset.json` may call the part of a case, in small letters."""

PATIENT = ("patient", "patient_id", "patientid", "subject", "subject_id", "subjectid", "participant_id")
"""What a table or a `dataset.json` may call the person of a case, in small letters."""

PART_WORDS: dict[str, Part] = {
    **{part: part for part in PARTS},
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "testing": "test",
}
"""What data sets call their parts."""


@dataclass(frozen=True)
class Entry:
    """A case as a data set lists it. `where` says in a message which line it is.

    `drawn`, `left_out` and `part` are as they stand in the file: values or names of structures, None where nothing is
    said. `structures` are the names of the structures that a file or folder of structures holds, with which `drawn`
    is known; None for a label map. Where nothing is said of the `patient` (None) and the `part`, DICOM images say which
    cases are of one patient.
    """

    where: str
    name: str
    images: Mapping[str, ImageFile]
    label: Path
    drawn: Any = None
    left_out: Any = None
    part: str = ""
    patient: str | None = None
    structures: tuple[str, ...] | None = None


def with_names(entries: Sequence[Entry]) -> list[Entry]:
    """The entries, those without a name called after their first image, see `names_of`."""
    nameless = [entry for entry in entries if entry.images and not entry.name]
    names = iter(names_of([next(iter(entry.images.values())).path for entry in nameless]))
    return [replace(entry, name=next(names)) if entry.images and not entry.name else entry for entry in entries]


def labelled_set(
    folder: Path,
    entries: Sequence[Entry],
    inputs: Sequence[ImageInput],
    structures: Structures,
    *,
    kind: str,
    about: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> LabelledSet:
    """The set of these entries, whose images are `inputs`, the reference image first.

    `about` is what the data set says of itself: name, licence, reference. `notes` say what was decided. Raises
    `FileError` for a file that does not exist; `InputError` for no entry, two of one name, or a word that is not clear.
    """
    said = about or {}
    name = folder.resolve().name
    if not entries:
        raise InputError(f"{name} holds no labelled case ({kind}). Each case needs an image and a reference mask.")
    cases: dict[str, LabelledCase] = {}
    for entry in entries:
        case = _case(entry, inputs, structures)
        if same_name(case.name) in cases:
            raise InputError(f"{entry.where}: the case {case.name!r} is there twice. Rename one of the two.")
        cases[same_name(case.name)] = case
    licence = said.get("licence") or said.get("license") or ""
    return LabelledSet(
        str(said.get("name") or name),
        tuple(cases.values()),
        tuple(inputs),
        structures.table,
        str(licence),
        str(said.get("reference") or ""),
        kind,
        tuple(notes),
    )


def _case(entry: Entry, inputs: Sequence[ImageInput], structures: Structures) -> LabelledCase:
    """The case of an entry, its images in the order of `inputs`."""
    images = {one.name: entry.images[one.name] for one in inputs if one.name in entry.images}
    if not images:
        raise InputError(f"{entry.where} has no image. Each case needs one of {', '.join(one.name for one in inputs)}.")
    for path in (*(image.path for image in images.values()), entry.label):
        if not path.exists():
            raise FileError(f"{entry.where}: {path.parent.name}/{path.name} does not exist. Check the data set.")
    try:
        name = checked_name(entry.name)
        drawn = None if entry.drawn is None else structures.chosen(entry.drawn)
        left_out = structures.chosen(entry.left_out or ())
    except InputError as error:
        raise InputError(f"{entry.where}: {error}") from error
    if entry.structures is not None:
        drawn = frozenset(structures.names[one] for one in entry.structures if one in structures.names)
    like = next(iter(images.values())) if structures.names else None
    label = LabelFile(entry.label, structures.values, structures.names, like)
    part = _part(entry)
    patient = entry.patient
    if patient is None and part is None:
        patient = patient_of(next(iter(images.values())))
    return LabelledCase(name, images, label, drawn, left_out, part, patient or "")


def _part(entry: Entry) -> Part | None:
    """The part of an entry, None where it has none."""
    word = entry.part.strip().lower()
    if word and word not in PART_WORDS:
        raise InputError(f"{entry.where}: the part {entry.part!r} is none of {', '.join(PARTS)}.")
    return PART_WORDS[word] if word else None
