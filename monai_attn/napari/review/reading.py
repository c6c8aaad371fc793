"""One reader and one cohort: which case is open, what was decided, what comes next. No Qt, no window.

The panel "Review" holds a `Reading` and shows it. Verdicts and corrected masks are files beside the results, see
`monai_attn.cohort.verdicts` and `monai_attn.cohort.corrections`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.cases import Case, ImageFile
from monai_attn.cases.offers import Offer
from monai_attn.cohort.corrections import (
    cases_by_name,
    corrected_mask,
    corrections_folder,
    image_names,
    images_of_case,
    mask_to_read,
    recorded_cases,
    save_correction,
)
from monai_attn.cohort.review import doubts_of
from monai_attn.cohort.verdicts import Verdict, read_verdicts, record_verdict, restore_verdict
from monai_attn.errors import AttnError, FileError
from monai_attn.labels import LabelTable
from monai_attn.measure.cohort_figures import Doubt
from monai_attn.napari.keep.keeper import saved
from monai_attn.napari.layers.provenance import EDITED
from monai_attn.napari.layers.styles import layer_table
from monai_attn.napari.layers.volumes import META, LayerTuple, origin_of, volume_of
from monai_attn.napari.open.making import layers_of, shown_image
from monai_attn.napari.save.writer import segmentation_of
from monai_attn.segmentation import Segmentation, result_files

if TYPE_CHECKING:
    from napari.layers import Labels, Layer

__all__ = ["CaseRow", "Reading", "begin_steps", "case_steps"]

NAMES = "monai_attn_names"
"""Key in the metadata of a case's mask: the names of its structures as they were opened or last saved, by value."""


@dataclass(frozen=True)
class CaseRow:
    """A row of the table: the case, the rules that doubt it, and what the reader decided; "" for nothing yet."""

    case: str
    rules: str
    decision: str


class Reading:
    """A cohort that one reader reads. `case` is the one that is open, "" before the first.

    `reader` may be empty. Nothing of another reader is read or shown. Raises `FileError` for a folder without results.
    """

    def __init__(self, folder: Path, reader: str = "", given: Mapping[str, Case] | None = None) -> None:
        self.folder, self.reader = folder, reader
        self.case = ""
        self.images: dict[str, ImageFile] = {}
        self._saved: tuple[Labels, NDArray[np.generic]] | None = None  # of which layer, and what was saved last of it
        self._written: set[str] = set()  # the cases whose correction was written in this sitting
        self._before: dict[str, Verdict | None] = {}  # what was decided before a correction that decided "fix"
        self.cases, doubts = doubts_of(folder)
        self.doubts: dict[str, list[Doubt]] = {case: [] for case in self.cases}
        for doubt in doubts:
            self.doubts.get(doubt.case, []).append(doubt)
        self.given = {**recorded_cases(folder, self.cases), **(given or {})}
        self.verdicts: dict[str, Verdict] = read_verdicts(folder, reader)

    @property
    def rows(self) -> list[CaseRow]:
        """All cases that have a mask, those with most doubt first."""
        return [CaseRow(case, self._rules(case), self._decision(case)) for case in self.cases]

    @property
    def sentence(self) -> str:
        """How many cases are decided, and how."""
        counts = {
            word: sum(self._decision(case) == word for case in self.cases) for word in ("accept", "fix", "reject")
        }
        said = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
        return f"{sum(counts.values())} of {len(self.cases)} cases decided" + (f": {said}." if said else ".")

    @property
    def reasons(self) -> str:
        """Why the open case is doubted, and what the reader decided on it before."""
        if not self.case:
            return ""
        doubts = " ".join(dict.fromkeys(doubt.text for doubt in self.doubts[self.case]))
        before = f" You decided: {self._decision(self.case)}." if self._decision(self.case) else ""
        return f"{self.case}: {doubts or 'like the other cases.'}{before}"

    def undecided(self) -> str:
        """The first case after the open one that is not decided, going round; "" when all are."""
        at = self.cases.index(self.case) + 1 if self.case else 0
        return next((case for case in (*self.cases[at:], *self.cases[:at]) if case not in self.verdicts), "")

    def beside(self, by: int) -> str:
        """The next case (1) or the case before (-1); "" at the ends."""
        at = self.cases.index(self.case) + by if self.case else 0
        return self.cases[at] if 0 <= at < len(self.cases) else ""

    def decide(self, decision: str) -> str:
        """Decide on the open case, and give what was written.

        A reader who accepts a mask that the same reader has corrected stands for the corrected mask, which is a "fix".
        Raises `FileError` where the verdict cannot be written, and `InputError` for another decision.
        """
        if decision == "accept" and corrected_mask(self.folder, self.case, self.reader) is not None:
            decision = "fix"
        else:
            self._before.pop(self.case, None)  # the decision is the reader's own, whatever becomes of the correction
        self.verdicts[self.case] = record_verdict(self.folder, self.case, decision, self.reader)
        return decision

    def keep_correction(self, layer: Labels, layers: Iterable[Layer]) -> Path | None:
        """Save the mask of the open case where a hand has changed or renamed it since the last time, and decide "fix".

        None where nothing was changed, and where all corrections were undone: see `withdraw_undone`. Raises `AttnError`
        where the mask cannot be saved.
        """
        origin = origin_of(layer)
        if origin is None or self.withdraw_undone(layer, layers):
            return None
        labels = volume_of(layer, layers).array
        before = self._saved[1] if self._saved is not None and self._saved[0] is layer else origin.grid.array
        painted = not np.array_equal(labels, before)
        if not painted and not _renamed(layer, layer.metadata.get(NAMES, {})):
            saved(layer.data)  # it lies in a file as it is
            return None
        if painted:
            layer.metadata[EDITED] = True  # it differs from what was opened: a training may learn from it
        mask = save_correction(self.folder, self.case, segmentation_of(layer, layers), self.images, self.reader)
        saved(layer.data)
        self._saved = layer, labels.copy()
        layer.metadata[NAMES] = _names(layer_table(layer))
        if self.case not in self._written:
            self._before[self.case] = self.verdicts.get(self.case)
        self._written.add(self.case)
        self.verdicts[self.case] = record_verdict(self.folder, self.case, "fix", self.reader)
        return mask

    def withdraw_undone(self, layer: Labels, layers: Iterable[Layer]) -> bool:
        """Remove the correction of this sitting where the mask is the network's again; whether there was one to remove.

        With it goes the "fix" that it had decided: what the reader had decided before holds again. Raises `AttnError`
        where the network's mask cannot be read, or a file cannot be removed.
        """
        if self.case not in self._written:
            return False
        network = Segmentation.load(result_files(self.folder, self.case)[0])
        painted = not np.array_equal(volume_of(layer, layers).array, network.labels.array)
        if painted or _renamed(layer, _names(network.table)):
            return False
        for file in result_files(corrections_folder(self.folder, self.reader), self.case):
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                raise FileError(f"{file.name} cannot be removed: {error.strerror}. Close what has it open.") from error
        self._saved = None
        layer.metadata[NAMES] = _names(layer_table(layer))
        self._written.discard(self.case)
        self._restore_verdict()
        saved(layer.data)
        return True

    def _restore_verdict(self) -> None:
        """Decide on the open case as before its correction, which had decided "fix"."""
        if self.case not in self._before:
            return
        before = self._before.pop(self.case)
        restore_verdict(self.folder, self.case, before, self.reader)
        self.verdicts.pop(self.case, None)
        if before is not None:
            self.verdicts[self.case] = before

    def _rules(self, case: str) -> str:
        return ", ".join(dict.fromkeys(doubt.rule for doubt in self.doubts[case]))

    def _decision(self, case: str) -> str:
        verdict = self.verdicts.get(case)
        return verdict.decision if verdict is not None else ""


def begin_steps(folder: Path, reader: str, images: str) -> Generator[str, None, tuple[Reading | None, str]]:
    """Look through a folder of results, for a worker; ends with the reading, or with the reason for none.

    `images` is a folder or table where the images are, as it was given to `segment`; "" where the records say it.
    """
    yield f"Looking through {folder.name} ..."
    try:
        given = cases_by_name([images], image_names(folder)) if images else {}
        reading = Reading(folder, reader, given)
    except AttnError as error:
        return None, str(error)
    return (reading, "") if reading.cases else (None, f"No case of {folder.name} has a mask to read.")


def case_steps(reading: Reading, case: str) -> Generator[str, None, tuple[str, Any, str]]:
    """Read the images and the mask of a case, for a worker; ends with the case, its layers and images, and a reason.

    The mask is the reader's own corrected mask, where there is one. With a reason nothing could be read.
    """
    yield f"Reading {case} ..."
    try:
        images = images_of_case(reading.folder, case, reading.given)
        layers: list[LayerTuple] = []
        for name, image in images.items():
            said = case if len(images) == 1 else f"{case} {name}"
            offer = Offer(image.path, said, "image", key=image.series, volume=image.volume)
            layers.append(shown_image(image.read(), offer))
        mask = mask_to_read(reading.folder, case, reading.reader)
        layers += layers_of(Offer(mask, f"{case} mask", "mask"))
        metadata = layers[-1][1]["metadata"]
        metadata[NAMES] = _names(metadata[META].table or LabelTable())
    except AttnError as error:
        return case, ((), {}), str(error)
    return case, (layers, images), ""


def _names(table: LabelTable) -> dict[int, str]:
    return {label.value: label.name for label in table}


def _renamed(layer: Labels, names: Mapping[int, str]) -> bool:
    """Whether a structure of a layer has another name than among these; those that are not among them do not count."""
    return any(names.get(label.value, label.name) != label.name for label in layer_table(layer))
