"""The Python files that a bundle brings in its folder `scripts`, made importable for that bundle."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["make_scripts_importable"]


def make_scripts_importable(root: Path) -> None:
    """Let a bundle import its own `scripts`, and not those of a bundle that was opened before.

    Every bundle calls its package `scripts`, since MONAI runs it with its folder as the working directory. Python knows
    one module of a name, so the modules of the other bundle are forgotten here. Objects of theirs live on. What they
    import later, inside a function, would come from the new bundle; a bundle in a process of its own has no such limit.
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
