"""Overrides of a bundle's config in the bundle's own language: `inferer::overlap=0.5`, spelt the same everywhere."""

from __future__ import annotations

import ast
import difflib
import json
from collections.abc import Iterable
from typing import Any

from monai_attn.bundle.config import config_ids
from monai_attn.errors import OverrideError

__all__ = ["check_ids", "parse_override"]


def parse_override(text: str) -> tuple[str, Any]:
    """An override as it is written, to its id and its value; a value that is neither JSON nor a Python literal is text.

    Raises `OverrideError` when there is no `=`, or nothing before it.

    >>> parse_override("inferer::overlap=0.5")
    ('inferer::overlap', 0.5)
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise OverrideError(f"An override is written key=value, for example inferer::overlap=0.5, not {text!r}.")
    for parse in (json.loads, ast.literal_eval):
        try:
            return key.strip(), parse(value)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    return key.strip(), value


def check_ids(ids: Iterable[str], config: Any) -> None:
    """Refuse an id that the config does not have; a component may gain arguments that it takes.

    MONAI accepts any id and ignores what it does not know, so a misspelt override would silently change nothing. Raises
    `OverrideError`, with ids that are spelt alike.
    """
    known = set(config_ids(config))
    components = {name for name in known if name.endswith("::_target_")}
    for given in ids:
        name = given.replace("#", "::")
        parent = name.rpartition("::")[0]
        if name in known or f"{parent}::_target_" in components:
            continue
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f" Did you mean {' or '.join(close)}?" if close else f" Its top level has {', '.join(config)}."
        raise OverrideError(f"The bundle's config has no {given!r}, so the override would change nothing.{hint}")
