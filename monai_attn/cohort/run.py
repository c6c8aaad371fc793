"""One case through one recipe: the unit of work that `segment` and a cohort share."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monai_attn.bundle.inputs import ImageFile, find_images
from monai_attn.cohort.cases import Case
from monai_attn.errors import AttnError, InputError
from monai_attn.io import is_dicom, read, write_bytes_atomic, write_dicom_seg, write_rtstruct
from monai_attn.io.atomic import check_free
from monai_attn.measure import Structure, measure_structures
from monai_attn.segmentation import Segmentation, result_files
from monai_attn.volume import Box, Volume

if TYPE_CHECKING:  # the commands that only measure and compare do without torch
    from monai_attn.segmenter import Segmenter

__all__ = ["Recipe", "Row", "notes_of", "run_case"]


@dataclass(frozen=True)
class Recipe:
    """How every case is segmented, and where the results go. Plain values, so that it can be sent to a worker."""

    bundle: str
    output: Path
    overrides: Mapping[str, Any] = field(default_factory=dict)
    device: str = "auto"
    backend: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    calibration: tuple[Path | Mapping[str, Path], ...] = ()
    trust: bool = False
    region: Box | None = None
    series: str | Mapping[str, str] | None = None
    volume: int | None = None
    overwrite: bool = False
    report: bool = False
    dicom_seg: bool = False
    rtstruct: bool = False
    maps: tuple[str, ...] = ()

    def dicom_files(self, case: str) -> dict[Path, Callable[..., None]]:
        """The DICOM files that are wanted, and what writes each."""
        seg = {self.output / f"{case}_seg.dcm": write_dicom_seg} if self.dicom_seg else {}
        return {**seg, **({self.output / f"{case}_rtstruct.dcm": write_rtstruct} if self.rtstruct else {})}

    def files(self, case: str) -> tuple[Path, ...]:
        """What a case gives: mask, record, measurements and, where they are wanted, DICOM files and the report."""
        page = (self.output / f"{case}_report.html",) if self.report else ()
        return (*result_files(self.output, case), *self.dicom_files(case), *page)

    def segmenter(self) -> Segmenter:
        """The segmenter this recipe asks for."""
        from monai_attn.segmenter import Segmenter

        return Segmenter.from_bundle(
            self.bundle,
            overrides=self.overrides,
            device=self.device,
            backend=self.backend,
            precision=self.precision,
            threads=self.threads,
            calibration=self.calibration,
            trust=self.trust,
        )


@dataclass(frozen=True)
class Row:
    """What came of one case: `error` is empty when it was segmented."""

    case: str
    error: str
    files: tuple[Path, ...] = ()
    structures: tuple[Structure, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def volume_ml(self) -> dict[str, float]:
        """The volumes by structure name."""
        return {structure.name: structure.volume_ml for structure in self.structures}


def run_case(
    recipe: Recipe,
    case: Case,
    segmenter: Segmenter | None = None,
    progress: Callable[[int], None] | None = None,
) -> Row:
    """Segment, measure and save one case. One that cannot be segmented gives a row with its error, and no file.

    A `segmenter` made from the recipe before saves loading the network again.
    """
    start = time.perf_counter()
    try:
        for path in recipe.files(case.name):
            check_free(path, overwrite=recipe.overwrite)
        segmenter = segmenter or recipe.segmenter()
        found = find_images(case.source, segmenter.parts.inputs, recipe.series)
        reference = next(iter(found.values()))
        _check_source(recipe, case.name, reference)
        images = {name: read(one.path, series=one.series, volume=recipe.volume) for name, one in found.items()}
        image = images[next(iter(images))]
        segmentation = segmenter(images, region=recipe.region, progress=progress, maps=recipe.maps)
        structures = measure_structures(segmentation.labels, segmentation.table, image)
        page = _page(case, image, segmentation, reference) if recipe.report else None
        dicom = _write_dicom(recipe, case.name, reference, segmentation)
        files = segmentation.save(recipe.output, stem=case.name, measured=structures, overwrite=recipe.overwrite)
        files += dicom
        if page is not None:
            files.append(recipe.files(case.name)[-1])
            write_bytes_atomic(files[-1], page.encode(), overwrite=recipe.overwrite)
    except (AttnError, MemoryError) as error:
        return Row(case.name, str(error) or "There was not enough memory.", seconds=time.perf_counter() - start)
    missing = [one.name for one in segmenter.parts.inputs if one.name not in images]
    return Row(case.name, "", tuple(files), tuple(structures), notes_of(images, missing), time.perf_counter() - start)


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
