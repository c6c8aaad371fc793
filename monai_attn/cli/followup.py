"""`monai-attn followup`: the lesions of patients over time, from a table of masks and images."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from monai_attn.cli._json import add_json
from monai_attn.cli._output import add_lesion_options, check_targets
from monai_attn.notice import RESEARCH_USE

__all__ = ["add_parser", "run"]

EXAMPLES = """example:
  monai-attn followup visits.csv --lesion tumour -o follow
  visits.csv: patient,date,image,mask
              p1,2024-01-10,p1/ct_1.nii.gz,out/p1_1_seg.nii.gz
"""
"""Shown at the end of `monai-attn followup --help`."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command.

    >>> from monai_attn.cli.main import build_parser
    >>> build_parser().parse_args(["followup", "visits.csv", "--lesion", "1", "-o", "out"]).lesion
    '1'
    """
    parser = subparsers.add_parser(
        "followup",
        help="follow lesions over several time points: new, gone, merged, split; volumes and sums",
        description="Align the time points of each patient by the images, match the lesions, and write followup.csv "
        f"and followup.html with volumes, and the RECIST 1.1 sum as an aid. {RESEARCH_USE}",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "table",
        type=Path,
        help="table (.csv) with the columns patient, date or session, mask, and image for the alignment",
    )
    parser.add_argument("--lesion", required=True, metavar="LABEL", help="the label of the lesions: its name or number")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for followup.csv and followup.html")
    add_lesion_options(parser)
    parser.add_argument(
        "--reach-mm",
        type=float,
        default=0.0,
        metavar="MM",
        help="lesions that are no further apart belong together too (default: 0, only those that overlap)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the two files where they exist")
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Follow every patient; 0 if all could be followed, 1 if some, 2 if none.

    Raises `InputError` or `FileError` for a table that cannot be used, and for files in the way.
    """
    from monai_attn.cohort.attempt import attempt
    from monai_attn.cohort.followup import follow_patient, read_visits
    from monai_attn.errors import InputError
    from monai_attn.measure import to_csv
    from monai_attn.report import check_matplotlib
    from monai_attn.report.followup import followup_page
    from monai_attn.results import check_folder, commit, text_writer

    check_matplotlib()
    patients = read_visits(args.table)
    check_folder(args.output)
    table, page = args.output / "followup.csv", args.output / "followup.html"
    masks = [visit.mask for visits in patients.values() for visit in visits]
    check_targets([table, page], inputs=[args.table, *masks], overwrite=args.overwrite)
    found = {}
    failed: dict[str, str] = {}
    for patient, visits in patients.items():
        with attempt() as work:
            found[patient] = follow_patient(
                visits, args.lesion, connectivity=args.connectivity, min_ml=args.min_ml, reach_mm=args.reach_mm
            ).rows()
        if work.error:
            failed[patient] = work.error
            print(f"{patient}: {work.error}", file=sys.stderr)
    if not found:
        raise InputError("No patient could be followed; nothing was written.")
    args.answer["rows"] = [row for rows in found.values() for row in rows]
    args.answer["errors"] = failed
    for rows in found.values():
        for row in rows:
            category = f", {row['category']}" if row["category"] else ""
            print(f"{row['patient']} {row['when']}: {row['lesions']} lesions, {row['volume_ml']:.2f} ml{category}")
    texts = {
        table: to_csv([row for rows in found.values() for row in rows]),
        page: followup_page(args.table.stem, found, failed),
    }
    for path in commit({path: text_writer(text) for path, text in texts.items()}, overwrite=args.overwrite):
        print(f"written: {path}")
    print(RESEARCH_USE)
    return 0 if len(found) == len(patients) else 1
