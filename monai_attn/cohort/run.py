"""Cases through one recipe: the unit of work that `segment` and a cohort share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from monai_attn.bundle.case import read_images
from monai_attn.cases import Case, ImageFile, ImageInput, find_images
from monai_attn.cohort.recipe import Recipe, Row
from monai_attn.errors import AttnError, InputError
from monai_attn.io import is_dicom, write_bytes_atomic
from monai_attn.io.atomic import check_free
from monai_attn.measure import Structure, measure_structures
from monai_attn.segmentation import Segmentation
from monai_attn.volume import Volume

if TYPE_CHECKING:  # the commands that only measure and compare do without torch
    from monai_attn.segmenter import Segmenter

__all__ = ["CaseRun", "notes_of", "run_case", "run_cases"]


class CaseRun:
    """A case on its way through a recipe, in three steps; one that fails leaves its error and ends the others."""

    def __init__(self, recipe: Recipe, case: Case) -> None:
        self.recipe = recipe
        self.case = case
        self.error = ""
        self.seconds = 0.0
        self.files: list[Path] = []
        self.structures: list[Structure] = []
        self.notes: tuple[str, ...] = ()
        self._reference: ImageFile | None = None
        self._images: dict[str, Volume] = {}
        self._segmentation: Segmentation | None = None

    def read(self, inputs: Sequence[ImageInput]) -> None:
        """The images, when nothing stands where the results will."""
        recipe, name = self.recipe, self.case.name
        with self._step():
            for path in recipe.files(name):
                check_free(path, overwrite=recipe.overwrite)
            found = find_images(self.case.source, inputs, recipe.series)
            self._reference = next(iter(found.values()))
            _check_source(recipe, name, self._reference)
            self._images = read_images(found, inputs, volume=recipe.volume, suv_factor=recipe.suv_factor)
            self.notes = notes_of(self._images, [one.name for one in inputs if one.name not in self._images])

    def segment(self, segmenter: Segmenter, progress: Callable[[int], None] | None = None) -> None:
        """The network's part."""
        if self.error:
            return
        recipe = self.recipe
        with self._step():
            self._segmentation = segmenter(self._images, region=recipe.region, progress=progress, maps=recipe.maps)

    def finish(self) -> Row:
        """Measure and save; what came of the case."""
        if self._segmentation is not None and self._reference is not None:
            with self._step():
                self._save(self._reference, self._segmentation)
        self._images, self._segmentation = {}, None
        if self.error:
            return Row(self.case.name, self.error, seconds=self.seconds)
        return Row(self.case.name, "", tuple(self.files), tuple(self.structures), self.notes, self.seconds)

    def _save(self, reference: ImageFile, segmentation: Segmentation) -> None:
        recipe, name = self.recipe, self.case.name
        image = self._images[next(iter(self._images))]
        self.structures = measure_structures(segmentation.labels, segmentation.table, image)
        page = _page(self.case, image, segmentation, reference) if recipe.report else None
        dicom = _write_dicom(recipe, name, reference, segmentation)
        self.files = segmentation.save(recipe.output, stem=name, measured=self.structures, overwrite=recipe.overwrite)
        self.files += dicom
        if page is not None:
            self.files.append(recipe.files(name)[-1])
            write_bytes_atomic(self.files[-1], page.encode(), overwrite=recipe.overwrite)

    @contextmanager
    def _step(self) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        except (AttnError, MemoryError) as error:
            self.error = str(error) or "There was not enough memory."
        finally:
            self.seconds += time.perf_counter() - start


def run_case(
    recipe: Recipe,
    case: Case,
    segmenter: Segmenter | None = None,
    progress: Callable[[int], None] | None = None,
) -> Row:
    """Segment, measure and save one case. One that cannot be segmented gives a row with its error, and no file.

    A `segmenter` made from the recipe before saves loading the network again.
    """
    try:
        segmenter = segmenter or recipe.segmenter()
    except (AttnError, MemoryError) as error:
        return Row(case.name, str(error) or "There was not enough memory.")
    run = CaseRun(recipe, case)
    run.read(segmenter.parts.inputs)
    run.segment(segmenter, progress)
    return run.finish()


def run_cases(
    recipe: Recipe,
    cases: Sequence[Case],
    segmenter: Segmenter,
    progress: Callable[[Case, int], None] | None = None,
) -> Iterator[Row]:
    """`run_case` for each in turn, the next one read and the last one measured and written while one is computed.

    Rows come in the order of the cases. At most three cases are in memory. What `progress` raises, as Ctrl-C does,
    stops the run at that case; one that was being written then is written to its end.
    """
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        runs = [CaseRun(recipe, case) for case in cases]
        reading = reader.submit(runs[0].read, segmenter.parts.inputs) if runs else None
        writing: Future[Row] | None = None
        for number, run in enumerate(runs):
            assert reading is not None
            reading.result()
            if number + 1 < len(runs):
                reading = reader.submit(runs[number + 1].read, segmenter.parts.inputs)
            run.segment(segmenter, partial(progress, run.case) if progress else None)
            if writing is not None:
                yield writing.result()
            writing = writer.submit(run.finish)
        if writing is not None:
            yield writing.result()


def notes_of(images: Mapping[str, Volume], missing: Sequence[str] = ()) -> tuple[str, ...]:
    """What the readers decided, of several images with their names, and which of the bundle's images are missing."""
    several = len(images) + len(missing) > 1
    said = [f"{name}: {note}" if several else note for name, image in images.items() for note in image.notes]
    return (*said, *([f"without {', '.join(missing)}"] if missing else []))


def _check_source(recipe: Recipe, case: str, reference: ImageFile) -> None:
    """Refuse, before anything is computed, a DICOM file for an image that is none."""
    path = reference.path
    if recipe.dicom_files(case) and not (path.is_dir() or is_dicom(path)):
        raise InputError(f"{path.name} is no DICOM series, to which a DICOM SEG or RTSTRUCT would belong.")


def _write_dicom(recipe: Recipe, case: str, reference: ImageFile, segmentation: Segmentation) -> list[Path]:
    """All the DICOM files, or none."""
    written: list[Path] = []
    name, release = segmentation.algorithm
    try:
        for path, write in recipe.dicom_files(case).items():
            write(
                segmentation.labels,
                segmentation.table,
                reference.path,
                path,
                algorithm=name,
                algorithm_version=release,
                series=reference.series,
                volume=recipe.volume,
                overwrite=recipe.overwrite,
            )
            written.append(path)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    return written


def _page(case: Case, image: Volume, segmentation: Segmentation, reference: ImageFile) -> str:
    """The report, made before anything is written. It names no patient, also where the folder does."""
    from monai_attn.report import anonymous_case, case_page, read_identity

    identity = read_identity(reference.path, series=reference.series)
    return case_page(anonymous_case(case.name, identity), image, segmentation)
