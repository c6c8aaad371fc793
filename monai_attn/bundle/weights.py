"""A bundle's weights: the file, its checksum, and its content in the network."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser
from torch import nn

from monai_attn.bundle.config import components_of
from monai_attn.errors import BundleError
from monai_attn.io.digest import sha256

__all__ = ["check_weights", "expected_sha256", "load_weights", "read_weights", "weights_file"]


def weights_file(parser: ConfigParser, root: Path) -> Path:
    """The file of a bundle's weights: what the config's `CheckpointLoader` loads, else `models/model.pt`.

    Raises `BundleError` when the file is missing.
    """
    loader = next(components_of(parser.get(), "CheckpointLoader"), None)
    path = root / "models" / "model.pt"
    if loader is not None:
        path = Path(parser.get_parsed_content(f"{loader.id}::load_path"))
    if not path.is_file():
        raise BundleError(
            f"The weights of the bundle {root.name} are missing: there is no {path.parent.name}/{path.name}."
        )
    return path


def load_weights(network: nn.Module, path: Path) -> None:
    """Fill a network with the weights of a file, strictly: the file holds every weight of the network and no other.

    Raises `BundleError` when the file does not fit, or as `read_weights` does.
    """
    state = _state_dict(read_weights(path))
    try:
        network.load_state_dict(state, strict=True)
    except (RuntimeError, TypeError) as error:
        raise BundleError(
            f"The weights in {path.name} do not fit the bundle's network: {_first_line(error)}"
        ) from error


def read_weights(path: Path) -> Any:
    """The content of a file of weights, on the CPU. Only tensors are unpickled (`weights_only=True`).

    Raises `BundleError` for a damaged file, and for a file that holds anything but tensors. The text of torch's error,
    which advises to unpickle everything, is left out.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the protocol of a pickle that is refused below
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise BundleError(
            f"{path.name} is not a file of weights only, or it is damaged. It is not opened: a pickle can run code. "
            "Ask its maker for a state dict with nothing but tensors, or copy the file again."
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise BundleError(
            f"{path.name} is not a file of weights only, or it is damaged. Copy or download it again."
        ) from error


def check_weights(path: Path, expected: str) -> str:
    """The SHA-256 of a file of weights, in hexadecimal.

    Raises `BundleError` when it is not the `expected` value; with "" any value will do.
    """
    found = sha256(path)
    if expected and found != expected.lower():
        raise BundleError(
            f"{path.parent.name}/{path.name} is not the file that metadata.json describes: its SHA-256 begins with "
            f"{found[:12]}, and that in metadata.json with {expected[:12]}. If the file is damaged, copy it again. "
            "If the weights are new, write their SHA-256 with: python -m monai_attn.preflight.refresh BUNDLE."
        )
    return found


def expected_sha256(metadata: Mapping[str, Any], path: Path, root: Path) -> str:
    """The SHA-256 that `weights_sha256` of metadata.json gives for a file of weights; "" for any other file.

    The entry is about `models/model.pt` in the bundle's folder, not about weights that an override names.
    """
    own = path.resolve() == (root / "models" / "model.pt").resolve()
    return str(metadata.get("weights_sha256") or "") if own else ""


def _state_dict(content: Any) -> Any:
    """A checkpoint may hold the state dict under "model" or a like name, as MONAI's handlers write it."""
    if isinstance(content, Mapping):
        for key in ("model", "network", "state_dict", "net"):
            if isinstance(content.get(key), Mapping):
                return content[key]
    return content


def _first_line(error: Exception) -> str:
    """The first line of an error, or the name of its class where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
