"""How cases are segmented (`Recipe`), and what comes of a case (`Row`).

Both are plain frozen values, so that the command line or a script can make a recipe, and print or test a row. Neither
touches a file. The work is in `monai_attn.cohort.run`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monai_attn.backends.execution import Execution
from monai_attn.bundle.faults import require_runnable
from monai_attn.bundle.locate import find_bundle
from monai_attn.bundle.trust import require_trust
from monai_attn.dicom_export import DicomKind
from monai_attn.errors import InputError
from monai_attn.finders import Regions
from monai_attn.io.label_file import read_label_file
from monai_attn.labels import LabelTable
from monai_attn.measure import Structure
from monai_attn.segmentation import result_files

if TYPE_CHECKING:  # the commands that only measure and compare do without torch
    from monai_attn.segmenter import Segmenter

__all__ = ["ALL", "REDO", "STALE", "Recipe", "Row"]

STALE, ALL = "stale", "all"
LABEL_FILES = (".json", ".tsv", ".txt", ".label", ".xml", ".csv")
"""The endings of files that name labels."""

REDO = (STALE, ALL)
"""Which finished cases are done again: those that were made in another way, or all."""


@dataclass(frozen=True)
class Recipe:
    """How every case is segmented, and where the results go: the options of `monai-attn segment` as plain values.

    `bundle` is a shipped name or a folder, `overrides` change its config, and `trust` allows a foreign bundle to run
    its code. `region` is a box in mm of the patient (RAS+), or several boxes by name. `series`, `volume` and
    `suv_factor` choose in the images. `labels` is a file with names for the labels, in place of the bundle's,
    or names with commas between them: the structures to look for. `report`,
    `picture`, `dicom_seg`, `rtstruct` and `maps` ask for more files. `head_size` adds volumes scaled to the head, where
    a registration found the regions. `force` segments images that the plausibility checks refuse.

    Finished cases are skipped. `redo` "stale" does those again that were made in another way or from other images, and
    "all" every finished case. Both leave files of others, and files that a person has changed. `overwrite` replaces
    these too. Raises `InputError` for another word in `redo`.

    >>> recipe = Recipe("hippocampus_mri", Path("out"), report=True)
    >>> [path.name for path in recipe.files("case_1")]
    ['case_1_seg.nii.gz', 'case_1_seg.json', 'case_1_seg.csv', 'case_1_report.html']
    """

    bundle: str
    output: Path
    overrides: Mapping[str, Any] = field(default_factory=dict)
    execution: Execution = field(default_factory=Execution)
    trust: bool = False
    region: Regions = None
    series: str | Mapping[str, str] | None = None
    volume: int | None = None
    suv_factor: float | None = None
    overwrite: bool = False
    report: bool = False
    dicom_seg: bool = False
    rtstruct: bool = False
    maps: tuple[str, ...] = ()
    force: bool = False
    head_size: bool = False
    redo: str = ""
    picture: bool = False
    labels: Path | str | None = None

    def __post_init__(self) -> None:
        if self.redo not in ("", *REDO):
            raise InputError(f"redo={self.redo!r} is not known. Choose one of {', '.join(REDO)}, or leave it out.")

    def dicom_files(self, case: str) -> dict[Path, DicomKind]:
        """The DICOM files of a case that are asked for, and the kind of each.

        Empty when neither `dicom_seg` nor `rtstruct` is set. The files hold the patient's identity, as their source
        does.
        """
        files: dict[Path, DicomKind] = {}
        if self.dicom_seg:
            files[self.output / f"{case}_seg.dcm"] = "SEG"
        if self.rtstruct:
            files[self.output / f"{case}_rtstruct.dcm"] = "RTSTRUCT"
        return files

    def report_file(self, case: str) -> Path:
        """The path of the HTML report of a case."""
        return self.output / f"{case}_report.html"

    def picture_file(self, case: str) -> Path:
        """The path of the small picture of a case: three planes with the outlines of the structures."""
        return self.output / f"{case}_seg.png"

    def files(self, case: str) -> tuple[Path, ...]:
        """The files of a finished case: mask, record, table, and the DICOM files and report that are asked for.

        Maps are not among them, because the number of attention maps depends on the network. The picture is not either:
        a finished case is not segmented again for a picture.
        """
        page = (self.report_file(case),) if self.report else ()
        return (*result_files(self.output, case), *self.dicom_files(case), *page)

    def segmenter(self) -> Segmenter:
        """The bundle, opened and ready. Raises `BundleError`, `OverrideError`, `TrustError` or `InputError`.

        Opening takes seconds, because torch, MONAI and the weights are loaded; one segmenter serves all cases. A bundle
        that is not trusted is refused before that.
        """
        root = find_bundle(self.bundle)
        require_trust(root, trust=self.trust)
        require_runnable(root, self.overrides)
        from monai_attn.segmenter import Segmenter

        return Segmenter.from_bundle(
            self.bundle,
            overrides=self.overrides,
            execution=self.execution,
            trust=self.trust,
            labels=named_labels(self.labels),
        )


def named_labels(said: Path | str | None) -> LabelTable | tuple[str, ...]:
    """What `labels` of a recipe says: the table of a file, or the names of structures; () where it says nothing.

    Raises `FileError` for a file that is missing or names no labels, and `InputError` for text without a name.

    >>> named_labels("liver, spleen")
    ('liver', 'spleen')
    """
    if not said:
        return ()
    path = Path(said)
    if path.is_file() or path.suffix.lower() in LABEL_FILES or path.parent != Path():
        return read_label_file(path)
    names = tuple(name.strip() for name in str(said).split(",") if name.strip())
    if not names:
        raise InputError(
            f"The labels {str(said)!r} name no structure. Write names such as liver,spleen, or leave the labels out."
        )
    return names


@dataclass(frozen=True)
class Row:
    """What came of one case.

    `error` is "" when the case has all its files, else a sentence. `done` says that an earlier run made the files.
    `files` begins with the mask, and is empty when nothing was written. `structures` are the measured structures,
    `notes` what the readers decided, and `warnings` what makes the mask unlikely. `seconds` were needed in all.

    >>> Row("case_1", "ct.nii.gz does not exist.").files
    ()
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
        """The volumes by structure name.

        Empty for a case that was done before or has failed: nothing was measured in this run.
        """
        return {structure.name: structure.volume_ml for structure in self.structures}

    @property
    def interval_ml(self) -> dict[str, tuple[float, float]]:
        """The 90 % interval of the volume by structure name, where the bundle states one."""
        return {
            one.name: (one.volume_low_ml, one.volume_high_ml)
            for one in self.structures
            if one.volume_low_ml is not None and one.volume_high_ml is not None
        }

    def to_json(self) -> dict[str, Any]:
        """The row as JSON knows it: paths as text, volumes in ml by the name of the structure.

        >>> Row("case_1", "ct.nii.gz does not exist.").to_json()["files"]
        []
        """
        return {
            "case": self.case,
            "error": self.error,
            "done_before": self.done,
            "files": [str(path) for path in self.files],
            "volume_ml": self.volume_ml,
            "interval_ml": {name: list(span) for name, span in self.interval_ml.items()},
            "warnings": list(self.warnings),
            "notes": list(self.notes),
            "seconds": round(self.seconds, 2),
        }
