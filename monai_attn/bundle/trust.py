"""Opening a bundle runs its code, so only a trusted bundle is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from monai_attn.bundle.describe import foreign_code, scripts_of
from monai_attn.bundle.locate import is_shipped
from monai_attn.errors import TrustError

__all__ = ["code_of_bundle", "require_trust"]

LISTED = 6


def require_trust(root: Path, config: Any, *, trust: bool) -> None:
    """Refuse a bundle that neither came with the package nor is trusted.

    Raises `TrustError`, which lists what the bundle would run.
    """
    if trust or is_shipped(root):
        return
    code = code_of_bundle(config, root)
    more = f" and {len(code) - LISTED} more" if len(code) > LISTED else ""
    raise TrustError(
        f"The bundle {root.name} did not come with monai_attn, and opening it runs its code: "
        f"{'; '.join(code[:LISTED])}{more}. If you trust its source, say trust=True (or --trust)."
    )


def code_of_bundle(config: Any, root: Path) -> list[str]:
    """What a bundle would run besides MONAI's components: other targets, `$` expressions, and its script files."""
    return [*foreign_code(config), *(path.as_posix() for path in scripts_of(root))]
