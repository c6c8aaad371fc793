"""`monai-attn cohort`: a folder of results as tables and as a page, the cases to look at first on top."""

from __future__ import annotations

import argparse
from pathlib import Path

from monai_attn.cli._values import names
from monai_attn.notice import RESEARCH_USE

__all__ = ["add_parser", "run", "write_page"]

EXAMPLES = """examples:
  monai-attn cohort out/
  monai-attn cohort out/ --without border,pieces --overwrite
"""
"""Shown at the end of `monai-attn cohort --help`."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command.

    >>> from monai_attn.cli.main import build_parser
    >>> build_parser().parse_args(["cohort", "out", "--without", "border"]).without
    ('border',)
    """
    parser = subparsers.add_parser(
        "cohort",
        help="look through a folder of results: tables, and a page with the odd cases first",
        description="Write cohort.csv, cohort.json and cohort.html into a folder of results. The page shows the cases "
        "first that are unlike the others: volume, sides, pieces, border, certainty, empty, spacing, modality. "
        f"{RESEARCH_USE}",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder of results, the output of segment")
    parser.add_argument(
        "--without",
        type=names,
        default=(),
        metavar="RULE,...",
        help="rules to leave out: failed, empty, volume, asymmetry, pieces, border, certainty, spacing, modality, "
        "warnings",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the three files where they exist")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the three files; 0 when all went well.

    Raises `InputError` for an unknown rule, and `FileError` for a folder without results.
    """
    from monai_attn.report import check_matplotlib

    check_matplotlib()
    write_page(args.folder, {}, without=args.without, overwrite=args.overwrite)
    print(RESEARCH_USE)
    return 0


def write_page(folder: Path, failed: dict[str, str], *, without: tuple[str, ...] = (), overwrite: bool = False) -> None:
    """Write the tables and the page of a folder, and say which cases to look at first."""
    from monai_attn.cohort.review import review_cohort, write_review

    review = review_cohort(folder, failed=failed, without=without)
    paths = write_review(folder, review, without=without, overwrite=overwrite)
    doubtful = list(dict.fromkeys(doubt.case for doubt in review.doubts))
    print(f"{len(review.cases)} cases, {len(doubtful)} to look at first.")
    for path in paths:
        print(f"written: {path}")
