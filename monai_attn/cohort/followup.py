"""One patient at several time points: lesions matched over time, volumes, diameters, and the RECIST 1.1 sum as an aid.

Research use: the category is computed from the masks alone. A radiologist chooses targets and decides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from monai_attn.cases import read_table
from monai_attn.cohort.alignment import Alignment, align_rigid
from monai_attn.cohort.measure import find_label
from monai_attn.cohort.tracking import Known, Tracked, track
from monai_attn.errors import FileError, InputError
from monai_attn.io import read
from monai_attn.measure import Lesion, measure_lesions
from monai_attn.measure.timepoints import Change, Response, numbered_lesions, recist_response, target_lesions
from monai_attn.segmentation import Segmentation
from monai_attn.volume import Volume

__all__ = ["Followed", "TimePoint", "Visit", "follow_patient", "read_visits"]

WHEN = ("date", "session")
"""The column that orders the time points of a patient: dates such as 2024-03-31, or sessions such as 2 or V10."""

KINDS = ("new", "returned", "gone", "not_scanned", "merged", "split")
"""The changes that are counted at each time point, see `Change`."""


@dataclass(frozen=True)
class Visit:
    """One time point of one patient: its mask, and its image for the alignment; without one the coordinates count."""

    patient: str
    when: str
    mask: Path
    image: Path | None = None


@dataclass(frozen=True)
class TimePoint:
    """What was measured at one time point, and what became of the lesions of the time points before.

    `targets` are the numbers of the lesions that count in the sum. `alignment` is None at the first time point, and
    without images. `whole` is false where a target was not scanned, so that the sum lacks a part.
    """

    when: str
    lesions: tuple[Lesion, ...]
    changes: tuple[Change, ...]
    targets: tuple[int, ...]
    response: Response
    alignment: Alignment | None = None
    whole: bool = True

    @property
    def volume_ml(self) -> float:
        """The volume of all lesions."""
        return sum(lesion.volume_ml for lesion in self.lesions)

    def count(self, kind: str) -> int:
        """How many changes are of a kind, see `Change`."""
        return sum(change.kind == kind for change in self.changes)


@dataclass(frozen=True)
class Followed:
    """A patient with the time points in their order."""

    patient: str
    points: tuple[TimePoint, ...]

    def rows(self) -> list[dict[str, Any]]:
        """A row for each time point: counts, volume in ml, sum of diameters in mm, changes and category."""
        return [
            {
                "patient": self.patient,
                "when": point.when,
                "lesions": len(point.lesions),
                "volume_ml": point.volume_ml,
                "targets": len(point.targets),
                "sum_mm": point.response.sum_mm,
                "from_first": point.response.from_first,
                "from_least": point.response.from_least,
                "category": point.response.category,
                **{kind: point.count(kind) for kind in KINDS},
                "moved_deg": "" if point.alignment is None else round(point.alignment.angle_deg, 2),
                "moved_mm": "" if point.alignment is None else round(point.alignment.shift_mm, 2),
            }
            for point in self.points
        ]


def read_visits(table: Path) -> dict[str, list[Visit]]:
    """The visits of each patient in a table (.csv): columns `patient`, `date` or `session`, `mask`, and often `image`.

    Paths are relative to the table. The visits of a patient are in the order of their dates, or of their sessions, of
    which 10 comes after 2. Raises `InputError` for other columns, an empty cell, a date that is not written as
    2024-03-31, or two visits of one date. Raises `FileError` for a file that does not exist.
    """
    header, rows = read_table(table)
    when = next((name for name in WHEN if name in header), None)
    if when is None or not {"patient", "mask"} <= set(header):
        raise InputError(f"{table.name} needs the columns patient, date or session, and mask; image is for alignment.")
    found: dict[str, list[Visit]] = {}
    for line, row in rows:
        visit = _visit(table, line, row, when)
        visits = found.setdefault(visit.patient, [])
        if _order(visit.when) in [_order(one.when) for one in visits]:
            raise InputError(f"Line {line} of {table.name}: the patient has two visits of {visit.when}.")
        visits.append(visit)
    return {patient: sorted(visits, key=lambda one: _order(one.when)) for patient, visits in found.items()}


def follow_patient(
    visits: Sequence[Visit], label: str, *, connectivity: int = 26, min_ml: float = 0.0, reach_mm: float = 0.0
) -> Followed:
    """The lesions of one patient over time, of the label with this name or number.

    Each time point is aligned with the time point before, by the images where both have one. Target lesions are chosen
    at the first time point and followed, also over a time point without them. See `monai_attn.measure.timepoints` for
    the rules.

    Raises `InputError` for fewer than two visits, and what reading, measuring and aligning raise.
    """
    if len(visits) < 2:
        raise InputError("A follow-up needs two time points of a patient at least.")
    options = {"connectivity": connectivity, "min_ml": min_ml}
    points: list[TimePoint] = []
    sums: list[float] = []
    known: tuple[Known, ...] = ()
    last: Volume | None = None
    for visit in visits:
        segmentation = Segmentation.load(visit.mask)
        value = find_label(segmentation.table, label).value
        lesions = tuple(measure_lesions(segmentation.labels, value, organs=segmentation, **options))  # type: ignore[arg-type]
        numbered = numbered_lesions(segmentation.labels, value, **options)  # type: ignore[arg-type]
        image = read(visit.image) if visit.image else None
        alignment = align_rigid(last, image) if last is not None and image is not None else None
        matrix = None if alignment is None else alignment.matrix
        if points:
            tracked = track(known, numbered, len(lesions), matrix, reach_mm=reach_mm)
        else:
            first = tuple(lesion.number for lesion in target_lesions(lesions))
            tracked = Tracked((), (Known(numbered, tuple(lesion.number for lesion in lesions), first),), True)
        known = tracked.known
        targets = known[0].targets
        sums.append(sum(lesion.axial_diameter_mm for lesion in lesions if lesion.number in targets))
        nothing = Response(0.0, 0.0, 0.0, "")
        points.append(TimePoint(visit.when, lesions, tracked.changes, targets, nothing, alignment, tracked.whole))
        last = image
    responses = recist_response(sums, [point.count("new") > 0 for point in points], [point.whole for point in points])
    return Followed(
        visits[0].patient,
        tuple(replace(point, response=one) for point, one in zip(points, responses, strict=True)),
    )


def _order(when: str) -> list[tuple[str, int]]:
    """What sorts time points: numbers count as numbers.

    >>> sorted(["V10", "V2", "V1"], key=_order)
    ['V1', 'V2', 'V10']
    """
    parts = re.split(r"(\d+)", when.strip().casefold())
    return [(text, int(digits or 0)) for text, digits in zip(parts[::2], [*parts[1::2], ""], strict=True)]


def _visit(table: Path, line: int, row: Mapping[str, str], when: str) -> Visit:
    cells = {name: row.get(name, "") for name in ("patient", when, "mask", "image")}
    where = f"Line {line} of {table.name}"
    if not all(cells[name] for name in ("patient", when, "mask")):
        raise InputError(f"{where} needs a patient, a {when} and a mask.")
    if when == "date":
        _check_date(where, cells[when])
    paths = {name: table.parent / cells[name] for name in ("mask", "image") if cells[name]}
    for name, path in paths.items():
        if not path.exists():
            raise FileError(f"{where}: {cells[name]} does not exist.")
    return Visit(cells["patient"], cells[when], paths["mask"], paths.get("image"))


def _check_date(where: str, text: str) -> None:
    """Refuse a date in another form: sorted as text, 10.12.2023 would come after 05.03.2024."""
    try:
        right = date.fromisoformat(text).isoformat() == text
    except ValueError:
        right = False
    if not right:
        raise InputError(f"{where}: {text!r} is no date. Write year, month and day as 2024-03-31, or a session.")
