"""`monai-attn segment`: images in, masks out.

The command is a cohort, also for a single case: options become a `Recipe`, and `run_cases` does the work.
docs/commands.md explains the options, docs/bundles.md what `--set` can change.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from monai_attn.cli._bundle_options import add_bundle_options
from monai_attn.cli._dry_run import dry_run
from monai_attn.cli._execution import add_execution, execution_of, workers_from
from monai_attn.cli._json import add_json
from monai_attn.cli._output import add_suv_factor
from monai_attn.cli._process import without_looking_for_garbage
from monai_attn.cli._progress import PatchBar, TimeLeft, print_row
from monai_attn.cli._sandbox import add_sandbox, in_sandbox, wants_sandbox
from monai_attn.cli._studies import add_studies, check_studies, find_study_cases
from monai_attn.cli._values import count, names, region, regions_by_name, series_by_name
from monai_attn.cli.cohort import write_page
from monai_attn.notice import RESEARCH_USE

if TYPE_CHECKING:
    from monai_attn.cohort import Recipe

__all__ = ["add_parser", "run"]

EXAMPLES = """examples:
  monai-attn segment head.nii.gz -b hippocampus_mri -o out --report
  monai-attn segment dicom_folder/ -b hippocampus_mri -o out --series T1_MPRAGE --dry-run
  monai-attn segment t1=mr/ ct=ct/ pet=pet/ -b soft_tissue_sarcoma -o out
  monai-attn segment a.nii.gz b.nrrd -b hippocampus_mri -o out --json
"""
"""Shown at the end of `monai-attn segment --help`."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command.

    Bundle and output folder are needed, and one image at least.

    >>> from monai_attn.cli.main import build_parser
    >>> args = build_parser().parse_args(["segment", "t1.nii.gz", "-b", "my_bundle", "-o", "out", "--maps", "entropy"])
    >>> args.bundle, args.maps, args.device
    ('my_bundle', ('entropy',), 'auto')
    """
    parser = subparsers.add_parser(
        "segment",
        help="segment images with a bundle",
        description="Segment images with a bundle. Each case gives CASE_seg.nii.gz, CASE_seg.json (labels and "
        "provenance) and CASE_seg.csv (the structures, measured: docs/measurements.md). "
        f"{RESEARCH_USE}",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "input",
        nargs="+",
        help="what to segment: an image file (NIfTI, NRRD, MHA; a picture for a bundle of pictures), a DICOM folder, a "
        "folder of images, a table of cases (.csv), or NAME=IMAGE for each image of a bundle that takes several images",
    )
    parser.add_argument("-b", "--bundle", required=True, help="the bundle: a name of monai-attn bundles, or a folder")
    parser.add_argument(
        "-o", "--output", required=True, type=Path, help="folder for the results; it is made if it is missing"
    )
    parser.add_argument(
        "--case-name",
        metavar="CASE",
        help="name of a single case in file names and tables, instead of the name of its file or folder, "
        "which may be the patient's",
    )
    parser.add_argument(
        "--region",
        action="append",
        type=region,
        metavar="[NAME=]R0,A0,S0,R1,A1,S1",
        help="segment only this box: its lower, then its upper corner in mm of the patient (RAS+). May be repeated "
        "with a name for each box, as in --region left=-45,... --region right=5,...; all boxes come into one mask. "
        "Without a name, a negative first number needs the sign =, as in --region=-45,...",
    )
    parser.add_argument(
        "--series",
        action="append",
        metavar="[NAME=]SERIES",
        help="series of a DICOM folder to take: its UID, number (#2) or description. "
        "With several images write NAME=SERIES; may be repeated",
    )
    add_studies(parser)
    parser.add_argument("--volume", type=int, help="volume of a 4-D image to take; the first is 0")
    add_suv_factor(parser)
    add_execution(parser)
    parser.add_argument(
        "--executor",
        default="here",
        metavar="WHERE",
        help="where the cases are computed: here, processes, dask, dask=tcp://HOST:PORT, or dask=slurm (pbs, lsf, sge) "
        "through dask-jobqueue (default: here)",
    )
    parser.add_argument(
        "--workers", type=count, help="number of processes or workers; default: the cores, divided by --threads (1)"
    )
    add_bundle_options(parser)
    add_sandbox(parser)
    parser.add_argument(
        "--maps",
        type=names,
        default=(),
        metavar="NAME,...",
        help="also write maps as CASE_NAME.nii.gz: one or more of attention, entropy, flip_variance and "
        "probabilities, with commas between them",
    )
    parser.add_argument(
        "--report", action="store_true", help="also write CASE_report.html: key images, measurements and provenance"
    )
    parser.add_argument(
        "--cohort",
        action="store_true",
        help="also write a small picture of each case, and for all of them cohort.csv, .json and .html, which "
        "shows the odd cases first (see monai-attn cohort)",
    )
    parser.add_argument(
        "--head-size",
        action="store_true",
        help="also give left and right volumes scaled to the size of the head, where the bundle found its regions by "
        "registration (docs/measurements.md)",
    )
    parser.add_argument(
        "--dicom-seg",
        action="store_true",
        help="also write CASE_seg.dcm, when the image is a DICOM series; it holds the patient's identity",
    )
    parser.add_argument(
        "--rtstruct",
        action="store_true",
        help="also write CASE_rtstruct.dcm, when the image is a DICOM series; it holds the patient's identity",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="segment cases again that have results, and replace these, also files changed by hand; "
        "otherwise finished cases are skipped",
    )
    parser.add_argument(
        "--redo",
        choices=("stale", "all"),
        default="",
        help="segment finished cases again: stale ones, made with another bundle, weights, options or images, or all; "
        "files that a person has changed stay",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="segment images that are refused as blank, far too large or in another unit; the result carries a warning",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="check bundle, images and output folder, say what would be done, and write nothing",
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress bar")
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Segment every case; 0 if all have their results, 1 if some have, 2 if none has.

    Names and paths are checked before the bundle is opened. Raises `AttnError` for options, paths or a bundle that
    cannot be used. Errors of single cases go to stderr, and the other cases go on.
    """
    from monai_attn.bundle.light import leave_for_later, load_monai_lightly
    from monai_attn.bundle.locate import find_bundle, is_shipped
    from monai_attn.bundle.trust import remember_trust, require_trust

    root = find_bundle(args.bundle)
    if wants_sandbox(args):
        return in_sandbox(args)
    require_trust(root, trust=args.trust)  # before all that takes time
    light = args.own_process and not args.set and is_shipped(root)
    with without_looking_for_garbage(args.own_process):
        if light:
            leave_for_later()
        from monai_attn.cases import check_paths, checked_name, find_cases
        from monai_attn.cohort import run_cases, survey
        from monai_attn.results import check_folder

        check_studies(args)
        workers = workers_from(args)
        check_paths(args.input)
        if args.case_name is not None:
            checked_name(args.case_name)
        recipe = _recipe_of(args)
        if recipe.report or args.cohort:
            from monai_attn.report import check_matplotlib

            check_matplotlib()
        check_folder(recipe.output)
        if args.cohort:
            from monai_attn.cohort.review import check_page

            check_page(recipe.output, [Path(one) for one in args.input], overwrite=args.overwrite)
        if light:
            load_monai_lightly()
        segmenter = recipe.segmenter()
    if args.trust and not args.sandbox and not args.dry_run:
        remember_trust(root)
    if args.studies:
        cases = find_study_cases(args, segmenter.parts.inputs)
    else:
        cases = find_cases(args.input, [one.name for one in segmenter.parts.inputs], case_name=args.case_name)
    if args.dry_run:
        return dry_run(recipe, cases, segmenter, args.answer)
    found = survey(recipe, cases, segmenter.parts)
    if found.done or found.stale:
        print(found.sentence)
    failed, without, errors = 0, 0, dict[str, str]()
    left = TimeLeft(len(cases) - len(found.done))
    with PatchBar([case.name for case in cases], left, quiet=args.quiet) as windows:
        if workers is None:
            rows = run_cases(recipe, cases, segmenter, lambda case, *counts: windows.update(case.name, *counts))
        else:
            from monai_attn.cohort import spread_cases

            rows = spread_cases(recipe, cases, segmenter.parts, workers)
        for row in rows:
            left.count(row)
            windows.bar.clear()
            print_row(row)
            args.answer.setdefault("cases", []).append(row.to_json())
            windows.rest()
            failed += bool(row.error)
            without += not row.files
            if row.error and not row.files:
                errors[row.case] = row.error
    if args.cohort and without < len(cases):
        write_page(recipe.output, errors, overwrite=True)
    if failed == 0:
        print(RESEARCH_USE)
        return 0
    if len(cases) > 1:
        print(f"{failed} of {len(cases)} cases failed.", file=sys.stderr)
    return 1 if without < len(cases) else 2


def _recipe_of(args: argparse.Namespace) -> Recipe:
    """What is done with each case, by the options. Raises `AttnError` for values that cannot be used."""
    from monai_attn.bundle.overrides import parse_override
    from monai_attn.cohort import Recipe

    return Recipe(
        bundle=args.bundle,
        output=args.output,
        overrides=dict(parse_override(text) for text in args.set),
        execution=execution_of(args),
        trust=True,  # since it was refused or trusted before, also on other computers
        region=regions_by_name(args.region),
        series=series_by_name(args.series),
        volume=args.volume,
        suv_factor=args.suv_factor,
        overwrite=args.overwrite,
        redo=args.redo,
        report=args.report,
        picture=args.cohort,
        maps=args.maps,
        dicom_seg=args.dicom_seg,
        rtstruct=args.rtstruct,
        force=args.force,
        head_size=args.head_size,
        labels=args.labels,
    )
