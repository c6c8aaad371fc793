"""Where bundles are, the shipped ones by name, others by path; and what their metadata say. Loads no torch."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_attn.bundle.config import read_settings
from monai_attn.errors import BundleError
from monai_attn.labels import LabelTable

__all__ = ["config_file", "find_bundle", "is_shipped", "label_table", "read_config", "read_metadata", "shipped"]

PACKAGE = Path(__file__).resolve().parents[1]

HOMES = (PACKAGE / "_bundles", PACKAGE.parent / "bundles")
"""In an installed wheel, and in a source checkout."""


def shipped() -> dict[str, Path]:
    """Names and folders of the bundles that come with the package; they are trusted."""
    for home in HOMES:
        if home.is_dir():
            return {
                path.parent.parent.name: path.parent.parent for path in sorted(home.glob("*/configs/metadata.json"))
            }
    return {}


def is_shipped(root: Path) -> bool:
    """Whether a bundle's folder is one of those that came with the package."""
    return root.resolve() in {path.resolve() for path in shipped().values()}


def find_bundle(name_or_path: str | Path) -> Path:
    """The folder of a shipped bundle's name, or a path to any bundle's folder.

    Raises `BundleError` when there is none, or when the folder lacks `configs/metadata.json` or an inference config.
    """
    known = shipped()
    if str(name_or_path) in known:
        return known[str(name_or_path)]
    root = Path(name_or_path)
    if not root.is_dir():
        close = difflib.get_close_matches(str(name_or_path), known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise BundleError(
            f"There is no bundle {str(name_or_path)!r}: neither a shipped name ({', '.join(known) or 'none'}) "
            f"nor a folder.{hint}"
        )
    if not (root / "configs" / "metadata.json").is_file():
        raise BundleError(f"{root.name} is not a MONAI bundle: it has no configs/metadata.json.")
    config_file(root)
    return root


def config_file(root: Path) -> Path:
    """The bundle's inference config. Raises `BundleError` when there is none."""
    for suffix in ("json", "yaml", "yml"):
        path = root / "configs" / f"inference.{suffix}"
        if path.is_file():
            return path
    raise BundleError(f"The bundle {root.name} has no configs/inference.json (or .yaml), so there is nothing to run.")


def read_metadata(root: Path) -> dict[str, Any]:
    """`configs/metadata.json` of a bundle; runs none of its code."""
    return read_settings(root / "configs" / "metadata.json")


def read_config(root: Path) -> dict[str, Any]:
    """The inference config of a bundle as it stands in its file. Raises `BundleError` when it cannot be read."""
    return read_settings(config_file(root))


def label_table(metadata: Mapping[str, Any]) -> LabelTable:
    """Our own key `labels`, else the `channel_def` of the output where channel 0 is background; else an empty table.

    `channel_def` names network channels, which are label values only when the map is an argmax with background.
    """
    if metadata.get("labels"):
        return LabelTable.from_json(metadata["labels"])
    outputs = metadata.get("network_data_format", {}).get("outputs", {})
    channels = outputs.get("pred", {}).get("channel_def", {})
    if str(channels.get("0", "")).lower() != "background":
        return LabelTable()
    return LabelTable.of_names({int(value): str(name) for value, name in channels.items()})
