"""How a network is run: device, back-end, precision, threads. One value for all of them; it loads no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import ModuleType

from monai_attn.backends import compiled, openvino_cpu, pytorch
from monai_attn.errors import InputError
from monai_attn.volume import ImageSource

__all__ = [
    "BACKENDS",
    "DEVICES",
    "CalibrationImage",
    "Execution",
    "backend_choices",
    "choose_backend",
    "choose_device",
    "choose_precision",
    "precision_choices",
]

BACKENDS: dict[str, ModuleType] = {"torch": pytorch, "openvino": openvino_cpu, "torch-compile": compiled}
"""The back-ends by name. To add one, write one file and one line here."""

DEVICES = ("cpu", "cuda", "mps")
"""Kinds of devices, by torch's names; `cuda:1` is the second CUDA device."""

CalibrationImage = ImageSource | Mapping[str, ImageSource]
"""An image on which an int8 network is calibrated, or the images of one case by name."""


@dataclass(frozen=True)
class Execution:
    """How a network is run, passed on whole from the command line, Python or napari to the back-end.

    - `device`: "cpu", "cuda", "cuda:1", "mps", or "auto": CUDA where there is a CUDA device, then MPS, else the CPU.
    - `backend`: a name in `BACKENDS`, or "auto": OpenVINO on a CPU where it is installed, else torch.
    - `precision`: "f32", "bf16", "f16", "int8", or "auto": float32 in OpenVINO; in torch what the bundle asks for.
    - `threads`: the number of CPU threads of the network; None takes all cores.
    - `calibration`: images on which the int8 network is calibrated: one to five typical cases, in the same form as the
      images to segment. The calibrated network is kept in the cache, so that a later run needs no images.

    Raises `InputError` for a back-end, a precision or a number of threads that does not exist, and for a back-end that
    does not run on the device. Whether this computer has the device is checked by `resolved`.

    >>> Execution(backend="openvino", precision="bf16", threads=4).precision
    'bf16'
    """

    device: str = "auto"
    backend: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    calibration: tuple[CalibrationImage, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "calibration", tuple(self.calibration))
        if self.backend not in backend_choices():
            raise InputError(f"Unknown backend {self.backend!r}. Choose one of {', '.join(backend_choices())}.")
        if self.precision not in precision_choices(self.backend):
            have = ", ".join(precision_choices(self.backend))
            which = "There is" if self.backend == "auto" else f"The {self.backend} backend has"
            raise InputError(f"{which} no precision {self.precision!r}. Choose one of {have}.")
        if self.threads is not None and self.threads < 1:
            raise InputError(f"{self.threads} is no number of threads. Choose 1 or more.")
        if self.backend != "auto":
            _check_pair(self.backend, self.device)

    def with_at_hand(self, threads: int | None) -> Execution:
        """The same value with so many threads, where no number of threads was asked for.

        >>> Execution().with_at_hand(2).threads, Execution(threads=4).with_at_hand(2).threads
        (2, 4)
        """
        return replace(self, threads=threads) if self.threads is None else self

    def resolved(self) -> Execution:
        """The same value with each "auto" replaced by what this computer has.

        The precision stays "auto" with torch, where the bundle decides. Loads torch. Raises `InputError` for a device
        or a back-end that this computer does not have.
        """
        device = self.device
        if device == "auto" and self.backend != "auto" and len(BACKENDS[self.backend].DEVICES) == 1:
            (device,) = BACKENDS[self.backend].DEVICES
        device = choose_device(device)
        backend = choose_backend(self.backend, device)
        return replace(self, device=device, backend=backend, precision=choose_precision(self.precision, backend))


def backend_choices() -> tuple[str, ...]:
    """The names that a user may give as a back-end, "auto" first.

    >>> backend_choices()
    ('auto', 'torch', 'openvino', 'torch-compile')
    """
    return ("auto", *BACKENDS)


def precision_choices(backend: str = "auto") -> tuple[str, ...]:
    """The names that a user may give as the precision of a back-end, "auto" first; for "auto" those of all back-ends.

    >>> precision_choices("openvino")
    ('auto', 'f32', 'bf16', 'int8')
    """
    modules = BACKENDS.values() if backend == "auto" else [BACKENDS[backend]]
    return tuple(dict.fromkeys(["auto", *(name for module in modules for name in module.PRECISIONS)]))


def choose_backend(name: str = "auto", device: str = "cpu") -> str:
    """The name of an available back-end; "auto" is OpenVINO on a CPU where it is installed, else torch.

    Raises `InputError` for a back-end that does not exist, is not installed, or does not run on the device.

    >>> choose_backend("auto", "cuda")
    'torch'
    """
    if name == "auto":
        return "openvino" if device == "cpu" and openvino_cpu.is_available() else "torch"
    if name not in BACKENDS:
        raise InputError(f"Unknown backend {name!r}. Choose one of {', '.join(backend_choices())}.")
    if not BACKENDS[name].is_available():
        needs = BACKENDS[name].NEEDS
        packages = all(one.isidentifier() for one in needs)
        way = (
            f"Install it with: pip install {' '.join(needs)}" if packages else "Install it, or choose another backend."
        )
        raise InputError(f"The {name} backend needs {' and '.join(needs)}. {way}")
    _check_pair(name, device)
    return name


def choose_precision(name: str = "auto", backend: str = "torch") -> str:
    """A precision that a back-end has; "auto" is float32, or with torch what the bundle asks for (`amp`).

    Raises `InputError` for a precision that the back-end does not have.

    >>> choose_precision("auto", "openvino")
    'f32'
    """
    if name == "auto":
        return "auto" if backend == "torch" else "f32"
    return Execution(backend=backend, precision=name).precision


def choose_device(name: str = "auto") -> str:
    """A device by torch's name; "auto" is CUDA where there is a CUDA device, then MPS, else the CPU.

    Raises `InputError` for a device that this computer or the installed torch does not have. Loads torch.
    """
    import torch

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
    if device.type not in DEVICES:
        raise InputError(f"monai_attn does not run on {name!r}. Choose auto, {', '.join(DEVICES)}.")
    return name


def _check_pair(backend: str, device: str) -> None:
    """Refuse a back-end that does not run on the device. Raises `InputError`; "auto" and unknown devices pass."""
    kinds = BACKENDS[backend].DEVICES
    if device != "auto" and device.partition(":")[0] in DEVICES and device.partition(":")[0] not in kinds:
        where = " and ".join({"cpu": "the CPU", "cuda": "CUDA", "mps": "MPS"}[kind] for kind in kinds)
        raise InputError(f"The {backend} backend runs on {where}, not on {device!r}. Use device cpu or backend torch.")
