"""What executes a network. A back-end is just another network: any module with the same call can stand in its place.

Every back-end file has `NEEDS` (packages), `is_available()` and `load(network, device)`. To add one, write one file
and one line in `BACKENDS`.
"""

from __future__ import annotations

from types import ModuleType

from monai_attn.backends import pytorch
from monai_attn.errors import InputError

__all__ = ["BACKENDS", "choose_backend", "choose_device"]

BACKENDS: dict[str, ModuleType] = {"torch": pytorch}


def choose_backend(name: str = "auto") -> str:
    """The name of an available back-end; "auto" takes the first. Raises `InputError` for one that is not there."""
    if name == "auto":
        return next(iter(BACKENDS))
    if name not in BACKENDS:
        raise InputError(f"Unknown backend {name!r}. Choose one of auto, {', '.join(BACKENDS)}.")
    if not BACKENDS[name].is_available():
        needs = " ".join(BACKENDS[name].NEEDS)
        raise InputError(f"The {name} backend needs {needs}. Install it with: pip install {needs}")
    return name


def choose_device(name: str = "auto") -> str:
    """A device by torch's name; "auto" is CUDA where there is one, else the CPU. Raises `InputError` otherwise."""
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"Unknown device {name!r}. Choose auto, cpu, cuda, cuda:0, ... or mps.") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(f"There is no device {name!r}: torch sees {torch.cuda.device_count()} CUDA devices. Use cpu.")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise InputError("There is no device 'mps': this torch has no Metal support. Use cpu.")
    if device.type not in ("cpu", "cuda", "mps"):
        raise InputError(f"monai_attn does not run on {name!r}. Choose auto, cpu, cuda or mps.")
    return name
