"""The packages that a bundle's metadata.json asks for. Nothing is loaded to find out; no torch, no MONAI."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

__all__ = ["VERSION_KEYS", "unmet"]

VERSION_KEYS = {"monai_version": "monai", "pytorch_version": "torch", "numpy_version": "numpy"}
"""Keys of metadata.json and the distributions they speak of."""


def unmet(metadata: Mapping[str, Any]) -> list[str]:
    """A sentence for each package that is missing or older than metadata.json says, with the command that installs it.

    Empty when all is there. A version is compared by its numbers; a local part such as `+cpu` and a pre-release sign
    count as nothing.

    >>> unmet({"numpy_version": "1.0"})
    []
    """
    needed = {name: metadata[key] for key, name in VERSION_KEYS.items() if metadata.get(key)}
    sentences = []
    for name, least in {**needed, **(metadata.get("required_packages_version") or {})}.items():
        try:
            installed = version(name)
        except PackageNotFoundError:
            installed = None
        if installed is None or _release(installed) < _release(str(least)):
            sentences.append(
                f"It needs {name} {least} or newer, and {installed or 'none'} is installed. "
                f'Install it with: pip install "{name}>={least}"'
            )
    return sentences


def _release(text: str) -> list[int]:
    """The numbers of a version before a first letter or a local part: `2.10.0+cpu` is 2, 10; zeros at the end count
    as nothing."""
    numbers = [int(part) for part in re.match(r"[\d.]*", text.removeprefix("v"))[0].split(".") if part]  # type: ignore[index]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers
