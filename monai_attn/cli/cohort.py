"""`monai-attn cohort`: a folder of results as tables and as a page, the cases to look at first on top."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monai_attn.cli._json import add_json
from monai_attn.cli._values import names
from monai_attn.notice import RESEARCH_USE

if TYPE_CHECKING:
    from monai_attn.cohort.review import Review

__all__ = ["add_parser", "run", "write_page"]

EXAMPLES = """examples:
  monai-attn cohort out/
  monai-attn cohort out/ --without border,pieces --overwrite
  monai-attn cohort out/ --agreement anna,ben
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
    parser.add_argument(
        "--agreement",
        type=names,
        default=(),
        metavar="READER,READER",
        help="compare two readers of the review in napari instead: kappa of their decisions, Dice between their masks; "
        "- is the reader without a name. Writes agreement_READER_READER.csv",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the files where they exist")
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the three files, or compare two readers; 0 when all went well.

    The exit code is 1 where masks of some cases cannot be read, and 2 where none can.

    Raises `InputError` for an unknown rule or another number of readers than two, and `FileError` for a folder without
    results.
    """
    if args.agreement:
        args.answer["rows"] = compare_readers(args.folder, args.agreement, overwrite=args.overwrite)
        return 0
    from monai_attn.report import check_matplotlib

    check_matplotlib()
    review = write_page(args.folder, {}, without=args.without, overwrite=args.overwrite)
    args.answer["doubts"] = doubts_of(review)
    failed = [case for case in review.cases if case.error]
    for case in failed:
        print(f"{case.case}: {case.error}", file=sys.stderr)
    print(RESEARCH_USE)
    return 0 if not failed else 1 if len(failed) < len(review.cases) else 2


def compare_readers(folder: Path, readers: tuple[str, ...], *, overwrite: bool = False) -> list[dict[str, Any]]:
    """Say how far two readers agree, and write the table of the cases that both decided on; gives its rows.

    Raises `InputError` for another number of readers than two, or without a common case.
    """
    from monai_attn.cohort.agreement import agreement_of_readers
    from monai_attn.errors import InputError
    from monai_attn.measure import to_csv
    from monai_attn.results import commit, text_writer

    if len(readers) != 2:
        raise InputError("--agreement compares two readers, as in --agreement anna,ben.")
    one, other = ("" if reader == "-" else reader for reader in readers)
    found = agreement_of_readers(folder, one, other)
    table = folder / f"agreement_{readers[0]}_{readers[1]}.csv"
    commit({table: text_writer(to_csv(found.rows))}, overwrite=overwrite)
    print(
        f"{found.readers[0]} and {found.readers[1]} both decided on {found.decisions.cases} cases. "
        f"Same decision: {100 * found.decisions.observed:.0f} %. "
        f"Cohen's kappa {found.decisions.kappa:.2f} (accept, fix, reject), {found.accepted.kappa:.2f} (accept or not)."
    )
    for name, (dice, cases) in found.dice.items():
        print(f"{name}: mean Dice {dice:.3f} between their masks, over {cases} cases that one of them corrected.")
    if found.decisions.differ:
        print(f"They differ on: {', '.join(found.decisions.differ)}.")
    print(f"written: {table}")
    print(RESEARCH_USE)
    return list(found.rows)


def write_page(
    folder: Path, failed: dict[str, str], *, without: tuple[str, ...] = (), overwrite: bool = False
) -> Review:
    """Write the tables and the page of a folder, and say which cases to look at first."""
    from monai_attn.cohort.review import review_cohort, write_review

    review = review_cohort(folder, failed=failed, without=without)
    paths = write_review(folder, review, without=without, overwrite=overwrite)
    doubtful = list(dict.fromkeys(doubt.case for doubt in review.doubts))
    print(f"{len(review.cases)} cases, {len(doubtful)} to look at first.")
    for path in paths:
        print(f"written: {path}")
    return review


def doubts_of(review: Review) -> list[dict[str, str]]:
    """The doubts of a review, for JSON."""
    return [{"case": one.case, "rule": one.rule, "structure": one.structure, "text": one.text} for one in review.doubts]
