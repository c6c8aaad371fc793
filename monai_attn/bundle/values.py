"""Expressions of a config that are plain values, such as `$[@image_key]`, read without evaluating them."""

from __future__ import annotations

import ast
import re
from typing import Any

from monai_attn.bundle.config import resolve

__all__ = ["plain_value"]

REFERENCE = re.compile(r"@\w+(?:(?:::|#)\w+)*")

COMMON_KEY = re.compile(r"\$\s*(?:monai\.utils\.)?(?:enums\.)?CommonKeys\.([A-Z]+)\s*")
"""MONAI's names for the usual keys of a case, such as `$monai.utils.CommonKeys.IMAGE`."""

COMMON_KEYS = {"IMAGE": "image", "LABEL": "label", "PRED": "pred"}

DEEPEST = 20
"""References behind references that are followed; a config that refers to itself ends there."""


def plain_value(said: Any, config: Any) -> Any:
    """The plain value behind a reference, or behind an expression that only lists, adds, chooses, or refers.

    What is more than that stays the text that it is, as in `monai_attn.bundle.config.resolve`.

    >>> plain_value("$[@image_key, 'label']", {"image_key": "image"})
    ['image', 'label']
    >>> plain_value("$f(1)", {})
    '$f(1)'
    """
    return _plain(said, config, DEEPEST)


def _plain(said: Any, config: Any, depth: int) -> Any:
    found = resolve(said, config)
    if isinstance(found, list):
        return [_plain(one, config, depth) for one in found]
    if not isinstance(found, str) or not found.startswith("$") or depth == 0:
        return found
    if (key := COMMON_KEY.fullmatch(found)) is not None:
        return COMMON_KEYS.get(key[1], found)
    text = REFERENCE.sub(lambda reference: repr(_plain(reference[0], config, depth - 1)), found[1:]).strip()
    try:
        return _joined(ast.parse(text, mode="eval").body)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return found


def _joined(node: ast.AST) -> Any:
    """A literal, the sum of two texts or lists, or one of two by a literal. Raises `ValueError` for anything else."""
    if isinstance(node, ast.IfExp):
        return _joined(node.body if ast.literal_eval(node.test) else node.orelse)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _joined(node.left) + _joined(node.right)
    return ast.literal_eval(node)
