"""A folder of results as one can look at it: figures of each case, doubts, rows for tables, and a page.

Everything comes from the files of the cases; the images are not needed. `monai-attn cohort` and `segment --cohort` call
this module.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from monai_attn.cohort.attempt import attempt
from monai_attn.errors import FileError
from monai_attn.io.jsonfile import read_json_file
from monai_attn.io.plain import read_plain
from monai_attn.measure import to_csv, to_json
from monai_attn.measure.blocks import label_array, label_blocks
from monai_attn.measure.cohort_figures import CaseFigures, Doubt, PartFigures
from monai_attn.measure.components import components
from monai_attn.measure.quality import RULES, find_doubts, in_order_of_doubt
from monai_attn.notice import RESEARCH_USE
from monai_attn.report.review import ReviewCase, review_page
from monai_attn.results import commit, text_writer
from monai_attn.segmentation import Segmentation
from monai_attn.thumbnail import label_thumbnail
from monai_attn.volume import Volume

__all__ = ["Review", "check_page", "doubts_of", "review_cohort", "write_review"]

RECORD = "_seg.json"
"""How the record of a case ends."""

JSON, TABLE, PAGE = "cohort.json", "cohort.csv", "cohort.html"

OURS = b"case,structure,volume_ml,"
"""How every `cohort.csv` of ours begins."""

PICTURES = 300
"""So many of the most doubtful cases have a picture on the page."""


@dataclass(frozen=True)
class Review:
    """The cases of a folder of results, those with most doubt first, and the doubts about them."""

    cases: tuple[CaseFigures, ...]
    doubts: tuple[Doubt, ...]
    provenance: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def rows(self) -> list[dict[str, Any]]:
        """A row for each case and structure; a case without structures has one row."""
        return [row for case in self.cases for row in self._rows(case)]

    def _rows(self, case: CaseFigures) -> Iterator[dict[str, Any]]:
        doubts = [doubt for doubt in self.doubts if doubt.case == case.case]
        said = self.provenance.get(case.case, {})
        about = {
            "modality": case.modality,
            "spacing_mm": " x ".join(f"{edge:.4g}" for edge in case.spacing_mm),
            "bundle": said.get("bundle", ""),
            "bundle_version": said.get("bundle_version", ""),
            "seconds": said.get("seconds", ""),
            "warnings": " ".join(case.warnings),
            "error": case.error,
        }
        for name, part in case.parts.items() or [("", PartFigures(float("nan"), 0, float("nan")))]:
            own = [doubt for doubt in doubts if doubt.structure in ("", name)]
            yield {
                "case": case.case,
                "structure": name,
                "volume_ml": part.volume_ml,
                "pieces": part.pieces,
                "largest_piece": part.largest,
                "touches_border": part.border,
                "certainty": "" if part.certainty is None else part.certainty,
                "doubt": round(sum(doubt.score for doubt in own), 2),
                "rules": " ".join(dict.fromkeys(doubt.rule for doubt in own)),
                **about,
            }


def review_cohort(folder: Path, *, failed: Mapping[str, str] | None = None, without: Collection[str] = ()) -> Review:
    """Look at every case with a record in a folder of results.

    `failed` names cases that have no result, with their errors. `without` names rules that are left out, see
    `monai_attn.measure.quality.RULES`. A mask that cannot be read is an error of its case.

    Raises `FileError` for a folder without results, and `InputError` for an unknown rule.
    """
    records = sorted(folder.glob(f"*{RECORD}")) if folder.is_dir() else []
    if not records and not failed:
        raise FileError(f"{folder.name} holds no results: no file ends with {RECORD}. Name the output of segment.")
    found, provenance = [], {}
    for record in records:
        case = record.name.removesuffix(RECORD)
        if failed and case in failed:
            continue
        segmentation = None
        with attempt() as work:
            segmentation = Segmentation.load(record.with_suffix(".nii.gz"))
            found.append(_figures(case, segmentation))
        if work.error or segmentation is None:
            found.append(CaseFigures(case, error=work.error))
            continue
        provenance[case] = segmentation.provenance
    found += [CaseFigures(case, error=error) for case, error in (failed or {}).items()]
    doubts = find_doubts(found, without=without)
    return Review(tuple(in_order_of_doubt(found, doubts)), tuple(doubts), provenance)


def doubts_of(folder: Path) -> tuple[list[str], list[Doubt]]:
    """The cases of a folder of results that have a mask, those with most doubt first, and all doubts about them.

    They are taken from `cohort.json` where that file is younger than all results: large masks take seconds each to look
    at. Raises `FileError` for a folder without results.
    """
    written, records = folder / JSON, list(folder.glob(f"*{RECORD}")) if folder.is_dir() else []
    if records and written.is_file() and all(written.stat().st_mtime_ns > one.stat().st_mtime_ns for one in records):
        content = read_json_file(written)
        cases = list(dict.fromkeys(row["case"] for row in content["rows"] if not row["error"]))
        named = {record.name.removesuffix(RECORD) for record in records}
        if {*cases} <= named <= {row["case"] for row in content["rows"]}:
            return cases, [Doubt(**doubt) for doubt in content["doubts"]]
    review = review_cohort(folder)
    return [case.case for case in review.cases if not case.error], list(review.doubts)


def write_review(
    folder: Path, review: Review, *, without: Collection[str] = (), page: bool = True, overwrite: bool = False
) -> list[Path]:
    """Write `cohort.csv`, `cohort.json` and `cohort.html` into a folder of results, together, and give their paths.

    `page` is False where matplotlib is missing. Raises `FileError` for files that exist without `overwrite`.
    """
    rows = review.rows()
    doubts = [
        {"case": one.case, "rule": one.rule, "structure": one.structure, "text": one.text, "score": one.score}
        for one in review.doubts
    ]
    rules = {name: name not in without for name in RULES}
    texts = {
        folder / TABLE: to_csv(rows),
        folder / JSON: to_json(rows, notice=RESEARCH_USE, doubts=doubts, rules=rules),
    }
    if page:
        cases = [_page_case(folder, case, review, number) for number, case in enumerate(review.cases)]
        texts[folder / PAGE] = review_page(folder.resolve().name, cases, rules)
    return commit({path: text_writer(text) for path, text in texts.items()}, overwrite=overwrite)


def check_page(folder: Path, inputs: Collection[Path], *, overwrite: bool = False) -> None:
    """Raises `FileError` where `write_review` would replace a file that is read, or one that it has not written.

    `inputs` are the files that are read. With `overwrite` only these are kept.
    """
    read = {path.resolve() for path in inputs}
    there = [path for path in (folder / TABLE, folder / JSON, folder / PAGE) if path.exists()]
    for path in there:
        if path.resolve() in read:
            raise FileError(f"{path.name} is an input, and --cohort would replace it. Give the results another folder.")
    table = folder / TABLE
    if there and not overwrite and not (table.is_file() and read_plain(table).startswith(OURS)):
        raise FileError(
            f"{there[0].name} exists and was not written by --cohort. Give the results another folder, or replace it "
            "with --overwrite."
        )


def _figures(case: str, segmentation: Segmentation) -> CaseFigures:
    """What is compared of one case, from its mask and its record."""
    said = segmentation.provenance
    source = said.get("source") or {}
    sure = segmentation.certainty
    array = label_array(segmentation.labels)
    parts = {}
    for value, block in label_blocks(array, segmentation.table).items():
        name = segmentation.table[value].name
        if block is None:
            parts[name] = PartFigures(0.0, pieces=0, largest=0.0)
            continue
        sizes = [int(np.count_nonzero(mask)) for _, mask in components(array[block], value)]
        border = any(part.start == 0 or part.stop == size for part, size in zip(block, array.shape, strict=True))
        volume = sum(sizes) * segmentation.labels.voxel_ml
        parts[name] = PartFigures(volume, len(sizes), sizes[0] / sum(sizes), border, sure.get(value))
    return CaseFigures(
        case,
        parts,
        tuple(source.get("spacing_mm") or segmentation.labels.spacing_mm),
        str(source.get("modality") or ""),
        segmentation.warnings,
    )


def _page_case(folder: Path, case: CaseFigures, review: Review, number: int) -> ReviewCase:
    """One case as the page shows it: with its picture and the link to its report, where they are there."""
    report = folder / f"{case.case}_report.html"
    doubts = [doubt for doubt in review.doubts if doubt.case == case.case]
    picture = _picture(folder, case.case) if doubts and number < PICTURES and not case.error else b""
    return ReviewCase(
        case, doubts, picture, report.name if report.is_file() else "", review.provenance.get(case.case, {})
    )


def _picture(folder: Path, case: str) -> bytes:
    """The picture that the run made; of an older result the labels alone."""
    made = folder / f"{case}_seg.png"
    with attempt():
        if made.is_file():
            return made.read_bytes()
        segmentation = Segmentation.load(folder / f"{case}_seg.nii.gz")
        labels: Volume = segmentation.labels
        return label_thumbnail(labels.array, labels.affine, {one.value: one.rgb for one in segmentation.table})
    return b""
