"""`monai-attn segment`: images in, masks out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monai_attn.cli._output import add_suv_factor

if TYPE_CHECKING:
    from monai_attn.cohort import Case, Recipe, Row
    from monai_attn.segmenter import Segmenter
    from monai_attn.volume import Volume

__all__ = ["add_parser", "run"]

EXAMPLES = """examples:
  monai-attn segment t1.nii.gz -b hippocampus_mri -o out --region=9,-47,-32,45,5,8
  monai-attn segment dicom_folder/ -b hippocampus_mri -o out --series T1_MPRAGE --dry-run
  monai-attn segment t1=mr/ ct=ct/ pet=pet/ -b soft_tissue_sarcoma -o out
  monai-attn segment a.nii.gz b.nrrd -b hippocampus_mri -o out --set inferer::inferer::overlap=0.25
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "segment",
        help="segment images with a bundle",
        description="Segment images with a bundle. Each case gives CASE_seg.nii.gz, CASE_seg.json (labels and "
        "provenance) and CASE_seg.csv (the structures, measured: docs/measurements.md). "
        "Research use only; not a medical device.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "input",
        nargs="+",
        help="image file (NIfTI, NRRD, MHA), DICOM folder, folder of images, "
        "NAME=IMAGE for each image of a bundle of several, or a table of cases (.csv)",
    )
    parser.add_argument("-b", "--bundle", required=True, help="a shipped bundle (monai-attn bundles), or a folder")
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder for the results")
    parser.add_argument(
        "--region",
        type=_region,
        metavar="R0,A0,S0,R1,A1,S1",
        help="segment only this box, two opposite corners in patient mm, RAS+ (write --region=-45,... with =)",
    )
    parser.add_argument(
        "--series",
        action="append",
        metavar="[NAME=]SERIES",
        help="which series of a DICOM folder: its UID, number or description; NAME=... with several images",
    )
    parser.add_argument("--volume", type=int, help="which volume of a 4-D image, from 0")
    add_suv_factor(parser)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: auto)")
    parser.add_argument("--backend", default="auto", help="auto, openvino, torch, torch-compile (default: auto)")
    parser.add_argument("--precision", default="auto", help="auto, f32, bf16, f16, int8 (default: auto)")
    parser.add_argument("--threads", type=_count, help="of the network (default: all cores)")
    parser.add_argument(
        "--calibrate",
        action="append",
        default=[],
        metavar="PATH",
        help="image or folder to fit int8 to; may be repeated",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override the bundle's config; may be repeated"
    )
    parser.add_argument("--trust", action="store_true", help="run a bundle that did not come with monai_attn")
    parser.add_argument(
        "--maps",
        type=lambda text: tuple(part.strip() for part in text.split(",") if part.strip()),
        default=(),
        metavar="NAME,...",
        help="write maps too, CASE_NAME.nii.gz: attention, entropy, flip_variance, probabilities",
    )
    parser.add_argument("--report", action="store_true", help="write CASE_report.html too: key images and tables")
    parser.add_argument("--dicom-seg", action="store_true", help="of a DICOM series, write CASE_seg.dcm too")
    parser.add_argument("--rtstruct", action="store_true", help="of a DICOM series, write CASE_rtstruct.dcm too")
    parser.add_argument("--overwrite", action="store_true", help="replace results that exist")
    parser.add_argument("--dry-run", action="store_true", help="check bundle and images, say what would be done, stop")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Segment every case; 0 if all went well, 1 if some failed, 2 if none could be segmented."""
    from monai_attn.bundle.locate import find_bundle
    from monai_attn.bundle.overrides import parse_override
    from monai_attn.cohort import Recipe, find_cases, run_cases
    from monai_attn.errors import FileError
    from monai_attn.report import check_matplotlib

    find_bundle(args.bundle)  # and the paths: before the bundle is opened, which takes seconds
    for given in args.input:
        path = given if Path(given).exists() else given.partition("=")[2] or given
        if not Path(path).exists():
            raise FileError(f"{Path(path).name or path} does not exist.")
    recipe = Recipe(
        bundle=args.bundle,
        output=args.output,
        overrides=dict(parse_override(text) for text in args.set),
        device=args.device,
        backend=args.backend,
        precision=args.precision,
        threads=args.threads,
        calibration=tuple(case.source for case in find_cases(args.calibrate)) if args.calibrate else (),
        trust=args.trust,
        region=args.region,
        series=_series(args.series),
        volume=args.volume,
        suv_factor=args.suv_factor,
        overwrite=args.overwrite,
        report=args.report,
        maps=args.maps,
        dicom_seg=args.dicom_seg,
        rtstruct=args.rtstruct,
    )
    if recipe.report:
        check_matplotlib()
    segmenter = recipe.segmenter()
    cases = find_cases(args.input, [one.name for one in segmenter.parts.inputs])
    if args.dry_run:
        return _dry_run(recipe, cases, segmenter)
    failed = 0
    with _Windows([case.name for case in cases], quiet=args.quiet) as windows:
        for row in run_cases(recipe, cases, segmenter, lambda case, number: windows.update(case.name, number)):
            windows.bar.clear()
            _print_row(row)
            failed += bool(row.error)
    if failed == 0:
        print("Research use only; not a medical device.")
        return 0
    if len(cases) > 1:
        print(f"{failed} of {len(cases)} cases failed.", file=sys.stderr)
    return 1 if failed < len(cases) else 2


def _dry_run(recipe: Recipe, cases: list[Case], segmenter: Segmenter) -> int:
    from monai_attn.cohort.run import notes_of
    from monai_attn.errors import AttnError

    failed = 0
    for case in cases:
        try:
            images = segmenter.read(
                case.source, series=recipe.series, volume=recipe.volume, suv_factor=recipe.suv_factor
            )
            segmenter.check(images, region=recipe.region)
        except AttnError as error:
            print(f"{case.name}: {error}", file=sys.stderr)
            failed += 1
            continue
        image = images[next(iter(images))]
        part = image.crop(image.slices_of(recipe.region)) if recipe.region else image
        print(f"{case.name}: {_grid(part)} -> {recipe.files(case.name)[0]}")
        missing = [one.name for one in segmenter.parts.inputs if one.name not in images]
        if len(segmenter.parts.inputs) > 1:
            for name, image in images.items():
                print(f"  {name}: {_grid(image)}")
        for note in notes_of(images, missing):
            print(f"  note: {note}")
        existing = [path.name for path in recipe.files(case.name) if path.exists()]
        if existing and not recipe.overwrite:
            print(f"{case.name}: {existing[0]} exists already; it would need --overwrite.", file=sys.stderr)
            failed += 1
    print(f"Dry run with {recipe.bundle}: nothing was segmented, nothing written.")
    return 0 if failed == 0 else 1 if failed < len(cases) else 2


def _grid(image: Volume) -> str:
    size, spacing = " x ".join(map(str, image.shape)), " x ".join(f"{edge:.3g}" for edge in image.spacing_mm)
    return f"{size} voxels of {spacing} mm, {image.orientation}"


def _print_row(row: Row) -> None:
    if row.error:
        print(f"{row.case}: {row.error}", file=sys.stderr)
        return
    print(f"{row.case}: {row.seconds:.1f} s -> {row.files[0]}")
    for note in row.notes:
        print(f"  note: {note}")
    width = max(map(len, row.volume_ml), default=0)
    for name, volume_ml in row.volume_ml.items():
        print(f"  {name:<{width}}  {volume_ml:9.3f} ml")


def _series(given: list[str] | None) -> str | dict[str, str] | None:
    """`--series X`, or `--series t1=X --series ct=Y`."""
    from monai_attn.errors import InputError

    if not given:
        return None
    if len(given) == 1:
        return given[0]
    pairs = [text.partition("=") for text in given]
    if not all(sign for _, sign, _ in pairs) or len({name for name, _, _ in pairs}) < len(pairs):
        raise InputError("Several --series are written NAME=SERIES, one for each image of the bundle.")
    return {name: series for name, _, series in pairs}


def _count(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of threads. Write 1 or more.")
    return number


def _region(text: str) -> Any:
    from monai_attn.errors import InputError
    from monai_attn.volume import Box

    try:
        numbers = [float(part) for part in text.split(",")]
        if len(numbers) != 6:
            raise InputError(f"A region has six numbers, not {len(numbers)}.")
        return Box((numbers[0], numbers[1], numbers[2]), (numbers[3], numbers[4], numbers[5]))
    except ValueError as error:  # InputError is one
        raise argparse.ArgumentTypeError(
            f"{error} Write R0,A0,S0,R1,A1,S1 in mm, for example 9,-47,-32,45,5,8."
        ) from error


class _Windows:
    """A progress bar that counts the windows of a case, on the terminal only."""

    def __init__(self, cases: Sequence[str], *, quiet: bool) -> None:
        from tqdm import tqdm

        self.cases = list(cases)
        self.bar = tqdm(unit=" windows", leave=False, disable=True if quiet else None)

    def __enter__(self) -> _Windows:
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.close()

    def update(self, case: str, windows: int) -> None:
        """So many windows of this case are done."""
        if windows < self.bar.n:
            self.bar.reset()
        self.bar.set_description(f"{self.cases.index(case) + 1}/{len(self.cases)} {case}", refresh=False)
        self.bar.update(windows - self.bar.n)
