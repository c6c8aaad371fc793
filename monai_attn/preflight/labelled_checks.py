"""Whether labelled cases are fit for training: wrong and doubtful cases, from the numbers of `read_cases`.

What is an "error" stops a training; what is doubtful is a "warning", and the training goes on. Each sentence names the
value and the way out, and no patient.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from monai_attn.cases.labelled import LabelledCase, LabelledSet
from monai_attn.errors import InputError
from monai_attn.preflight.findings import Finding
from monai_attn.preflight.labelled_figures import CaseFigures, ImageFigures
from monai_attn.preflight.labelled_sets import check_set

__all__ = ["CaseFinding", "check_labelled", "findings_text", "refuse_training"]

BLANK = 0.99
"""An image of which this share of voxels has one value shows nothing."""

ON_GRID = 0.1
"""A mask whose corners lie less than so many voxels off has the grid of its image, but for rounding."""

HELD = 0.5
"""A mask of which less than this share lies within an image belongs to another image."""

LISTED = 10
"""So many findings stand in the message that stops a training."""

NUMBERS = re.compile(r"\d+")

ORDER = ("error", "warning", "note")


@dataclass(frozen=True)
class CaseFinding(Finding):
    """A finding on one case, or on the whole data set where `case` is "".

    >>> CaseFinding("warning", "The mask is empty.", "case_017").row()
    {'severity': 'warning', 'case': 'case_017', 'finding': 'The mask is empty.'}
    """

    case: str = ""

    def row(self) -> dict[str, str]:
        """The finding as a row of a table."""
        return {"severity": self.severity, "case": self.case, "finding": self.text}


def check_labelled(
    labelled: LabelledSet, figures: Sequence[CaseFigures], *, pairs: Iterable[tuple[int, int]] = ()
) -> list[CaseFinding]:
    """What speaks against training on these cases, errors first; empty where nothing does.

    `figures` are those of `read_cases`, of all cases or some of them. `pairs` are the label values of a left and a
    right structure each: the left one must lie on the left side of the patient. What was left out of the data set, and
    what the readers had to decide, are notes.
    """
    sides = tuple(pairs)
    found = [
        CaseFinding(severity, text, one.name)
        for one in figures
        for severity, text in _of_case(labelled, labelled[one.name], one, sides)
    ]
    found += [CaseFinding(severity, text, case) for severity, text, case in check_set(labelled, figures)]
    found += [CaseFinding("note", text) for text in labelled.notes]
    found += _notes(figures)
    return sorted(found, key=lambda one: ORDER.index(one.severity))


def findings_text(findings: Sequence[CaseFinding]) -> str:
    """The findings as a table to be read: severity, case, sentence; one line where there is none.

    >>> print(findings_text([CaseFinding("warning", "The mask is empty.", "case_017")]))
    warning  case_017  The mask is empty.
    >>> findings_text([])
    'Nothing speaks against these cases.'
    """
    if not findings:
        return "Nothing speaks against these cases."
    rows = [(one.severity, one.case or "all cases", one.text) for one in findings]
    wide = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(f"{row[0]:<{wide[0]}}  {row[1]:<{wide[1]}}  {row[2]}" for row in rows)


def refuse_training(findings: Sequence[CaseFinding]) -> None:
    """Raise `InputError` with the errors among the findings, the first ten; nothing happens without an error."""
    errors = [one for one in findings if one.severity == "error"]
    if errors:
        more = f"\n(and {len(errors) - LISTED} more)" if len(errors) > LISTED else ""
        raise InputError(
            f"The data cannot be trained on as they are; {len(errors)} findings must be put right first, or the cases "
            f"left out:\n{findings_text(errors[:LISTED])}{more}"
        )


def _notes(figures: Sequence[CaseFigures]) -> Iterator[CaseFinding]:
    """What the readers had to decide. A sentence that cases share but for its numbers stands once, as of the first."""
    cases: dict[str, list[tuple[str, str]]] = {}
    for one in figures:
        for note in one.notes:
            cases.setdefault(NUMBERS.sub("#", note), []).append((one.name, note))
    for said in cases.values():
        name, note = said[0]
        if len(said) == 1:
            yield CaseFinding("note", note, name)
        else:
            yield CaseFinding("note", f"{len(said)} cases, {name} first: {note}")


def _of_case(
    labelled: LabelledSet, case: LabelledCase, one: CaseFigures, pairs: Sequence[tuple[int, int]]
) -> Iterator[tuple[str, str]]:
    """Severity and sentence of each finding on one case."""
    if one.problem:
        yield "error", one.problem
        return
    for name, image in one.images.items():
        yield from _image(f"The image {name!r}" if len(labelled.images) > 1 else "The image", image)
    yield from _grids(one)
    yield from _labels(labelled, case, one)
    for left, right in pairs:
        yield from _sides(labelled, one, left, right)


def _image(what: str, image: ImageFigures) -> Iterator[tuple[str, str]]:
    """Voxels that are no numbers, a blank image, and an image of one slice."""
    if image.not_finite:
        yield (
            "error",
            f"{what} has {image.not_finite} voxels that are no finite numbers (NaN or infinite). Replace them in the "
            "file, for example by 0.",
        )
    elif image.blank >= BLANK:
        yield (
            "error",
            f"{what} is blank: {100 * image.blank:.4g} % of its voxels have the value {image.values['p50']:.6g}. "
            "Take the case out, or export the image again.",
        )
    if min(image.shape) < 2:
        yield "warning", f"{what} is one voxel thick, and a 3-D network sees no depth in it."


def _grids(one: CaseFigures) -> Iterator[tuple[str, str]]:
    """Whether the mask lies on the grid of an image, and within all of them, which must share their coordinates."""
    first = next(iter(one.images))
    frames = {name: image.frame_of_reference for name, image in one.images.items() if image.frame_of_reference}
    if len(set(frames.values())) > 1:
        yield (
            "error",
            f"The images {' and '.join(map(repr, frames))} have different frames of reference of DICOM, so their "
            "coordinates need not agree. Give images of one examination, or registered ones as NIfTI.",
        )
    if not one.on_grid:
        image = one.images[first]
        if one.apart < ON_GRID:
            yield (
                "warning",
                f"The mask lies {one.apart:.2g} voxels off the image {first!r}; the two grids are taken as one.",
            )
        else:
            yield (
                "error",
                f"The mask lies on another grid ({_grid(one.shape, one.spacing_mm)}) than the image {first!r} "
                f"({_grid(image.shape, image.spacing_mm)})"
                + (f", {one.apart:.3g} voxels off" if one.shape == image.shape else "")
                + ". Draw the mask on that image, or resample one of the two.",
            )
    for name, image in one.images.items():
        if image.holds_labels < HELD:
            yield (
                "error",
                f"Only {100 * image.holds_labels:.0f} % of the mask lie within the image {name!r}, by patient "
                "coordinates. The two belong to different scans, or one header is wrong.",
            )


def _labels(labelled: LabelledSet, case: LabelledCase, one: CaseFigures) -> Iterator[tuple[str, str]]:
    """Values out of the table, empty masks, structures said to be drawn without a voxel, and the other way round."""
    if one.unknown:
        yield (
            "error",
            f"The mask holds the values {_listed(one.unknown)}, which the data set does not name. Name them among its "
            "labels, or correct the mask.",
        )
    known = set(case.known(labelled.labels))
    if not one.structures and not one.unknown:
        yield (
            "warning",
            "The mask is empty. Right for a patient without the structure; otherwise take the case out or draw it.",
        )
    elif case.drawn is not None:
        for value in sorted(known - one.structures.keys()):
            yield (
                "warning",
                f"{labelled.labels[value].name} is said to be drawn and has no voxel, so it counts as absent. If "
                "nobody drew it, leave it out of drawn.",
            )
    for value in sorted(one.structures.keys() - known):
        yield (
            "warning",
            f"{labelled.labels[value].name} has {one.structures[value].voxels} voxels and is not said to be drawn. "
            "They count as unknown.",
        )


def _sides(labelled: LabelledSet, one: CaseFigures, left: int, right: int) -> Iterator[tuple[str, str]]:
    """Whether a left structure lies on the left of its right counterpart."""
    if left in one.structures and right in one.structures:
        apart = one.structures[left].middle_mm[0] - one.structures[right].middle_mm[0]
        if apart > 0:  # RAS+: x grows towards the patient's right
            yield (
                "warning",
                f"{labelled.labels[left].name} lies {apart:.0f} mm to the right of {labelled.labels[right].name}. The "
                "two may be exchanged, or the image mirrored.",
            )


def _grid(shape: Sequence[int], spacing_mm: Sequence[float]) -> str:
    """A grid in words."""
    return f"{' x '.join(map(str, shape))} voxels of {' x '.join(f'{edge:.4g}' for edge in spacing_mm)} mm"


def _listed(values: Sequence[int]) -> str:
    return ", ".join(map(str, values[:5])) + (" and more" if len(values) > 5 else "")
