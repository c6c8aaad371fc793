"""One case through one recipe: the unit of work that `segment` and a cohort share."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monai_attn.cohort.cases import Case
from monai_attn.errors import AttnError
from monai_attn.io import read
from monai_attn.segmenter import Segmenter
from monai_attn.volume import Box

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

    def segmenter(self) -> Segmenter:
        """The segmenter this recipe asks for."""
        return Segmenter.from_bundle(
            self.bundle, overrides=self.overrides, device=self.device, backend=self.backend, trust=self.trust
        )


@dataclass(frozen=True)
class Row:
    """What came of one case: `error` is empty when it was segmented. `volume_ml` is by structure name."""

    case: str
    error: str
    files: tuple[Path, ...] = ()
    volume_ml: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


def run_case(
    recipe: Recipe,
    case: Case,
    segmenter: Segmenter | None = None,
    progress: Callable[[int], None] | None = None,
) -> Row:
    """Segment and save one case. A case that cannot be segmented gives a row with its error, and no file.

    A `segmenter` made from the recipe before saves loading the network again.
    """
    start = time.perf_counter()
    try:
        segmenter = segmenter or recipe.segmenter()
        image = read(case.source, series=recipe.series, volume=recipe.volume)
        segmentation = segmenter(image, region=recipe.region, progress=progress)
        files = segmentation.save(recipe.output, stem=case.name, overwrite=recipe.overwrite)
    except (AttnError, MemoryError) as error:
        return Row(case.name, str(error) or "There was not enough memory.", seconds=time.perf_counter() - start)
    volume_ml = {
        label.name: float(segmentation.mask(label.value).array.sum()) * image.voxel_ml for label in segmentation.table
    }
    return Row(case.name, "", tuple(files), volume_ml, image.notes, time.perf_counter() - start)
