"""A bundle's weights: where they are, that they are what they seem, and into the network."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser
from torch import nn

from monai_attn.bundle.config import components
from monai_attn.errors import BundleError

__all__ = ["load_weights", "sha256_of", "weights_file"]


def weights_file(parser: ConfigParser, root: Path) -> Path:
    """What the config's `CheckpointLoader` loads, wherever it stands in the config; else `models/model.pt`.

    Raises `BundleError` when that file is missing.
    """
    loader = next(components(parser.get(), "CheckpointLoader"), None)
    path = root / "models" / "model.pt"
    if loader is not None:
        path = Path(parser.get_parsed_content(f"{loader.id}::load_path"))
    if not path.is_file():
        raise BundleError(
            f"The weights of the bundle {root.name} are missing: there is no {path.parent.name}/{path.name}."
        )
    return path


def load_weights(network: nn.Module, path: Path) -> None:
    """Fill the network, strictly: every weight is in the file and nothing else is.

    Only tensors are unpickled (`weights_only=True`). Raises `BundleError` when the file does not fit.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise BundleError(
            f"{path.name} is not a file of weights only, or it is damaged: {_first_line(error)}"
        ) from error
    state = _state_dict(content)
    try:
        network.load_state_dict(state, strict=True)
    except (RuntimeError, TypeError) as error:
        raise BundleError(
            f"The weights in {path.name} do not fit the bundle's network: {_first_line(error)}"
        ) from error


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _state_dict(content: Any) -> Any:
    """A checkpoint may hold the state dict under "model" or a like name, as MONAI's handlers write it."""
    if isinstance(content, Mapping):
        for key in ("model", "network", "state_dict", "net"):
            if isinstance(content.get(key), Mapping):
                return content[key]
    return content


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
