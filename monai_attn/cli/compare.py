"""`monai-attn compare`: predictions against references, a file each or folders of them.

Scores and their definitions: docs/measurements.md. Masks are label maps of any format that `monai_attn.io` reads as
one map; the images themselves are not needed. The comparison is done by `monai_attn.cohort.compare_pair`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monai_attn.cli._output import (
    add_bundle_option,
    add_lesion_options,
    add_output_options,
    bundle_table,
    check_targets,
    write_rows,
)
from monai_attn.cli._table import Column, text_table
from monai_attn.cli.words import command_words
from monai_attn.notice import RESEARCH_USE

if TYPE_CHECKING:
    from monai_attn.cohort import Compared, Pair

__all__ = ["add_parser", "run"]

EXAMPLES = """examples:
  monai-attn compare out/case_1_seg.nii.gz labels/case_1.nii.gz
  monai-attn compare out/ labels/ --tolerance-mm 2 --csv scores.csv --json scores.json
  monai-attn compare out/ labels/ --lesion tumour --min-ml 0.05 --error-map errors/
"""
ERROR_ENDING = "_errors.nii.gz"
"""The ending of the error map of each case in a folder, after the name of the case."""

COMPARISON = (
    Column("case", "case"),
    Column("name", "structure"),
    Column("prediction_ml", "prediction", "ml"),
    Column("reference_ml", "reference", "ml"),
    Column("volume_difference_ml", "difference", "ml"),
    Column("dice", "Dice"),
    Column("jaccard", "Jaccard"),
    Column("sensitivity", "sensitivity"),
    Column("precision", "precision"),
    Column("hd_mm", "HD", "mm", 2),
    Column("hd95_mm", "HD95", "mm", 2),
    Column("assd_mm", "ASSD", "mm", 2),
    Column("nsd", "NSD"),
)
"""The table of structures, one row for each structure of a case."""

DETECTION = (
    Column("case", "case"),
    Column("name", "lesions of"),
    Column("matched", "matched"),
    Column("missed", "missed"),
    Column("extra", "extra"),
    Column("sensitivity", "sensitivity"),
    Column("precision", "precision"),
    Column("f1", "F1"),
    Column("panoptic_quality", "PQ"),
)
"""The table of lesions found, missed and extra, one row for each lesion label of a case."""

SUMMARY = (
    Column("name", "structure"),
    Column("score", "score"),
    Column("cases", "cases"),
    Column("undefined", "undefined"),
    Column("infinite", "infinite"),
    Column("mean", "mean"),
    Column("mean_low", "from"),
    Column("mean_high", "to"),
    Column("median", "median"),
    Column("median_low", "from"),
    Column("median_high", "to"),
)
"""The table over all cases: mean and median of each score with 95 % intervals."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command: two paths, both files or both folders, and the options."""
    parser = subparsers.add_parser(
        "compare",
        help="compare masks with reference masks",
        description="Compare a mask with a reference, or two folders of them, structure by structure. Folders are "
        "paired by file name without suffix and without _seg. The reference may also be a folder with a dataset.json "
        "or a table (.csv): structures that were not drawn in a case are then left out. Definitions: "
        "docs/measurements.md. "
        f"{RESEARCH_USE}",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("prediction", type=Path, metavar="PREDICTION", help="label map, or folder of label maps")
    parser.add_argument(
        "reference", type=Path, metavar="REFERENCE", help="the same, of the reference; or a labelled data set"
    )
    parser.add_argument(
        "--tolerance-mm",
        type=float,
        default=1.0,
        metavar="MM",
        help="distance in mm that counts as no error in the surface Dice, NSD (default: 1)",
    )
    parser.add_argument(
        "--resample", action="store_true", help="resample a prediction on another grid to the grid of its reference"
    )
    parser.add_argument(
        "--lesion",
        action="append",
        default=[],
        metavar="LABEL",
        help="label, by name or number, whose pieces are lesions and are matched one by one; may be repeated",
    )
    parser.add_argument(
        "--min-iou",
        type=float,
        default=0.1,
        metavar="IOU",
        help="overlap (IoU) above which two lesions match (default: 0.1)",
    )
    add_lesion_options(parser)
    parser.add_argument(
        "--error-map",
        type=Path,
        metavar="PATH",
        help="label map to write that shows where the prediction is right and wrong; for folders, a folder of them",
    )
    add_bundle_option(parser)
    add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare all pairs; 0 if all went well, 1 if some failed.

    Raises `InputError` where no pair can be compared, and for masks that hold nothing and name nothing.
    Volumes are printed in ml, distances in mm.
    """
    from monai_attn.cohort import Criteria, compare_pair, comparison_rows, complete, find_pairs
    from monai_attn.errors import InputError

    criteria = Criteria(
        tolerance_mm=args.tolerance_mm,
        resample=args.resample,
        lesions=tuple(args.lesion),
        connectivity=args.connectivity,
        min_ml=args.min_ml,
        min_iou=args.min_iou,
    )
    pairs = find_pairs(args.prediction, args.reference)
    folders = args.prediction.is_dir()
    maps = _error_maps(args.error_map, pairs, folders=folders)
    _check(args, pairs, maps)
    table = bundle_table(args.bundle)
    cases = complete(
        [
            compare_pair(pair, criteria, table=table, errors_to=maps.get(pair.case), overwrite=args.overwrite)
            for pair in pairs
        ]
    )
    failed = [case for case in cases if case.error]
    if not folders and failed:
        raise InputError(failed[0].error)
    for case in failed:
        print(f"{case.case}: {command_words(case.error, args.command)}", file=sys.stderr)
    if len(failed) == len(cases):
        raise InputError(f"None of {len(cases)} cases could be compared; nothing was written.")
    if not any(case.comparisons for case in cases):
        raise InputError("All masks hold only background and nothing names labels, so there is nothing to compare.")
    rows = comparison_rows(cases, summary=folders)
    _print(rows, cases, args.tolerance_mm)
    settings = {
        name: getattr(args, name)
        for name in ("tolerance_mm", "resample", "lesion", "connectivity", "min_ml", "min_iou", "bundle")
    }
    files = {"prediction": args.prediction.name, "reference": args.reference.name}
    write_rows(args, rows, files=files, settings=settings, cases=len(cases), failed=len(failed))
    for case in cases:
        if case.files:
            print(f"written: {case.files[0]}")
    print(RESEARCH_USE)
    if failed:
        print(f"{len(failed)} of {len(cases)} cases failed.", file=sys.stderr)
    return 1 if failed else 0


def _error_maps(target: Path | None, pairs: Sequence[Pair], *, folders: bool) -> dict[str, Path]:
    """Where the error map of each case goes.

    A folder gets one map for each pair with both masks. Raises `InputError` for one file as the target of two
    folders.
    """
    from monai_attn.errors import InputError
    from monai_attn.io.names import suffix_of

    if target is None:
        return {}
    is_file = bool(suffix_of(target)) and not target.is_dir()
    if folders and is_file:
        raise InputError(f"Two folders give an error map per case: name a folder for them, not {target.name}.")
    if is_file:
        return {pairs[0].case: target}
    return {pair.case: target / f"{pair.case}{ERROR_ENDING}" for pair in pairs if pair.prediction and pair.reference}


def _check(args: argparse.Namespace, pairs: Sequence[Pair], maps: dict[str, Path]) -> None:
    """Raise `FileError` for an error map of another format, and for outputs that may not be written."""
    from monai_attn.errors import FileError
    from monai_attn.io.names import suffix_of
    from monai_attn.io.writing import WRITERS
    from monai_attn.segmentation import record_of

    for path in maps.values():
        if suffix_of(path) not in WRITERS:
            raise FileError(
                f"{path.name}: an error map is written as {', '.join(WRITERS)}. Choose one of these endings."
            )
    targets = [args.csv, args.json, *maps.values(), *map(record_of, maps.values())]
    masks = [path for pair in pairs for path in (pair.prediction, pair.reference) if path]
    inputs = [args.reference, *masks, *map(record_of, masks)]  # the reference may be a table
    check_targets(targets, inputs=inputs, overwrite=args.overwrite)


def _print(rows: list[dict[str, Any]], cases: Sequence[Compared], tolerance_mm: float) -> None:
    """The tables on stdout: structures, lesions, the summary of folders, and the readers' notes."""
    kinds = {kind: [row for row in rows if row["kind"] == kind] for kind in ("comparison", "detection", "summary")}
    print(text_table(kinds["comparison"], COMPARISON))
    if kinds["detection"]:
        print("\n" + text_table(kinds["detection"], DETECTION))
    print(
        f"\nNSD at {tolerance_mm:g} mm; difference is prediction minus reference; - is undefined, nothing to compare."
    )
    if kinds["summary"]:
        compared = sum(not case.error for case in cases)
        print(f"\nSummary over {compared} of {len(cases)} cases, with 95 % bootstrap intervals")
        print(text_table(kinds["summary"], SUMMARY))
    for case in cases:
        for note in case.notes:
            print(f"note: {case.case}: {note}")
