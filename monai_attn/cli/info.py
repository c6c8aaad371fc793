"""`monai-attn info`: what is in a file, a DICOM folder or a bundle, without running any of it.

For a first look, and for the names that other commands need: series of a folder, images and labels of a bundle. A
bundle's code does not run.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monai_attn.cli._output import add_suv_factor

if TYPE_CHECKING:
    from monai_attn.volume import Volume

__all__ = ["add_parser", "run"]

MAX_LISTED = 20
"""Cases of a folder that are listed; of more the number is said."""


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
    `FileError`, `GeometryError` or `InputError` for an image that cannot be read.
    """
    from monai_attn.bundle.describe import describe_bundle
    from monai_attn.bundle.locate import fetched, read_metadata, shipped
    from monai_attn.cli._bundle_info import code_rows, rows_of_bundle

    path = Path(args.what)
    if args.what in shipped() or (not path.exists() and args.what in fetched()) or (path / "configs").is_dir():
        description = describe_bundle(args.what)
        rows = code_rows(description) if args.code else rows_of_bundle(description, read_metadata(description.root))
    elif path.is_dir() and args.series is None and args.suv_factor is None:
        rows = _of_folder(path)
    else:
        from monai_attn.io import read

        rows = _of_volume(read(path, series=args.series, volume=args.volume, suv_factor=args.suv_factor))
    if args.json:
        print(json.dumps(rows, indent=2, default=str))
        return 0
    width = max(map(len, rows))
    for name, value in rows.items():
        lines = value if isinstance(value, list) else [value]
        for index, line in enumerate(lines):
            print(f"{name if index == 0 else '':<{width}}  {line}")
    return 0


def _of_volume(volume: Volume) -> dict[str, Any]:
    """Size, spacing (mm), orientation, bounds (mm, RAS+), type, range of values, modality and notes of an image."""
    array = volume.array
    return {
        "size": " x ".join(map(str, volume.shape)) + " voxels",
        "spacing": " x ".join(f"{edge:.4g}" for edge in volume.spacing_mm) + " mm",
        "orientation": f"{volume.orientation}, {volume.oblique_deg:.1f} degrees oblique",
        "bounds": str(volume.bounds),
        "type": str(array.dtype),
        "values": f"{array.min():.6g} to {array.max():.6g} {volume.unit}".rstrip(),
        "modality": volume.modality or "unknown",
        **({"notes": list(volume.notes)} if volume.notes else {}),
    }


def _of_folder(path: Path) -> dict[str, Any]:
    """The cases and the DICOM series in a folder."""
    from monai_attn.io import list_series

    found = list_series(path)
    series = [str(series) for series in found] or ["none: no DICOM image in this folder"]
    return {"folder": path.name, "cases": _cases(path, dicom=bool(found)), "series": series}


def _cases(path: Path, *, dicom: bool) -> list[str]:
    """The cases that `segment` finds in a folder for a bundle of one image, or why it finds none."""
    from monai_attn.cases import find_cases
    from monai_attn.errors import InputError

    try:
        cases = find_cases([path])
    except InputError as error:
        return [f"none: {error}"]
    if not dicom and [case.source for case in cases] == [path]:
        return ["none: no image in this folder"]
    more = [f"and {len(cases) - MAX_LISTED} more"] if len(cases) > MAX_LISTED else []
    return [case.name for case in cases[:MAX_LISTED]] + more
