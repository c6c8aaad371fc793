"""Opening a bundle runs its code, so only a trusted bundle is opened. No torch and no MONAI is loaded here."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from monai_attn.bundle.code import Piece, code_digest, code_of_bundle
from monai_attn.bundle.locate import config_file, is_shipped, read_metadata
from monai_attn.bundle.settings import read_settings
from monai_attn.errors import FileError, TrustError
from monai_attn.folders import user_folder

__all__ = ["code_lines", "digest_of", "is_trusted", "pieces_of", "remember_trust", "require_trust"]

LISTED = 10
"""How many pieces of code the refusal shows; `monai-attn info BUNDLE --code` shows all."""

LONGEST = 160
"""Characters of a piece of code that the refusal shows."""

MEMORY = "trusted_bundles.json"

logger = logging.getLogger(__name__)


def require_trust(root: Path, config: Any = None, *, trust: bool) -> None:
    """Refuse a bundle that did not come with the package, is not trusted now, and was not trusted as it stands.

    `config` is the config that would run; by default the bundle's inference config. Raises `TrustError`, which lists
    what the bundle would run, and `BundleError` when its files cannot be read.
    """
    if trust or is_trusted(root):
        return
    pieces = code_of_bundle(_config_in_file(root) if config is None else config, root, read_metadata(root))
    raise TrustError(
        f"The bundle {root.resolve().name} did not come with monai_attn, and opening it runs its code:\n"
        f"{code_lines(pieces)}\nAll of it: monai-attn info BUNDLE --code. "
        "If you trust its source, say trust=True (or --trust)."
    )


def pieces_of(root: Path) -> list[Piece]:
    """Every piece of code that a bundle would run, what matters first; see `monai_attn.bundle.code`.

    Raises `BundleError` when its files cannot be read.
    """
    return code_of_bundle(_config_in_file(root), root, read_metadata(root))


def code_lines(pieces: list[Piece], most: int = LISTED) -> str:
    """The pieces of code that matter, a line for each, and how many more there are.

    >>> print(code_lines([Piece("target", "os.system", "network_def", True), Piece("target", "UNet", "net", False)]))
      os.system (network_def)
      and 1 piece that only computes
    """
    serious = [piece for piece in pieces if piece.matters]
    lines = [_clipped(str(piece)) for piece in serious[:most]]
    if len(serious) > most:
        lines.append(f"and {len(serious) - most} more of this kind")
    if rest := len(pieces) - len(serious):
        words = "pieces that only compute" if rest > 1 else "piece that only computes"
        lines.append(f"{'and ' if lines else ''}{rest} {words}")
    return "\n".join(f"  {line}" for line in lines or ["nothing besides MONAI's components"])


def is_trusted(root: Path) -> bool:
    """Whether a bundle came with the package, or was trusted before and has the same code since."""
    return is_shipped(root) or digest_of(root) in _memory()


def remember_trust(root: Path) -> None:
    """Remember that the user trusts a bundle as it stands; a change of its configs or scripts ends that.

    Nothing happens for a bundle that came with the package. A memory that cannot be written is logged.
    """
    if is_trusted(root):
        return
    from monai_attn.io.atomic import write_bytes_atomic  # a refusal does not wait for the readers of images

    memory = {**_memory(), digest_of(root): root.resolve().name}
    try:
        write_bytes_atomic(user_folder() / MEMORY, json.dumps(memory, indent=2).encode(), overwrite=True)
    except (OSError, FileError) as error:
        logger.warning("It could not be remembered that the bundle is trusted: %s", error)


def digest_of(root: Path) -> str:
    """The SHA-256 of the code of a bundle. Raises `BundleError` when its inference config cannot be read."""
    return code_digest(root, _config_in_file(root))


def _config_in_file(root: Path) -> dict[str, Any]:
    return read_settings(config_file(root))


def _memory() -> dict[str, str]:
    """Digests and names of the bundles that were trusted; empty where there are none, or the file is damaged."""
    try:
        content = json.loads((user_folder() / MEMORY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _clipped(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
