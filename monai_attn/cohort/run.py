"""Cases through one recipe: each is read, segmented, measured and committed; a failure stays with its case.

Up to three cases are in work at the same time: one is read, one is computed, one is written. Reading and writing have a
thread each, and the network runs in the caller's thread.
"""

from __future__ import annotations

import time
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
from monai_attn.cohort.plan import Prepared, decide, prepare
from monai_attn.cohort.recipe import Recipe, Row
from monai_attn.measure import Structure
from monai_attn.progress import Progress
from monai_attn.results import State, recover
from monai_attn.segmentation import Segmentation
from monai_attn.volume import Volume

if TYPE_CHECKING:  # the commands that only measure and compare do without torch
    from monai_attn.bundle import Parts
    from monai_attn.segmenter import Segmenter

__all__ = ["CaseRun", "notes_of", "run_cases"]


class CaseRun:
    """One case and its three steps: `read`, `segment`, `finish`. A step that fails leaves `error` and ends the case."""

    def __init__(self, recipe: Recipe, case: Case) -> None:
        self.recipe = recipe
        self.case = case
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
        have not changed.
        """
        recipe = self.recipe
        self._parts, inputs = segmenter.parts, segmenter.parts.inputs
        with self._step():
            prepared = prepare(recipe, self.case, segmenter.parts)
            if prepared.standing.state is State.DONE and not prepared.standing.check_voxels:
                self.done, self.warnings = True, prepared.standing.warnings
                return
            images = read_images(prepared.images, inputs, volume=recipe.volume, suv_factor=recipe.suv_factor)
            self._prepared = decide(prepared, images)
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
        watched = _Watched(progress) if progress else None
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
                saved = save_case(self.recipe, self.case, self._prepared, self._images, self._segmentation)
                self.files, self.structures = saved.files, saved.structures
            if saved and saved.problems:
                self.error = " ".join([*saved.problems, "The other files of the case are there."])
            if saved is None:
                self._look_again()
        self._images, self._segmentation = {}, None
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


class _Watched:
    """A progress callback that remembers its exception, which stops the run whatever a bundle makes of it."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.raised: BaseException | None = None

    def __call__(self, done: int, total: int | None) -> None:
        try:
            self.progress(done, total)
        except BaseException as error:
            self.raised = error
            raise


def run_cases(
    recipe: Recipe,
    cases: Sequence[Case],
    segmenter: Segmenter,
    progress: Callable[[Case, int, int | None], None] | None = None,
) -> Iterator[Row]:
    """Segment, measure and save each case in turn; a row for each, in the order of the cases.

    The next case is read, and the last case is measured and written, while one is computed: at most three cases are
    in memory. A case that is done already gives a row with `done`. A case that fails, for whatever reason, gives a
    row with its error, and the others go on. What `progress` raises, Ctrl-C and `Cancelled` stop the run at that
    case; a case that was being written then is written to its end.

    `progress(case, done, total)` counts windows of the network; `total` is None while the number is not known. No
    cases give no rows.
    """
    recover(recipe.output, [case.name for case in cases])
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        runs = [CaseRun(recipe, case) for case in cases]
        reading = reader.submit(runs[0].read, segmenter) if runs else None
        writing: Future[Row] | None = None
        for number, run in enumerate(runs):
            assert reading is not None
            reading.result()
            if number + 1 < len(runs):
                reading = reader.submit(runs[number + 1].read, segmenter)
            run.segment(segmenter, partial(progress, run.case) if progress else None)
            if writing is not None:
                yield writing.result()
            writing = writer.submit(run.finish)
        if writing is not None:
            yield writing.result()


def notes_of(images: Mapping[str, Volume], missing: Sequence[str] = ()) -> tuple[str, ...]:
    """What the readers decided, of several images with their names, and which of the bundle's images are missing.

    >>> notes_of({}, ["pet"])
    ('without pet',)
    """
    several = len(images) + len(missing) > 1
    said = [f"{name}: {note}" if several else note for name, image in images.items() for note in image.notes]
    return (*said, *([f"without {', '.join(missing)}"] if missing else []))
