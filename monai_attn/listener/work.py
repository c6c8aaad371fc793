"""What happens to complete studies, one after the other: choose, segment, send the SEG, remove the images.

What cannot be done stays where it is, and is said with the reason. A study is looked at again when more of it comes. A
SEG is sent again until the archive takes it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from monai_attn.cases import choose_series, find_studies, study_case
from monai_attn.cohort.attempt import attempt
from monai_attn.cohort.recipe import Recipe
from monai_attn.cohort.run import run_cases
from monai_attn.errors import InputError
from monai_attn.io.foreign import foreign_errors
from monai_attn.listener.inbox import Inbox, letters
from monai_attn.listener.sending import send_seg
from monai_attn.listener.settings import Peer

if TYPE_CHECKING:
    from monai_attn.cases import Case
    from monai_attn.segmenter import Segmenter

__all__ = ["StudyWork"]

RETRY_S = 60
"""So long after an attempt a SEG is sent again that the archive did not take."""

UNSENT = ".unsent"
"""The ending of the marker of a SEG that is not sent yet; it lies in the inbox, and so survives a restart."""


class StudyWork:
    """The work on complete studies of an inbox; `step` does what is to be done now.

    - `recipe` says how studies are segmented and where results go; it must ask for a DICOM SEG.
    - `peer` is where the SEG goes; None keeps it in the folder of results.
    - `keep` leaves the images in the inbox after a study is done.
    - `say` gets sentences, without any word of a header.
    """

    def __init__(
        self,
        inbox: Inbox,
        recipe: Recipe,
        segmenter: Segmenter,
        peer: Peer | None,
        own_title: str,
        say: Callable[[str], None],
        *,
        keep: bool = False,
    ) -> None:
        self.inbox, self.recipe, self.segmenter = inbox, recipe, segmenter
        self._peer, self._own_title, self._say, self._keep = peer, own_title, say, keep
        self._tried: dict[str, float] = {}

    def step(self, quiet_s: float) -> None:
        """Segment every study that is complete now, and send every SEG whose turn it is."""
        for name in self.inbox.complete(quiet_s):
            self._segment(name)
            self._send_all()
        self._send_all()

    def _segment(self, name: str) -> None:
        count, folder = self.inbox.count(name), self.inbox.look_at(name)
        self._say(f"{name}: {count} images, quiet; it is looked at")
        new = False
        with attempt() as work:
            case = self._case(name, folder)
            unsent = self.inbox.folder / f"{case.name}{UNSENT}"
            new = self._peer is not None and not unsent.exists()
            if new:  # before the SEG is there: a process that is killed right after it must not forget to send it
                unsent.touch(mode=0o600)
            (row,) = run_cases(self.recipe, [case], self.segmenter)
            if row.error:
                raise InputError(row.error)
        if new and (work.error or row.done):
            unsent.unlink(missing_ok=True)
        if work.error:
            self._say(f"{name}: not segmented: {work.error}")
            return
        for warning in row.warnings:
            self._say(f"{name}: warning: {warning}")
        volumes = ", ".join(f"{label} {volume:.2f} ml" for label, volume in row.volume_ml.items())
        self._say(f"{name}: segmented in {row.seconds:.0f} s: {volumes}")
        if self._keep:
            return
        with attempt() as work:
            if not self.inbox.remove(name):
                self._say(f"{name}: more images have come; it is looked at again")
        if work.error:
            self._say(f"{name}: its images are still in the inbox: {work.error}")

    def _case(self, name: str, folder: Path) -> Case:
        """The series of a study that the bundle takes. Raises `InputError` where there is none, or images lack.

        The case is called after the study and the series, so that a later series of the study leaves its results.
        """
        studies = find_studies(folder).studies
        if len(studies) != 1:
            raise InputError("The images are of several studies, or cannot be read.")
        study = replace(studies[0], name=name)
        chosen = choose_series(study, self.segmenter.parts.inputs, {})
        case = study_case(study, chosen)
        if case.problem:  # without the description, a free text that may name a patient
            why = " ".join(f"Series {one.series.number or '?'}: {one.why}." for one in chosen)
            raise InputError(f"No series fits. {why or 'It holds no image.'}")
        for one in chosen:
            if one.image:
                _check_number(one.series.files)
        series = " ".join(sorted(one.series.uid for one in chosen if one.image))
        return replace(case, name=f"{name}-{letters(series, 8)}")

    def _send_all(self) -> None:
        """Send what is not sent yet, each file at most once a minute."""
        if self._peer is None:
            return
        for marker in sorted(self.inbox.folder.glob(f"*{UNSENT}")):
            name, now = marker.name.removesuffix(UNSENT), time.monotonic()
            seg = next(iter(self.recipe.dicom_files(name)))
            if not seg.exists():
                if not self.inbox.count(name.rpartition("-")[0]):  # else the process was killed while it segmented
                    marker.unlink()
                    self._say(f"{name}: its SEG is no longer there and is not sent")
                continue
            if now - self._tried.get(name, -RETRY_S) < RETRY_S:
                continue
            self._tried[name] = now
            with attempt() as work:
                send_seg(seg, self._peer, self._own_title)
                marker.unlink()
            self._say(f"{name}: {work.error}" if work.error else f"{name}: SEG sent to {self._peer.title}")


def _check_number(files: tuple[Path, ...]) -> None:
    """Raise `InputError` where a header says that the series has more images than have come.

    A file of several frames is a whole series, of which the header counts the frames.
    """
    from pydicom import dcmread

    with foreign_errors("image", "It cannot be read."):
        header = dcmread(files[0], stop_before_pixels=True, specific_tags=["ImagesInAcquisition", "NumberOfFrames"])
        number, frames = (int(header.get(name) or 0) for name in ("ImagesInAcquisition", "NumberOfFrames"))
    if number > len(files) and frames < 2:
        raise InputError(f"{len(files)} of {number} images have come. Send the others.")
