"""The rows of `monai-attn info BUNDLE`: what a bundle is for, what it takes and gives, and whether it can run here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from monai_attn.notice import RESEARCH_USE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monai_attn.bundle.code import Piece
    from monai_attn.bundle.describe import BundleDescription

__all__ = ["code_rows", "rows_of_bundle"]


def rows_of_bundle(bundle: BundleDescription, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of a bundle without running any of its code, by headings; a list has a line for each entry.

    Spacing is in millimetres, the window in voxels of that spacing.
    """
    from monai_attn.bundle.ready import obstacles, pip_line
    from monai_attn.bundle.trust import is_trusted, pieces_of

    problems = obstacles(bundle, metadata)
    trusted = is_trusted(bundle.root)
    pip = pip_line(metadata)
    return {
        "bundle": bundle.name,
        "version": bundle.version,
        "task": metadata.get("task", ""),
        "description": metadata.get("description", ""),
        "images": _images(bundle),
        "labels": _labels(bundle),
        **({"of a head": _regions(bundle)} if bundle.finder is not None else {}),
        **({"spacing": " x ".join(f"{edge:g}" for edge in bundle.spacing_mm) + " mm"} if bundle.spacing_mm else {}),
        **({"window": " x ".join(map(str, bundle.window)) + " voxels"} if bundle.window else {}),
        "intended use": metadata.get("intended_use", ""),
        "weights": _weights(bundle),
        "licence": [_relative(path, bundle.root) for path in bundle.licences] or ["none comes with the bundle"],
        "packages": pip or "all that the bundle asks for are installed",
        "code": _code_in_short(pieces_of(bundle.root)),
        "trusted": _trust(trusted),
        "runs here": problems or ["yes" if trusted else "yes, once it is trusted"],
        "folder": str(bundle.root),
        "notice": RESEARCH_USE,
    }


def code_rows(bundle: BundleDescription) -> dict[str, Any]:
    """Every piece of code of a bundle: first what may do more than compute, then what only computes."""
    from monai_attn.bundle.trust import is_trusted, pieces_of

    pieces = pieces_of(bundle.root)
    return {
        "bundle": bundle.name,
        "trusted": _trust(is_trusted(bundle.root)),
        "may do more": [str(piece) for piece in pieces if piece.matters] or ["nothing"],
        "only computes": [str(piece) for piece in pieces if not piece.matters] or ["nothing"],
    }


def _images(bundle: BundleDescription) -> list[str]:
    """A line for each image: name, modality, description; and how channels of one image are given."""
    lines = ["  ".join(filter(None, (one.name, one.modality, one.description))) for one in bundle.images]
    if bundle.colour:
        lines = ["a picture in colour (PNG, JPEG, TIFF, BMP)"]
    elif bundle.joined:
        lines.append(f"channels of one image, in this order: a 4-D file, or {bundle.images[0].name}=... for each")
    return lines


def _labels(bundle: BundleDescription) -> list[str]:
    """Values and names of the labels, or how to name them."""
    names = [f"{label.value}  {label.name}" for label in bundle.labels]
    if asked := bundle.prompts.get("label_prompt"):
        names.append(f"it looks for {', '.join(_name(value, bundle) for value in asked)}; others: --labels NAME,...")
    return names or ["not named in metadata.json or the inference config; name them with --labels FILE"]


def _name(value: object, bundle: BundleDescription) -> str:
    """The name of a label by its value; the value itself where it has no name."""
    return next((label.name for label in bundle.labels if label.value == value), str(value))


def _regions(bundle: BundleDescription) -> list[str]:
    """The labels of the mask of an image in which the bundle finds its regions."""
    regions = bundle.finder.entry.regions.values() if bundle.finder is not None else ()
    return [f"{label.value}  {label.name}" for region in regions for label in region.labels.values()]


def _weights(bundle: BundleDescription) -> str:
    """The size of the weights, or where they can be fetched."""
    from monai_attn.bundle.ready import source_of_weights

    if bundle.weights.is_file():
        return f"{bundle.weights.stat().st_size / 1e6:.1f} MB"
    source = source_of_weights(bundle)
    return f"missing; {source.url} ({source.hash_type or 'no checksum'})" if source else "missing"


def _code_in_short(pieces: list[Piece]) -> list[str]:
    """The pieces of code that matter, and the number of the others."""
    from monai_attn.bundle.trust import code_lines

    return [line.strip() for line in code_lines(pieces).splitlines()]


def _trust(trusted: bool) -> str:
    return "yes" if trusted else "no, or its code has changed since"


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
