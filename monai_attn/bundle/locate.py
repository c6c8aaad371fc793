"""Where bundles are, shipped ones by name and others by path, and what their metadata say. Loads no torch."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_attn.bundle.config import mapping_at
from monai_attn.bundle.settings import expanded, read_settings
from monai_attn.errors import BundleError
from monai_attn.folders import user_folder
from monai_attn.labels import LabelTable

__all__ = [
    "bundle_folders",
    "config_file",
    "fetched",
    "find_bundle",
    "is_shipped",
    "label_table",
    "read_config",
    "read_metadata",
    "shipped",
]

PACKAGE = Path(__file__).resolve().parents[1]

BUNDLES_VARIABLE = "MONAI_ATTN_BUNDLES"
"""The environment variable that names the folders of the user's own bundles."""

HOMES = (PACKAGE / "_bundles", PACKAGE.parent / "bundles")
"""In an installed wheel, and in a source checkout."""


def shipped() -> dict[str, Path]:
    """Names and folders of the bundles that come with the package; these bundles are trusted."""
    for home in HOMES:
        if home.is_dir():
            return {
                path.parent.parent.name: path.parent.parent for path in sorted(home.glob("*/configs/metadata.json"))
            }
    return {}


def is_shipped(root: Path) -> bool:
    """Whether a bundle's folder is one of those that came with the package."""
    return root.resolve() in {path.resolve() for path in shipped().values()}


def bundle_folders() -> tuple[Path, ...]:
    """The folders in which bundles of the user's own are found by name; a folder may not exist.

    `MONAI_ATTN_BUNDLES` names them, several as in PATH; without it, it is `bundles` in the user's data folder.
    """
    named = [Path(text).expanduser() for text in os.environ.get(BUNDLES_VARIABLE, "").split(os.pathsep) if text]
    return tuple(named) or (user_folder() / "bundles",)


def fetched() -> dict[str, Path]:
    """Names and folders of the bundles in the user's folders; they are not trusted for that."""
    found = (path.parent.parent for home in bundle_folders() for path in sorted(home.glob("*/configs/metadata.json")))
    bundles: dict[str, Path] = {}
    for root in found:
        bundles.setdefault(root.name, root)
    return bundles


def find_bundle(name_or_path: str | Path) -> Path:
    """The folder of a shipped bundle or of a bundle in the user's folders, by its name, or of any bundle, by its path.

    Raises `BundleError` when there is no such bundle, and when the folder lacks `configs/metadata.json` or an inference
    config.
    """
    known = shipped()
    if str(name_or_path) in known:
        return known[str(name_or_path)]
    root = Path(name_or_path)
    if not root.is_dir():
        own = fetched()
        if str(name_or_path) in own:
            return own[str(name_or_path)]
        close = difflib.get_close_matches(str(name_or_path), [*known, *own], n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        if not close and root.name == str(name_or_path):
            hint = f" Of MONAI's model zoo it is fetched with: monai-attn fetch {root.name}"
        raise BundleError(
            f"There is no bundle {str(name_or_path)!r}: neither a shipped name ({', '.join(known) or 'none'}) "
            f"nor a folder.{hint}"
        )
    if not (root / "configs" / "metadata.json").is_file():
        raise BundleError(f"{root.name} is not a MONAI bundle: it has no configs/metadata.json.")
    config_file(root)
    return root


def config_file(root: Path) -> Path:
    """The file of a bundle's inference config: `configs/inference.json`, `.yaml` or `.yml`.

    Raises `BundleError` when there is none.
    """
    for suffix in ("json", "yaml", "yml"):
        path = root / "configs" / f"inference.{suffix}"
        if path.is_file():
            return path
    raise BundleError(f"The bundle {root.name} has no configs/inference.json (or .yaml), so there is nothing to run.")


def read_metadata(root: Path) -> dict[str, Any]:
    """The content of `configs/metadata.json` of a bundle. None of the bundle's code runs.

    Raises `BundleError` when the file cannot be read.
    """
    return read_settings(root / "configs" / "metadata.json")


def read_config(root: Path) -> dict[str, Any]:
    """The inference config of a bundle, with the parts that it takes from other files. None of the bundle's code runs.

    Raises `BundleError` when a file cannot be read.
    """
    config: dict[str, Any] = expanded(read_settings(config_file(root)), root)
    return config


def label_table(metadata: Mapping[str, Any]) -> LabelTable:
    """The labels of a bundle, from its metadata: values, names and colours; an empty table where they are not named.

    They stand under our own key `labels`. Other bundles name the values (`label_def`), or the channels of the network's
    output (`channel_def`). A name that stands twice has its value added.
    Channels are label values only when channel 0 is background, as in an argmax; otherwise the table is empty.

    >>> outputs = {"pred": {"channel_def": {"0": "background", "1": "spleen"}}}
    >>> [label.name for label in label_table({"network_data_format": {"outputs": outputs}})]
    ['spleen']
    """
    own = metadata.get("labels")
    by_value = isinstance(own, dict) and all(str(key).isdecimal() for key in own)
    if own and not by_value:
        return LabelTable.from_json(own)
    values = own or mapping_at(metadata, "network_data_format::outputs::pred::label_def")
    channels = mapping_at(metadata, "network_data_format::outputs::pred::channel_def")
    if not values and str(channels.get("0", "")).lower() != "background":
        return LabelTable()
    named = values or channels
    return LabelTable.of_names(
        _told_apart({int(key): str(name) for key, name in named.items() if str(key).isdecimal()})
    )


def made_for_of(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What a bundle was trained on, as its metadata say it; empty where they do not. Raises `BundleError`."""
    made_for = metadata.get("made_for") or {}
    if not isinstance(made_for, dict):
        raise BundleError(f"made_for in metadata.json holds names and values, not {made_for!r}.")
    return made_for


def _told_apart(names: Mapping[int, str]) -> dict[int, str]:
    """Names by value, where a name that stands twice has its value added.

    >>> _told_apart({1: "vessel", 2: "vessel"})
    {1: 'vessel', 2: 'vessel (2)'}
    """
    apart: dict[int, str] = {}
    for value, name in names.items():
        apart[value] = f"{name} ({value})" if name in apart.values() else name
    return apart
