"""The Python files that a bundle brings in its folder `scripts`, made importable for that bundle."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["make_scripts_importable"]


def make_scripts_importable(root: Path) -> None:
    """Let a bundle import its own `scripts`, and not those of a bundle that was opened before.

    Every bundle calls its package `scripts`, since MONAI runs it with its folder as the working directory. Python knows
    one module of each name, so the modules of the other bundle are taken out of `sys.modules` here. Objects that were
    made of them live on. What these import later, inside a function, would come from the new bundle. Only a process of
    its own for each bundle would be free of that limit. A bundle without `scripts` changes nothing.
    """
    own = str(root.resolve())
    if not (root / "scripts").is_dir():
        return
    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__file__", None) or ""
        if name.split(".")[0] == "scripts" and not origin.startswith(own):
            del sys.modules[name]
    if own in sys.path:
        sys.path.remove(own)
    sys.path.insert(1, own)
