"""The packages that a bundle's metadata.json asks for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from monai.utils import version_geq

__all__ = ["VERSION_KEYS", "unmet"]

VERSION_KEYS = {"monai_version": "monai", "pytorch_version": "torch", "numpy_version": "numpy"}
"""Keys of metadata.json and the distributions they speak of."""


def unmet(metadata: Mapping[str, Any]) -> list[str]:
    """A sentence for each package that is missing or older than metadata.json says, with the way to get it."""
    needed = {name: metadata[key] for key, name in VERSION_KEYS.items() if metadata.get(key)}
    sentences = []
    for name, least in {**needed, **(metadata.get("required_packages_version") or {})}.items():
        try:
            installed = version(name)
        except PackageNotFoundError:
            installed = None
        if installed is None or not version_geq(installed.split("+")[0], str(least)):
            sentences.append(
                f"It needs {name} {least} or newer, and {installed or 'none'} is installed. "
                f'Install it with: pip install "{name}>={least}"'
            )
    return sentences
