"""Names for the values of a label map that a bundle makes of overlapping regions, as its config says it.

A network with a sigmoid for each channel gives regions that may overlap: the whole tumour holds the tumour core. Some
bundles join the regions to one label map by a chain of `torch.where`, where the first region that holds a voxel gives
the voxel's value. The chain is read as text; nothing of it runs.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from monai_attn.bundle.config import components_of

__all__ = ["region_names", "rule_of_regions"]


def region_names(config: Any, channels: Mapping[str, str]) -> dict[int, str]:
    """Names by value, from the chain of `torch.where` in the config and the names of the channels; {} without a chain.

    A region that comes after another in the chain is named without that other.

    >>> rule = "$lambda x: torch.where(x[[1]] > 0, 4, torch.where(x[[0]] > 0, 2, 0))"
    >>> region_names({"steps": {"_target_": "Lambdad", "func": rule}}, {"0": "whole", "1": "core"})
    {4: 'core', 2: 'whole without core'}
    """
    for component in components_of(config, "Lambdad", "LambdaD", "LambdaDict", "Lambda"):
        rule = rule_of_regions(component.settings.get("func"))
        if not rule or not all(str(channel) in channels for _, channel in rule):
            continue
        names: dict[int, str] = {}
        before: list[str] = []
        for value, channel in rule:
            name = str(channels[str(channel)])
            names[value] = f"{name} without {' and '.join(before)}" if before else name
            before.append(name)
        return names
    return {}


def rule_of_regions(func: Any) -> list[tuple[int, int]]:
    """The pairs of value and channel of a chain of `torch.where`, the first that counts first; [] for anything else.

    >>> rule_of_regions("$lambda x: torch.where(x[[2]] > 0, 4, 0)")
    [(4, 2)]
    """
    if not isinstance(func, str):
        return []
    try:
        node: ast.AST = ast.parse(func.removeprefix("$").strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        return []
    node = node.body if isinstance(node, ast.Lambda) else node
    pairs: list[tuple[int, int]] = []
    while isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.where" and len(node.args) == 3:
        channel, value = _channel(node.args[0]), _whole(node.args[1])
        if channel is None or value is None:
            return []
        pairs.append((value, channel))
        node = node.args[2]
    return pairs if _whole(node) == 0 and len({value for value, _ in pairs}) == len(pairs) else []


def _channel(node: ast.AST) -> int | None:
    """The channel of a comparison such as `x[[2]] > 0` or `x[2] > 0.5`; None for anything else."""
    if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Gt) or len(node.ops) != 1:
        return None
    if not isinstance(node.left, ast.Subscript) or not isinstance(node.left.value, ast.Name):
        return None
    index = node.left.slice
    if isinstance(index, ast.List) and len(index.elts) == 1:
        index = index.elts[0]
    return _whole(index)


def _whole(node: ast.AST) -> int | None:
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
