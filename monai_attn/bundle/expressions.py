"""Which `$` expressions of a config only compute. They are read as text; nothing is evaluated."""

from __future__ import annotations

import ast
import re

from monai_attn.bundle.harmless import FUNCTIONS, IMPORTS, METHODS, SWAPPED, is_harmless_target

__all__ = ["is_harmless_expression"]

REFERENCE = re.compile(r"@\w*(?:(?:::|#)\w*)*")
"""How MONAI finds the references in an expression."""

VALUE = "_value_of_the_config_"

SHORT = {"np": "numpy", "nn": "torch.nn", "F": "torch.nn.functional"}
"""The usual short names of modules; another short name is shown."""


SETTING = re.compile(r"setattr\(torch\.backends\.cudnn, *(['\"])(benchmark|deterministic)\1, *(True|False)\)")
"""What nearly every bundle of the zoo sets: how cuDNN chooses its algorithms."""


def is_harmless_expression(expression: str) -> bool:
    """Whether an expression calls and names nothing outside the lists of `monai_attn.bundle.harmless`.

    Text that is no Python is not harmless, since it is not understood.

    >>> is_harmless_expression("$sorted(glob.glob(os.path.join(@dataset_dir, '*.nii.gz')))")
    True
    >>> is_harmless_expression("$os.system('ls')"), is_harmless_expression("$[f('ls') for f in @functions]")
    (False, False)
    """
    text = REFERENCE.sub(VALUE, expression.removeprefix("$")).strip()
    if SETTING.fullmatch(text):
        return True
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    own = {VALUE, *_bound(tree)}
    if own & {name.partition(".")[0] for name in FUNCTIONS | IMPORTS | set(SHORT)}:
        return False  # a known name that means something else here
    return all(_is_harmless(statement, own) for statement in tree.body)


def _bound(tree: ast.AST) -> set[str]:
    """The names that an expression gives to values itself: of loops, of arguments, and by `:=`."""
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return stored | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}


def _is_harmless(node: ast.AST, own: set[str]) -> bool:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return _is_harmless_import(node)
    if isinstance(node, ast.stmt) and not isinstance(node, ast.Expr):
        return False
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in own:
        return False  # a value of the config is called, and nobody knows what it is
    if isinstance(node, ast.Call) and not isinstance(node.func, ast.Name | ast.Attribute):
        return False
    if isinstance(node, ast.Attribute | ast.Name):
        dotted = _dotted(node)
        if dotted and dotted.partition(".")[0] not in own:
            return _is_known(dotted)
        if isinstance(node, ast.Attribute) and node.attr not in METHODS:
            return False
    return all(_is_harmless(child, own) for child in ast.iter_child_nodes(node))


def _is_harmless_import(node: ast.Import | ast.ImportFrom) -> bool:
    """An import of a known module under its own or its usual name, or of a known function."""
    if isinstance(node, ast.Import):
        return all(
            one.name in IMPORTS and (one.asname is None or SHORT.get(one.asname) == one.name) for one in node.names
        )
    if node.level or any(one.asname for one in node.names):
        return False
    return all(_is_known(f"{node.module}.{one.name}") or f"{node.module}.{one.name}" in IMPORTS for one in node.names)


def _is_known(dotted: str) -> bool:
    first, sign, rest = dotted.partition(".")
    full = f"{SHORT.get(first, first)}{sign}{rest}"
    return full in FUNCTIONS or (sign != "" and is_harmless_target(full) and full.rpartition(".")[2] not in SWAPPED)


def _dotted(node: ast.AST) -> str:
    """`os.path.join` as it is written; "" for an attribute of anything but a name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (start := _dotted(node.value)):
        return f"{start}.{node.attr}"
    return ""
