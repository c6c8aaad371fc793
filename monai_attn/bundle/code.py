"""What a bundle would run when it is opened, read from its files alone. Nothing runs; no torch, no MONAI is loaded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from monai_attn.bundle.config import TARGET, component_of, walk_config
from monai_attn.bundle.expressions import is_harmless_expression
from monai_attn.bundle.harmless import is_harmless_target
from monai_attn.bundle.settings import expanded, macro_files
from monai_attn.folders import files_in

__all__ = ["Piece", "code_digest", "code_of_bundle", "code_of_config", "scripts_digest", "scripts_of"]

CODE = {".py", ".pyc", ".pyw", ".so", ".pyd", ".dll", ".dylib", ".sh", ".ipynb"}
"""The endings of files that can be run."""

CONFIGS = {".json", ".yaml", ".yml"}

MODES = ("default", "callable")
"""How MONAI may use a target: it calls the target, or passes it on. The other way starts Python's debugger."""

KINDS = {"script": 0, "target": 1, "macro": 2, "expression": 3}
"""The kinds of code, in the order in which they are shown."""


@dataclass(frozen=True)
class Piece:
    """One piece of code of a bundle.

    - `kind`: "script" (a file), "target" (a class or function that the config names), "expression" (`$...`) or "macro"
      (a part of the config that stands in another file).
    - `text`: the code as it is written, or the path of the script in the bundle.
    - `place`: the id in the config; the size of a script.
    - `matters`: False for what only computes; see `monai_attn.bundle.harmless`.

    >>> print(Piece("target", "os.system", "network_def", matters=True))
    os.system (network_def)
    """

    kind: str
    text: str
    place: str
    matters: bool

    def __str__(self) -> str:
        return f"{' '.join(self.text.split())} ({self.place})"


def code_of_bundle(config: Any, root: Path, metadata: Any = None) -> list[Piece]:
    """Every piece of code of a bundle, what matters first: scripts, classes and functions, expressions.

    `config` is the config as it stands in its file; the files that its macros name are read. Metadata count as well,
    because a config can refer to them. Empty for a bundle without code. Raises `BundleError` for a file that cannot be
    read.
    """
    scripts = [Piece("script", path.as_posix(), _size(root / path), True) for path in scripts_of(root)]
    macros = [piece for piece in code_of_config(config) if piece.kind == "macro"]
    pieces = [*scripts, *macros, *code_of_config(expanded(config, root)), *code_of_config(metadata, "_meta_")]
    return sorted(pieces, key=lambda piece: (not piece.matters, KINDS[piece.kind]))


def code_of_config(config: Any, place: str = "") -> list[Piece]:
    """The classes, functions, expressions and macros of a config, each once, in the order of the config.

    >>> [piece.text for piece in code_of_config({"_target_": "monai.utils.run_cmd"}) if piece.matters]
    ['monai.utils.run_cmd']
    """
    pieces: dict[tuple[str, bool], Piece] = {}
    for where, node in walk_config(config, place):
        component = component_of(where, node)
        found = []
        if component is not None:
            harmless = is_harmless_target(component.target) and node.get("_mode_", "default") in MODES
            found = [Piece("target", component.target, where or "config", not harmless)]
        elif isinstance(node, dict) and TARGET in node:  # a target that is made by another part of the config
            found = [Piece("target", str(node[TARGET]), where or "config", True)]
        elif isinstance(node, str) and node.startswith("$"):
            found = [Piece("expression", node, where, not is_harmless_expression(node))]
        elif isinstance(node, str) and macro_files(node):
            found = [Piece("macro", node, where, True)]
        for piece in found:
            pieces.setdefault((piece.text, piece.matters), piece)
    return list(pieces.values())


def scripts_of(root: Path) -> tuple[Path, ...]:
    """The files in a bundle that can be run, of all its folders, relative to the bundle.

    Linked folders are entered. What Python compiles into `__pycache__` is left out, because a bundle's scripts are
    always compiled from their source.
    """
    found = (path for path in sorted(files_in(root)) if path.suffix.lower() in CODE and path.is_file())
    return tuple(
        path.relative_to(root) for path in found if path.parent.name != "__pycache__" or path.suffix.lower() != ".pyc"
    )


def code_digest(root: Path, config: Any) -> str:
    """The SHA-256 of all that decides what a bundle runs: its name, its configs, its scripts, and what macros name.

    `config` is the config as it stands in its file. Weights and documents do not count, since they do not run. Raises
    `BundleError` for a file of a macro that cannot be read.
    """
    configs = [path.relative_to(root) for path in sorted(files_in(root / "configs")) if path.suffix in CONFIGS]
    files = sorted({*configs, *scripts_of(root)})
    lines = [
        root.resolve().name,
        *_with_digests(root, files),
    ]
    lines.append(json.dumps(expanded(config, root), sort_keys=True, default=str))
    return sha256("\n".join(lines).encode()).hexdigest()


def scripts_digest(root: Path, names: Mapping[int, str], finder: Mapping[str, Any] | None = None) -> str:
    """The SHA-256 of a bundle's scripts, of the names of its labels by value, and of its finder with the template.

    These make its masks besides config and weights. `finder` is the key of metadata.json. Raises `OSError` for a script
    or template that cannot be read.
    """
    parts: list[Any] = [_with_digests(root, scripts_of(root)), names]
    if finder:
        template = Path(str(finder.get("template")))
        parts += [finder, _with_digests(root, [template] if (root / template).is_file() else [])]
    return sha256(json.dumps(parts).encode()).hexdigest()


def _with_digests(root: Path, files: Iterable[Path]) -> list[str]:
    """Each file of a bundle, relative to it, with the SHA-256 of what it holds."""
    return [f"{path.as_posix()} {sha256((root / path).read_bytes()).hexdigest()}" for path in files]


def _size(path: Path) -> str:
    """The size of a file in words: bytes, kB or MB."""
    size = path.stat().st_size
    return f"{size} bytes" if size < 1000 else f"{size / 1e3:.1f} kB" if size < 1e6 else f"{size / 1e6:.1f} MB"
