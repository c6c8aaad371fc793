"""`monai-attn info`: what is in a file, a DICOM folder or a bundle, without running any of it.

For a first look, and for the names that other commands need: series of a folder, images and labels of a bundle. A
bundle's code does not run.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from monai_attn.cli._output import add_suv_factor

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command.

    >>> from monai_attn.cli.main import build_parser
    >>> build_parser().parse_args(["info", "hippocampus_mri", "--json"]).json
    True
    """
    parser = subparsers.add_parser(
        "info", help="describe an image, a DICOM folder or a bundle", description="Describe an image or a bundle."
    )
    parser.add_argument("what", help="an image file, a DICOM folder, a shipped bundle's name or a bundle's folder")
    parser.add_argument("--series", help="series of a DICOM folder to describe: its UID, number (#2) or description")
    parser.add_argument("--volume", type=int, help="volume of a 4-D image to describe; the first is 0")
    add_suv_factor(parser)
    parser.add_argument(
        "--code", action="store_true", help="list every piece of code that a bundle would run, what matters first"
    )
    parser.add_argument("--json", action="store_true", help="print the description as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the description.

    The exit code is 0. What a path is decides: a bundle, a folder (its cases and series), or an image. Raises
    `FileError`, `GeometryError` or `InputError` for an image that cannot be read, and `InputError` for an option that
    is not for such a thing.
    """
    from monai_attn.bundle.describe import describe_bundle
    from monai_attn.bundle.locate import fetched, read_metadata, shipped
    from monai_attn.bundle.summary import code_rows, rows_of_bundle
    from monai_attn.cases.description import folder_rows, volume_rows

    path = Path(args.what)
    bundle = args.what in shipped() or (not path.exists() and args.what in fetched()) or (path / "configs").is_dir()
    _refuse_without_effect(args, bundle=bundle)
    if bundle:
        description = describe_bundle(args.what)
        rows = code_rows(description) if args.code else rows_of_bundle(description, read_metadata(description.root))
    elif path.is_dir() and args.series is None and args.volume is None and args.suv_factor is None:
        rows = folder_rows(path)
    else:
        from monai_attn.io import read

        volume = read(path, series=args.series, volume=args.volume, suv_factor=args.suv_factor)
        rows = volume_rows(volume)
        if args.json:
            spacing_mm = [float(edge) for edge in volume.spacing_mm]
            rows |= {"shape": list(volume.shape), "spacing_mm": spacing_mm, "affine": volume.affine.tolist()}
    if args.json:
        print(json.dumps(rows, indent=2, default=str))
        return 0
    width = max(map(len, rows))
    for name, value in rows.items():
        lines = value if isinstance(value, list) else [value]
        for index, line in enumerate(lines):
            print(f"{name if index == 0 else '':<{width}}  {line}")
    return 0


def _refuse_without_effect(args: argparse.Namespace, *, bundle: bool) -> None:
    """Raise `InputError` for `--code` of an image, and for options of an image with a bundle."""
    from monai_attn.errors import InputError

    if args.code and not bundle:
        raise InputError(f"--code lists the code of a bundle, and {args.what} is none. Leave --code out.")
    of_image = {"--series": args.series, "--volume": args.volume, "--suv-factor": args.suv_factor}
    given = [name for name, value in of_image.items() if value is not None]
    if bundle and given:
        raise InputError(f"{given[0]} is for images, and {args.what} is a bundle. Leave {given[0]} out.")
