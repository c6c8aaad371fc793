"""Cases through one recipe: each is read, segmented, measured and committed; a failure stays with its case.

Up to three cases are in work at the same time: one is read, one is computed, one is written. Reading and writing have a
thread each, and the network runs in the caller's thread.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from monai_attn.bundle.case import read_images
from monai_attn.cases import Case
from monai_attn.cohort.attempt import attempt
from monai_attn.cohort.output import save_case
from monai_attn.cohort.plan import Prepared, decide, look_again, prepare
from monai_attn.cohort.recipe import Recipe, Row
from monai_attn.cohort.watched import Watched
from monai_attn.errors import FileError
from monai_attn.measure import Structure
from monai_attn.progress import Progress
from monai_attn.results import Claim, Claims, State, now_ns, recover
from monai_attn.segmentation import Segmentation
from monai_attn.volume import Volume

if TYPE_CHECKING:  # the commands that only measure and compare do without torch
    from monai_attn.bundle import Parts
    from monai_attn.segmenter import Segmenter

__all__ = ["CaseRun", "notes_of", "run_cases"]

POLL_S = 1.0
"""How often a process looks whether a case of another process is finished, once nothing else is left to do."""

MAX_DEATHS = 2
"""A case of which so many processes of one run have died is set aside."""


class CaseRun:
    """One case and its three steps: `read`, `segment`, `finish`. A step that fails leaves `error` and ends the case."""

    def __init__(
        self, recipe: Recipe, case: Case, claims: Claims | None = None, *, since_ns: int | None = None
    ) -> None:
        self.recipe = recipe
        self.case = case
        self.busy = False
        self._claims, self._since_ns = claims, since_ns
        self._claim: Claim | None = None
        self.error = ""
        self.seconds = 0.0
        self.files: list[Path] = []
        self.structures: list[Structure] = []
        self.notes: tuple[str, ...] = ()
        self.done = False
        self._parts: Parts | None = None
        self._prepared: Prepared | None = None
        self.warnings: tuple[str, ...] = ()
        self._images: dict[str, Volume] = {}
        self._segmentation: Segmentation | None = None

    def read(self, segmenter: Segmenter) -> None:
        """Read the images, unless the case is done already, or files are in the way of its results.

        Nothing is raised for a bad case: `error` says what is wrong. `done` is set for a finished case whose images
        have not changed, and `busy` for a case that another process has claimed.
        """
        recipe = self.recipe
        self._parts, inputs = segmenter.parts, segmenter.parts.inputs
        with self._step():
            prepared = prepare(recipe, self.case, segmenter.parts)
            if self._claims is not None and (prepared.standing.state is State.TO_DO or prepared.standing.check_voxels):
                self._claim = self._claims.take(self.case.name)
                self.busy = self._claim is None
                if self._claim is None:
                    return
                check_deaths(self._claim)
                prepared = look_again(recipe, self.case, prepared, segmenter.parts, since_ns=self._since_ns)
            if prepared.standing.state is State.DONE and not prepared.standing.check_voxels:
                self.done, self.warnings = True, prepared.standing.warnings
                return
            images = read_images(prepared.images, inputs, volume=recipe.volume, suv_factor=recipe.suv_factor)
            self._prepared = decide(recipe, prepared, images)
            self.done, self.warnings = self._prepared.standing.state is State.DONE, prepared.standing.warnings
            self._images = {} if self.done else images
            self.notes = notes_of(images, [one.name for one in inputs if one.name not in images])

    def segment(self, segmenter: Segmenter, progress: Progress | None = None) -> None:
        """Run the network on the images; the segmentation waits for `finish`.

        What `progress` raises is raised again here, so that a user can cancel. Nothing happens for a case with an
        error.
        """
        if self.error or self.done:
            return
        recipe = self.recipe
        watched = Watched(progress) if progress else None
        with self._step():
            self._segmentation = segmenter(
                self._images, region=recipe.region, progress=watched, maps=recipe.maps, force=recipe.force
            )
            self.warnings = self._segmentation.warnings
            self.notes += tuple(self._segmentation.provenance.get("notes", ()))
        if watched is not None and watched.raised is not None:
            raise watched.raised

    def finish(self) -> Row:
        """Measure and save the segmentation, and give the row of the case.

        Images and segmentation are let go of afterwards, to free memory. A file beside the mask that could not be
        made is said in the row's `error`, and the mask stays.
        """
        saved = None
        if self._segmentation is not None and self._prepared is not None:
            with self._step():
                self._check_claim()
                saved = save_case(self.recipe, self.case, self._prepared, self._images, self._segmentation)
                self.files, self.structures = saved.files, saved.structures
            if saved and saved.problems:
                self.error = " ".join([*saved.problems, "The other files of the case are there."])
            if saved is None:
                self._look_again()
        self._images, self._segmentation = {}, None
        if self._claims is not None and self._claim is not None:
            self._claims.release(self._claim)
        if self.done:
            files = self.recipe.files(self.case.name)
            return Row(self.case.name, self.error, files, done=True, warnings=self.warnings)
        if not self.files:
            return Row(self.case.name, self.error, seconds=self.seconds)
        return Row(
            self.case.name,
            self.error,
            tuple(self.files),
            tuple(self.structures),
            self.notes,
            self.seconds,
            warnings=self.warnings,
        )

    def _check_claim(self) -> None:
        """Raise `FileError` when another process has passed over the claim, as after a pause of this computer."""
        if self._claim is not None and not self._claim.holds():
            raise FileError("Another process has taken over the case, because this process did not answer for minutes.")

    def _look_again(self) -> None:
        """A case that could not be saved is done all the same when another process has saved it meanwhile."""
        if self._parts is not None and not self.recipe.overwrite:
            with attempt():
                standing = prepare(self.recipe, self.case, self._parts).standing
                self.done = standing.state is State.DONE and standing.check_voxels is None
        self.error = "" if self.done else self.error

    @contextmanager
    def _step(self) -> Iterator[None]:
        """Time a step, and turn whatever goes wrong into the sentence of this case."""
        start = time.perf_counter()
        with attempt() as work:
            yield
        self.error = work.error
        self.seconds += time.perf_counter() - start


def run_cases(
    recipe: Recipe,
    cases: Sequence[Case],
    segmenter: Segmenter,
    progress: Callable[[Case, int, int | None], None] | None = None,
) -> Iterator[Row]:
    """Segment, measure and save each case in turn; a row for each, as the cases are finished.

    The next case is read, and the last case is measured and written, while one is computed: at most three cases are
    in memory. A case that is done already gives a row with `done`. A case that fails, for whatever reason, gives a
    row with its error, and the others go on. What `progress` raises, Ctrl-C and `Cancelled` stop the run at that
    case; a case that was being written then is written to its end.

    Several processes may run the same cases into one folder: each case is done by one of them. A case that another
    process works on comes last; its row has `done` when that process has finished it. When that process dies, the case
    is done here.

    `progress(case, done, total)` counts windows of the network; `total` is None while the number is not known. No
    cases give no rows.
    """
    recover(recipe.output, [case.name for case in cases])
    waiting = deque(cases)
    since_ns, met_busy = now_ns(recipe.output), 0
    writing: Future[Row] | None = None
    with Claims(recipe.output) as claims, ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:

        def read_next() -> Future[CaseRun] | None:
            if not waiting:
                return None
            return reader.submit(_read, CaseRun(recipe, waiting.popleft(), claims, since_ns=since_ns), segmenter)

        reading = read_next()
        while reading is not None:
            run = reading.result()
            if run.busy:
                waiting.append(run.case)
                met_busy += 1
                if met_busy >= len(waiting):  # nothing else is left to do
                    if writing is not None:
                        yield writing.result()
                        writing = None
                    time.sleep(POLL_S)
                reading = read_next()
                continue
            met_busy = 0
            reading = read_next()
            run.segment(segmenter, partial(progress, run.case) if progress else None)
            if writing is not None:
                yield writing.result()
            writing = writer.submit(run.finish)
        if writing is not None:
            yield writing.result()


def _read(run: CaseRun, segmenter: Segmenter) -> CaseRun:
    """The case, once its images are read."""
    run.read(segmenter)
    return run


def check_deaths(claim: Claim) -> None:
    """Raise `FileError` for a case of which `MAX_DEATHS` processes of the same run have died."""
    if claim.deaths >= MAX_DEATHS:
        raise FileError(
            f"{claim.deaths} processes died while they worked on the case, and it is set aside. The memory may be too "
            "small for the image; run the case alone, or with fewer processes."
        )


def notes_of(images: Mapping[str, Volume], missing: Sequence[str] = ()) -> tuple[str, ...]:
    """What the readers decided, of several images with their names, and which of the bundle's images are missing.

    >>> notes_of({}, ["pet"])
    ('without pet',)
    """
    several = len(images) + len(missing) > 1
    said = [f"{name}: {note}" if several else note for name, image in images.items() for note in image.notes]
    return (*said, *([f"without {', '.join(missing)}"] if missing else []))
