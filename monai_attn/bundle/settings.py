"""The files of a bundle's settings, JSON or YAML, as plain values; parts that other files hold are put in their place.

None of a bundle's code runs, and neither torch nor MONAI is loaded.
"""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

from monai_attn.bundle.config import NOTHING, at, texts_of, texts_replaced, walk_config
from monai_attn.errors import BundleError

__all__ = ["expanded", "macro_files", "read_settings"]

MACRO = re.compile(r"%(.*\.(?:json|yaml|yml))(?:(?:::|#)(.*))?", re.IGNORECASE)
"""MONAI's macro for a part of another file: the file, and the id in it."""


def read_settings(path: Path) -> dict[str, Any]:
    """The content of a JSON or YAML file of a bundle, as a mapping of names.

    Raises `BundleError` for a file that cannot be read, that is nested too deeply or contains itself, or that holds
    anything but a mapping. The error names the bundle and the file, and the place in the file where it is known.
    """
    where = f"{path.parent.parent.name}/{path.parent.name}/{path.name}"
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = json.loads(text) if path.suffix.lower() == ".json" else _yaml(text, where)
        for _ in walk_config(content):  # a YAML file may contain itself
            pass
    except RecursionError as error:
        raise BundleError(f"{where} is nested too deeply, or contains itself. Check the file.") from error
    except (OSError, ValueError) as error:
        raise BundleError(f"{where} cannot be read: {error}. Check the file.") from error
    if not isinstance(content, dict):
        raise BundleError(f"{where} must hold an object with names, not a {type(content).__name__}.")
    return content


def expanded(config: Any, root: Path) -> Any:
    """A copy of a config in which the content of other files stands where macros (`%file.json::id`) name it.

    Paths are those of the bundle's folder `root`, where MONAI's users run a bundle. A macro without a file (`%id`)
    stays the text that it is. Raises `BundleError` for a file that is missing, lacks the id, or names itself.

    >>> expanded({"network": "%network_def"}, Path("my_bundle"))
    {'network': '%network_def'}
    """
    return _expanded(config, root, ())


def macro_files(config: Any) -> list[str]:
    """The files that the macros of a config name, in its order, as they are written; these files are not opened.

    >>> macro_files({"network": "%configs/train.json::network_def"})
    ['configs/train.json']
    """
    return list(dict.fromkeys(found[1] for text in texts_of(config) if (found := MACRO.fullmatch(text))))


def _expanded(node: Any, root: Path, opened: tuple[str, ...]) -> Any:
    return texts_replaced(node, lambda text: _part(text, root, opened))


def _part(text: str, root: Path, opened: tuple[str, ...]) -> Any:
    """What a text stands for: the part that a macro names, else the text itself. `opened` are the macros around it."""
    found = MACRO.fullmatch(text)
    if found is None:
        return text
    if text in opened:
        raise BundleError(f"The config of the bundle {root.name} has a macro that contains itself: {text}")
    file = root / found[1]
    if not file.is_file():
        raise BundleError(f"The config of the bundle {root.name} takes a part from a file that is missing: {text}")
    content = read_settings(file)
    part = at(content, found[2]) if found[2] else content
    if part is NOTHING:
        raise BundleError(f"The config of the bundle {root.name} takes a part that {file.name} does not have: {text}")
    return _expanded(part, root, (*opened, text))


def _yaml(text: str, where: str) -> Any:
    try:
        yaml = import_module("yaml")
    except ImportError as error:
        raise BundleError(f"{where} needs PyYAML. Install it with: pip install pyyaml") from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
