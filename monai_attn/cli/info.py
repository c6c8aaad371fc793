"""`monai-attn info`: what is in a file, a DICOM folder or a bundle, without running any of it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monai_attn.cli._output import add_suv_factor

if TYPE_CHECKING:
    from monai_attn.volume import Volume

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "info", help="describe an image, a DICOM folder or a bundle", description="Describe an image or a bundle."
    )
    parser.add_argument("what", help="an image file, a DICOM folder, a shipped bundle's name or a bundle's folder")
    parser.add_argument("--series", help="describe this series of a DICOM folder: its UID, number or description")
    parser.add_argument("--volume", type=int, help="describe this volume of a 4-D image, from 0")
    add_suv_factor(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the description."""
    from monai_attn.bundle.locate import find_bundle, read_metadata, shipped

    path = Path(args.what)
    if args.what in shipped() or (path / "configs").is_dir():
        root = find_bundle(args.what)
        rows = _of_bundle(root, read_metadata(root))
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
    from monai_attn.io import list_series

    found = list_series(path)
    return {"folder": path.name, "series": [str(series) for series in found] or ["none: no DICOM image in this folder"]}


def _of_bundle(root: Path, metadata: dict[str, Any]) -> dict[str, Any]:
    weights = root / "models" / "model.pt"
    labels = [f"{row['value']}  {row['name']}" for row in metadata.get("labels", [])]
    images = [
        "  ".join(str(row[key]) for key in ("name", "modality", "description") if row.get(key))
        for row in metadata.get("images", [])
    ]
    return {
        "bundle": root.name,
        "version": metadata.get("version", ""),
        "task": metadata.get("task", ""),
        "description": metadata.get("description", ""),
        **({"images": images} if images else {}),
        "labels": labels or ["as the bundle's channel_def says"],
        "intended use": metadata.get("intended_use", ""),
        "weights": f"{weights.stat().st_size / 1e6:.1f} MB" if weights.is_file() else "missing",
        "folder": str(root),
        "notice": "Research use only; not a medical device.",
    }
