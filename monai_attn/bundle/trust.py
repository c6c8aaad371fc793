"""Opening a bundle runs its code; only a trusted one is opened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from monai_attn.bundle.locate import is_shipped
from monai_attn.errors import TrustError

__all__ = ["code_of", "require_trust"]

SHOWN = 6


def require_trust(root: Path, config: Any, *, trust: bool) -> None:
    """Raise `TrustError`, naming what the bundle would run, unless it was shipped with the package or is trusted."""
    if trust or is_shipped(root):
        return
    code = code_of(config, root)
    more = f" and {len(code) - SHOWN} more" if len(code) > SHOWN else ""
    raise TrustError(
        f"The bundle {root.name} did not come with monai_attn, and opening it runs its code: "
        f"{'; '.join(code[:SHOWN])}{more}. If you trust its source, say trust=True (or --trust)."
    )


def code_of(config: Any, root: Path) -> list[str]:
    """What a config would run besides MONAI's own components: other `_target_`s, `$` expressions, script files."""
    scripts = sorted(f"scripts/{path.name}" for path in (root / "scripts").glob("*.py"))
    return list(dict.fromkeys([*_foreign(config), *scripts]))


def _foreign(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        target = node.get("_target_")
        if isinstance(target, str) and "." in target and not target.startswith(("monai.", "monai_attn.")):
            yield target
        for value in node.values():
            yield from _foreign(value)
    elif isinstance(node, list):
        for value in node:
            yield from _foreign(value)
    elif isinstance(node, str) and node.startswith("$"):
        yield node
