"""What executes a network. A back-end is just another network: any module with the same call can stand in its place.

Every back-end file has `NEEDS` (packages), `PRECISIONS`, `is_available()` and
`load(network, device, precision, threads, calibration)`. To add one, write one file and one line in `BACKENDS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import torch
from torch import Tensor, nn

from monai_attn.backends import compiled, openvino_cpu, pytorch
from monai_attn.backends.fingerprint import fingerprint
from monai_attn.backends.guard import CheckedNetwork, Way
from monai_attn.errors import InputError

__all__ = ["BACKENDS", "choose_backend", "choose_device", "choose_precision", "load_network"]

BACKENDS: dict[str, ModuleType] = {"torch": pytorch, "openvino": openvino_cpu, "torch-compile": compiled}


def load_network(
    network: nn.Module,
    device: str = "cpu",
    *,
    backend: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    calibration: Sequence[Tensor] = (),
    regions: bool = False,
) -> CheckedNetwork:
    """A network as `backend` runs it, with PyTorch in f32 behind it to be compared with and to fall back to.

    `calibration` are windows (channels, *spatial) for int8; `regions` says that the network's channels are regions
    that may overlap, a sigmoid each. Raises `InputError` for what does not exist or go
    together. The call raises `BackendError` when a back-end that was asked for by name cannot run the network.
    """
    name = choose_backend(backend, device)
    precision = choose_precision(precision, name)
    wanted = list(dict.fromkeys([(name, precision), (name, "f32"), ("torch", "f32")]))
    if (name, precision) in (("torch", "auto"), ("torch", "f32")):
        wanted = wanted[:1]
    ways = [
        Way(kind, one, BACKENDS[kind].load(network, device, one, threads, calibration), asked=backend == kind)
        for kind, one in wanted
    ]
    return CheckedNetwork(ways, fingerprint(network) if len(ways) > 1 else "", regions=regions)


def choose_backend(name: str = "auto", device: str = "cpu") -> str:
    """The name of an available back-end; "auto" is OpenVINO on a CPU where it is installed, else torch.

    Raises `InputError` for one that is not there.
    """
    if name == "auto":
        return "openvino" if device == "cpu" and openvino_cpu.is_available() else "torch"
    if name not in BACKENDS:
        raise InputError(f"Unknown backend {name!r}. Choose one of auto, {', '.join(BACKENDS)}.")
    if not BACKENDS[name].is_available():
        needs = " ".join(BACKENDS[name].NEEDS)
        raise InputError(f"The {name} backend needs {needs}. Install it with: pip install {needs}")
    return name


def choose_precision(name: str = "auto", backend: str = "torch") -> str:
    """A precision that a back-end has; "auto" is f32, or with torch what the bundle asks for (`amp`).

    Raises `InputError` for one that it does not have.
    """
    if name == "auto":
        return "auto" if backend == "torch" else "f32"
    if name not in BACKENDS[backend].PRECISIONS:
        have = ", ".join(BACKENDS[backend].PRECISIONS)
        raise InputError(f"The {backend} backend has no precision {name!r}. Choose one of auto, {have}.")
    return name


def choose_device(name: str = "auto") -> str:
    """A device by torch's name; "auto" is CUDA where there is one, then MPS, else the CPU. Raises `InputError`."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
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
