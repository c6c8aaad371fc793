"""The packages that a bundle's metadata.json asks for. Nothing is loaded to find out; no torch, no MONAI."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

__all__ = ["VERSION_KEYS", "missing_packages", "unmet"]

VERSION_KEYS = {"monai_version": "monai", "pytorch_version": "torch", "numpy_version": "numpy"}
"""Keys of metadata.json and the distributions they speak of."""


def unmet(metadata: Mapping[str, Any]) -> list[str]:
    """A sentence for each package that is missing or older than metadata.json says, with the command that installs it.

    Empty when all is there. A version is compared by its numbers; a local part such as `+cpu` and a pre-release sign
    count as nothing.

    >>> unmet({"numpy_version": "1.0"})
    []
    """
    return [
        f"It needs {name} {least} or newer, and {_installed(name) or 'none'} is installed. "
        f'Install it with: pip install "{name}>={least}"'
        for name, least in missing_packages(metadata).items()
    ]


def missing_packages(metadata: Mapping[str, Any]) -> dict[str, str]:
    """The packages that are missing or older than metadata.json says, with the least version of each.

    >>> missing_packages({"required_packages_version": {"no_such_package": "1.0"}})
    {'no_such_package': '1.0'}
    """
    needed = {name: metadata[key] for key, name in VERSION_KEYS.items() if metadata.get(key)}
    more = metadata.get("required_packages_version")
    needed |= more if isinstance(more, dict) else {}
    return {
        name: str(least)
        for name, least in needed.items()
        if (found := _installed(name)) is None or _release(found) < _release(str(least))
    }


def _installed(name: str) -> str | None:
    """The version of an installed package; None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _release(text: str) -> list[int]:
    """The numbers of a version before a first letter or a local part: `2.10.0+cpu` is 2, 10; zeros at the end count
    as nothing."""
    numbers = [int(part) for part in re.match(r"[\d.]*", text.removeprefix("v"))[0].split(".") if part]  # type: ignore[index]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers
