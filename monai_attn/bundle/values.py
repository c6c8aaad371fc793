"""Expressions of a config that are plain values, such as `$[@image_key]`, read without evaluating them."""

from __future__ import annotations

import ast
import re
from typing import Any

from monai_attn.bundle.config import resolve

__all__ = ["plain_value"]

REFERENCE = re.compile(r"@\w+(?:(?:::|#)\w+)*")


def plain_value(said: Any, config: Any) -> Any:
    """The plain value behind a reference, or behind an expression that only lists, adds texts, or refers.

    What is more than that stays the text that it is, as in `monai_attn.bundle.config.resolve`.

    >>> plain_value("$[@image_key, 'label']", {"image_key": "image"})
    ['image', 'label']
    >>> plain_value("$f(1)", {})
    '$f(1)'
    """
    found = resolve(said, config)
    if isinstance(found, list):
        return [plain_value(one, config) for one in found]
    if not isinstance(found, str) or not found.startswith("$"):
        return found
    text = REFERENCE.sub(lambda reference: repr(resolve(reference[0], config)), found[1:]).strip()
    try:
        return _joined(ast.parse(text, mode="eval").body)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return found


def _joined(node: ast.AST) -> Any:
    """A literal, or the sum of two texts or two lists. Raises `ValueError` for anything else."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _joined(node.left) + _joined(node.right)
    return ast.literal_eval(node)
