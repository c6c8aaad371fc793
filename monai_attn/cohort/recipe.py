"""How cases are segmented, and what comes of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monai_attn.backends.execution import Execution
from monai_attn.io import write_dicom_seg, write_rtstruct
from monai_attn.measure import Structure
from monai_attn.segmentation import result_files
from monai_attn.volume import Box

if TYPE_CHECKING:  # the commands that only measure and compare do without torch
    from monai_attn.segmenter import Segmenter

__all__ = ["Recipe", "Row"]


@dataclass(frozen=True)
class Recipe:
    """How every case is segmented, and where the results go. Plain values, so that it can be sent to a worker."""

    bundle: str
    output: Path
    overrides: Mapping[str, Any] = field(default_factory=dict)
    execution: Execution = field(default_factory=Execution)
    trust: bool = False
    region: Box | None = None
    series: str | Mapping[str, str] | None = None
    volume: int | None = None
    suv_factor: float | None = None
    overwrite: bool = False
    report: bool = False
    dicom_seg: bool = False
    rtstruct: bool = False
    maps: tuple[str, ...] = ()
    force: bool = False

    def dicom_files(self, case: str) -> dict[Path, Callable[..., None]]:
        """The DICOM files that are wanted, and what writes each."""
        seg = {self.output / f"{case}_seg.dcm": write_dicom_seg} if self.dicom_seg else {}
        return {**seg, **({self.output / f"{case}_rtstruct.dcm": write_rtstruct} if self.rtstruct else {})}

    def report_file(self, case: str) -> Path:
        """Where the report of a case goes."""
        return self.output / f"{case}_report.html"

    def files(self, case: str) -> tuple[Path, ...]:
        """What a case gives: mask, record, table and, where they are wanted, DICOM files and the report."""
        page = (self.report_file(case),) if self.report else ()
        return (*result_files(self.output, case), *self.dicom_files(case), *page)

    def segmenter(self) -> Segmenter:
        """The segmenter this recipe asks for."""
        from monai_attn.segmenter import Segmenter

        return Segmenter.from_bundle(
            self.bundle,
            overrides=self.overrides,
            execution=self.execution,
            trust=self.trust,
        )


@dataclass(frozen=True)
class Row:
    """What came of one case: `error` is empty when all files were written; `done` when they stood there before.

    `warnings` say what makes the mask unlikely (`Segmentation.warnings`).
    """

    case: str
    error: str
    files: tuple[Path, ...] = ()
    structures: tuple[Structure, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    done: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def volume_ml(self) -> dict[str, float]:
        """The volumes by structure name."""
        return {structure.name: structure.volume_ml for structure in self.structures}
