"""The options of `segment` for a folder that an archive exported: many studies, and rules for their series."""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monai_attn.cases import Case, ImageInput, Judged, SeriesRules

__all__ = ["add_studies", "check_studies", "find_study_cases"]

RULES = ("modality", "description", "orientation")


def add_studies(parser: argparse.ArgumentParser) -> None:
    """Add `--studies`, the rules for series, and `--plan`.

    >>> parser = argparse.ArgumentParser()
    >>> add_studies(parser)
    >>> parser.parse_args(["--studies", "--description", "*T1*"]).description
    ['*T1*']
    """
    parser.add_argument(
        "--studies",
        action="store_true",
        help="take the folders as exports of an archive: every DICOM study in them is a case, whatever the folders are "
        "called. The series is chosen by modality, --description and --orientation",
    )
    for option, what in (
        ("--modality", "modality that the series must have (MR, CT, PT); default: that of the bundle"),
        ("--description", "pattern that the series description must fit, as in '*T1*'; the best first"),
        ("--orientation", "plane that the slices must have: axial, coronal or sagittal"),
    ):
        parser.add_argument(
            option,
            action="append",
            default=[],
            metavar="[NAME=]VALUE",
            help=f"with --studies: {what}. With several images write NAME=VALUE; may be repeated",
        )
    parser.add_argument(
        "--plan",
        type=Path,
        metavar="FILE",
        help="with --studies: write a table (.csv) of every series, whether it is chosen and why. The table can be "
        "changed, and given in place of the folders",
    )


def check_studies(args: argparse.Namespace) -> None:
    """Raise `InputError` for rules without `--studies`, and for `--studies` with options for a single case."""
    from monai_attn.cli._output import check_targets
    from monai_attn.errors import InputError

    if not args.studies:
        given = [f"--{name}" for name in (*RULES, "plan") if getattr(args, name)]
        if given:
            raise InputError(f"{', '.join(given)}: only with --studies, which searches folders for DICOM studies.")
        return
    if args.case_name is not None or args.series:
        raise InputError("--studies finds many cases. Leave out --case-name and --series; --description chooses.")
    again = args.plan is not None and args.plan.is_file()  # compared with what is found: a rerun gives the same table
    check_targets([args.plan], inputs=[], overwrite=args.overwrite or again)


def find_study_cases(args: argparse.Namespace, inputs: Sequence[ImageInput]) -> list[Case]:
    """The cases of `--studies`, one for each study; says what was found, and writes the table of `--plan`.

    Raises `InputError` when no study is found, or for a rule for an image that the bundle does not take.
    """
    from monai_attn.cases import choose_series, find_studies, series_table, study_case
    from monai_attn.errors import InputError

    names, rules = [one.name for one in inputs], rules_of(args, [one.name for one in inputs])
    found = [find_studies(Path(folder)) for folder in args.input]
    judged = {study.name: (study, choose_series(study, inputs, rules)) for one in found for study in one.studies}
    if not judged:
        raise InputError("No DICOM study lies in these folders. Name the folder of the export.")
    cases = [study_case(study, chosen) for study, chosen in judged.values()]
    without = sum(bool(case.problem) for case in cases)
    print(
        f"{len(cases)} studies, {sum(len(study.series) for study, _ in judged.values())} series; "
        f"{len(cases) - without} studies have a series that fits. {sum(one.read for one in found)} headers were read."
    )
    for line in _left_out([one for _, chosen in judged.values() for one in chosen], planned=args.plan is not None):
        print(line)
    for path in [path for one in found for path in one.damaged][:10]:
        print(f"damaged, left out: {path.name}", file=sys.stderr)
    if args.plan is not None:
        _write_plan(args.plan, series_table(list(judged.values()), names, args.plan.parent.resolve()), args.overwrite)
    return cases


def _write_plan(path: Path, table: str, overwrite: bool) -> None:
    """Write the table of the series; one that stands there and says the same stays.

    Raises `FileError` where another table stands there: a person may have changed it.
    """
    from monai_attn.errors import FileError
    from monai_attn.io import write_bytes_atomic

    if path.is_file() and path.read_bytes() == table.encode():
        print(f"{path} says the same already.")
        return
    if path.exists() and not overwrite:
        raise FileError(
            f"{path.name} exists and says something else: studies have come since, or a person has changed the table. "
            "Give the table in place of the folders, write the plan to another file, or replace it with --overwrite."
        )
    write_bytes_atomic(path, table.encode(), overwrite=overwrite)
    print(f"written: {path}")


def _left_out(judged: Sequence[Judged], *, planned: bool) -> list[str]:
    """Lines on series that were not taken, the most frequent reasons first, and on files that repeat an image.

    Only the first reason of each series counts; the table of `--plan` has all.
    """
    reasons = Counter(
        re.sub(r"series \S+", "another series", one.why.split("; ")[0]) for one in judged if not one.image
    )
    lines = []
    if reasons:
        said = "; ".join(f"{count} {why}" for why, count in reasons.most_common())
        more = "" if planned else " --plan FILE lists every series with its reason."
        lines.append(f"{sum(reasons.values())} series are not taken: {said}.{more}")
    copies = sum(one.series.copies for one in judged)
    return [*lines, f"{copies} files repeat an image, and are left out."] if copies else lines


def rules_of(args: argparse.Namespace, names: Sequence[str]) -> dict[str, SeriesRules]:
    """The rules of each image, by name. Raises `InputError` for a name that the bundle does not have."""
    from monai_attn.cases import SeriesRules
    from monai_attn.errors import InputError

    given: dict[str, dict[str, list[str]]] = {name: {rule: [] for rule in RULES} for name in names}
    for rule in RULES:
        for text in getattr(args, rule):
            name, sign, value = text.partition("=")
            if not (sign and name in names):
                if len(names) > 1:
                    raise InputError(f"--{rule} {text}: the bundle takes {', '.join(names)}. Write {names[0]}={text}.")
                name, value = names[0], text
            given[name][rule].append(value)
    for name, ruled in given.items():
        for one in ("modality", "orientation"):
            if len(ruled[one]) > 1:
                raise InputError(f"--{one} is given twice for {name}. Give it once.")
    return {
        name: SeriesRules(
            next(iter(ruled["modality"]), "").upper(),
            tuple(ruled["description"]),
            next(iter(ruled["orientation"]), "").lower(),
        )
        for name, ruled in given.items()
    }
