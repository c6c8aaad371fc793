"""`monai-attn report`: one HTML file for a case, or for a cohort.

The pages are made by `monai_attn.report`. Masks come from files and stay as they are. Without `--with-identity` a
case whose name repeats the patient's name is called "case".
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from monai_attn.cli._json import add_json
from monai_attn.cli._output import add_bundle_option, add_lesion_options, add_suv_factor, bundle_table, check_targets
from monai_attn.cli.words import command_words
from monai_attn.notice import RESEARCH_USE

if TYPE_CHECKING:
    from monai_attn.cohort import Pair
    from monai_attn.report import CohortCase

__all__ = ["add_parser", "run"]

EXAMPLES = """examples:
  monai-attn report ct.nii.gz out/ct_seg.nii.gz --lesion tumour --window 40/400 -o ct.html
  monai-attn report dicom_folder/ out/case_1_seg.nii.gz --reference expert.nii.gz
  monai-attn report --cohort out/ --references labels/ -o cohort.html

The file needs nothing but itself. For a PDF, print it from a browser: it has a style for paper.
"""
"""Shown at the end of `monai-attn report --help`."""

FOR_A_CASE = {
    *("image", "mask", "reference", "lesion", "min_ml", "connectivity", "with_identity", "window", "pictures"),
    *("series", "volume", "suv_factor"),
}
"""Options that only the report of one case has."""

NOT_GIVEN = {"lesion": [], "with_identity": False, "min_ml": 0.0, "connectivity": 26}
"""The values of these options where they are not given; all others are None then."""

FOR_A_COHORT = {"cohort", "references"}
"""Options that only the report of a cohort has."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command.

    Image and mask may be missing, because `--cohort` takes their place; `run` checks which is given.

    >>> from monai_attn.cli.main import build_parser
    >>> args = build_parser().parse_args(["report", "--cohort", "out", "-o", "cohort.html"])
    >>> args.image is None, args.output.name
    (True, 'cohort.html')
    """
    parser = subparsers.add_parser(
        "report",
        help="make an HTML report of a mask, or of a folder of masks",
        description="Make one self-contained HTML file: key images in three planes, measurements, provenance; for a "
        "folder of masks distributions and, with references, agreement. The patient's identity is left out, "
        "unless --with-identity asks for it. "
        f"{RESEARCH_USE}",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("image", type=Path, nargs="?", metavar="IMAGE", help="image, or DICOM folder")
    parser.add_argument("mask", type=Path, nargs="?", metavar="MASK", help="label map on the image's grid")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("report.html"), help="HTML file to write (default: report.html)"
    )
    parser.add_argument("--reference", type=Path, metavar="MASK", help="reference label map to compare the mask with")
    parser.add_argument(
        "--lesion",
        action="append",
        default=[],
        metavar="LABEL",
        help="a label whose pieces are lesions, reported one by one; may be repeated",
    )
    add_lesion_options(parser)
    parser.add_argument(
        "--pictures", type=int, metavar="N", help="number of lesions with key images, the largest first (default: 20)"
    )
    parser.add_argument(
        "--window", metavar="CENTRE/WIDTH", help="grey values of the pictures, as in 40/400 (default: from the image)"
    )
    parser.add_argument(
        "--with-identity",
        action="store_true",
        help="print the patient's name, ID and dates in the report (default: none of them)",
    )
    parser.add_argument("--series", help="series of a DICOM folder to take: its UID, number (#2) or description")
    parser.add_argument("--volume", type=int, help="volume of a 4-D image to take; the first is 0")
    add_suv_factor(parser)
    parser.add_argument("--cohort", type=Path, metavar="FOLDER", help="make one report of all masks in this folder")
    parser.add_argument(
        "--references",
        type=Path,
        metavar="FOLDER",
        help="folder with the reference masks of the cohort, paired by file name",
    )
    add_bundle_option(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace the report if it exists")
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the page; 0 if all went well, 1 if cases of a cohort have no usable mask or reference.

    Raises `InputError` for options that do not fit together, and where matplotlib is missing. `FileError` is raised
    for a report that exists without `--overwrite`.
    """
    from monai_attn.errors import InputError
    from monai_attn.io import write_bytes_atomic
    from monai_attn.report import check_matplotlib
    from monai_attn.segmentation import record_of

    _check_options(args)
    check_matplotlib()
    pairs = _pairs(args)
    masks = [args.mask, *(pair.prediction for pair in pairs), *(pair.reference for pair in pairs)]
    inputs = [args.image, args.reference, *masks, *(record_of(mask) for mask in masks if mask)]
    check_targets([args.output], inputs=inputs, overwrite=args.overwrite)
    problems: list[CohortCase] = []
    if args.cohort is None:
        page = _case(args)
    else:
        from monai_attn.report import cohort_page

        cases = [_of_cohort(args, pair) for pair in pairs]
        problems = [case for case in cases if case.error]
        args.answer["errors"] = {case.case: command_words(case.error, args.command) for case in problems}
        for name, error in args.answer["errors"].items():
            print(f"{name}: {error}", file=sys.stderr)
        if not any(case.structures for case in cases):
            raise InputError("None of the masks could be measured; nothing was written.")
        page = cohort_page(args.cohort.resolve().name, cases)
    write_bytes_atomic(args.output, page.encode(), overwrite=args.overwrite)
    args.answer["files"] = [str(args.output)]
    print(f"written: {args.output}")
    print(RESEARCH_USE)
    return 1 if problems else 0


def _pairs(args: argparse.Namespace) -> list[Pair]:
    """The masks of a cohort with their references; none for the report of a case."""
    from monai_attn.cohort import find_pairs

    return [] if args.cohort is None else find_pairs(args.cohort, args.references or args.cohort)


def _case(args: argparse.Namespace) -> str:
    """The page of one case: mask and image are read, and the identity is read to be printed or kept out."""
    from monai_attn.cohort import find_label
    from monai_attn.io import read
    from monai_attn.report import CaseOptions, anonymous_case, case_page, parse_window, read_identity
    from monai_attn.segmentation import Segmentation, case_name

    window = parse_window(args.window) if args.window else None
    segmentation = Segmentation.load(args.mask, table=bundle_table(args.bundle))
    lesions = [find_label(segmentation.table, text).value for text in args.lesion]
    image = read(args.image, series=args.series, volume=args.volume, suv_factor=args.suv_factor)
    identity = read_identity(args.image, series=args.series)
    case = case_name(args.mask)
    if args.with_identity and not identity:
        print(f"note: {args.image.name} is not DICOM and names no patient.")
    options = CaseOptions(
        reference=read(args.reference) if args.reference else None,
        lesions=lesions,
        connectivity=args.connectivity,
        min_ml=args.min_ml,
        window=window,
        identity=identity if args.with_identity else {},
        pictures=20 if args.pictures is None else args.pictures,
    )
    return case_page(case if args.with_identity else anonymous_case(case, identity), image, segmentation, options)


def _of_cohort(args: argparse.Namespace, pair: Pair) -> CohortCase:
    """One case, measured and compared; what cannot be done is its error.

    A case without a reference mask still has its structures.
    """
    from monai_attn.cohort import compare_pair
    from monai_attn.cohort.attempt import attempt
    from monai_attn.report import CohortCase
    from monai_attn.segmentation import Segmentation

    if pair.prediction is None:
        return CohortCase(pair.case, error="There is a reference, but no mask of this case.")
    table = bundle_table(args.bundle)
    with attempt() as work:
        segmentation = Segmentation.load(pair.prediction, table=table)
        structures = segmentation.measure()
    if work.error:
        return CohortCase(pair.case, error=work.error)
    if args.references is None:
        return CohortCase(pair.case, structures, provenance=segmentation.provenance)
    compared = compare_pair(pair, table=table)
    return CohortCase(pair.case, structures, compared.comparisons, segmentation.provenance, compared.error)


def _check_options(args: argparse.Namespace) -> None:
    """Raise `InputError` for a missing image or mask, and for options of a case beside `--cohort` or the reverse."""
    from monai_attn.errors import InputError

    given = {name for name in FOR_A_CASE | FOR_A_COHORT if getattr(args, name) != NOT_GIVEN.get(name)}
    if args.cohort is None and not {"image", "mask"} <= given:
        raise InputError("Name an image and its mask, or a folder of masks with --cohort.")
    wrong = sorted(given & (FOR_A_COHORT if args.cohort is None else FOR_A_CASE))
    if wrong:
        names = ", ".join(
            name.upper() if name in ("image", "mask") else f"--{name.replace('_', '-')}" for name in wrong
        )
        kind = "a case, without --cohort" if args.cohort is not None else "--cohort"
        raise InputError(f"{names}: only for {kind}.")
