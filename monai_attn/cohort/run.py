"""One case through one recipe: the unit of work that `segment` and a cohort share."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monai_attn.cohort.cases import Case
from monai_attn.errors import AttnError
from monai_attn.io import read, write_bytes_atomic
from monai_attn.io.atomic import check_free
from monai_attn.measure import Structure, measure_structures
from monai_attn.segmentation import Segmentation, result_files
from monai_attn.volume import Box, Volume

if TYPE_CHECKING:  # the commands that only measure and compare do without torch
    from monai_attn.segmenter import Segmenter

__all__ = ["Recipe", "Row", "run_case"]


@dataclass(frozen=True)
class Recipe:
    """How every case is segmented, and where the results go. Plain values, so that it can be sent to a worker."""

    bundle: str
    output: Path
    overrides: Mapping[str, Any] = field(default_factory=dict)
    device: str = "auto"
    backend: str = "auto"
    trust: bool = False
    region: Box | None = None
    series: str | None = None
    volume: int | None = None
    overwrite: bool = False
    report: bool = False

    def files(self, case: str) -> tuple[Path, ...]:
        """What a case gives: mask, record, measurements and, where it is wanted, the report."""
        page = (self.output / f"{case}_report.html",) if self.report else ()
        return (*result_files(self.output, case), *page)

    def segmenter(self) -> Segmenter:
        """The segmenter this recipe asks for."""
        from monai_attn.segmenter import Segmenter

        return Segmenter.from_bundle(
            self.bundle, overrides=self.overrides, device=self.device, backend=self.backend, trust=self.trust
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
        image = read(case.source, series=recipe.series, volume=recipe.volume)
        segmentation = segmenter(image, region=recipe.region, progress=progress)
        structures = measure_structures(segmentation.labels, segmentation.table, image)
        page = _page(case, image, segmentation, recipe.series) if recipe.report else None
        files = segmentation.save(recipe.output, stem=case.name, measured=structures, overwrite=recipe.overwrite)
        if page is not None:
            files.append(recipe.files(case.name)[-1])
            write_bytes_atomic(files[-1], page.encode(), overwrite=recipe.overwrite)
    except (AttnError, MemoryError) as error:
        return Row(case.name, str(error) or "There was not enough memory.", seconds=time.perf_counter() - start)
    return Row(case.name, "", tuple(files), tuple(structures), image.notes, time.perf_counter() - start)


def _page(case: Case, image: Volume, segmentation: Segmentation, series: str | None) -> str:
    """The report, made before anything is written. It names no patient, also where the folder does."""
    from monai_attn.report import anonymous_case, case_page, read_identity

    return case_page(anonymous_case(case.name, read_identity(case.source, series=series)), image, segmentation)
