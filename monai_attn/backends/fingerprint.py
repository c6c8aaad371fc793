"""What a network is, in one number: its weights, its classes, their code and settings, and the packages' versions."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from sys import modules
from typing import Any

import torch
from torch import nn

__all__ = ["fingerprint"]

VERSIONED = ("monai_attn", "monai", "torch", "openvino", "nncf")
"""Packages that decide what a converted network computes."""


def fingerprint(network: nn.Module) -> str:
    """Sixteen hexadecimal digits that differ where networks, their code, packages or processors differ.

    Two networks with the same weights may still compute different things. An activation, an up-sampling mode or the
    `forward` of a later release does not show in the weights. So the plain settings of every module count, and the
    source files of their classes.
    """
    digest = hashlib.sha256(repr([*_versions(), platform.machine(), _processor()]).encode())
    for name, module in network.named_modules():
        digest.update(f"{name}:{_settings(module)}".encode())
    for file in sorted({file for module in network.modules() if (file := _source(type(module)))}):
        digest.update(Path(file).read_bytes())
    for name, value in network.state_dict().items():
        digest.update(f"{name}:{_shape(value)}".encode())
        if isinstance(value, torch.Tensor):
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]


def _versions() -> Iterator[tuple[str, str]]:
    """The packages that decide what a converted network computes, with their versions.

    The version of a missing package is "".
    """
    for package in VERSIONED:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            yield package, ""


def _processor() -> str:
    """The kind of the processor, as far as the system says it.

    A precision that is right on one kind of processor may be wrong on another.
    """
    info = Path("/proc/cpuinfo")
    lines = info.read_text(errors="replace").splitlines() if info.exists() else []
    said = [line for line in lines if line.startswith(("model name", "flags", "Features"))]
    return " ".join(sorted(set(said))) or platform.processor()


def _settings(module: nn.Module) -> str:
    """The class and what is plain among its attributes."""
    kind = type(module)
    plain = {name: text for name, value in vars(module).items() if (text := _plain(value)) is not None}
    return f"{kind.__module__}.{kind.__qualname__} {module.extra_repr()} {sorted(plain.items())}"


def _plain(value: Any) -> str | None:
    """A plain value as text; None for what is not plain, such as a tensor or a layer."""
    if isinstance(value, bool | int | float | str | None):
        return repr(value)
    if isinstance(value, list | tuple):
        items = [_plain(item) for item in value]
        return None if None in items else repr(items)
    return getattr(value, "__qualname__", None)  # functions and classes, by name


def _source(kind: type) -> str | None:
    """The source file of a class, None where there is none."""
    return getattr(modules.get(kind.__module__), "__file__", None)


def _shape(value: Any) -> str:
    """The size and type of a tensor as text; other values as they print."""
    return f"{tuple(value.shape)} {value.dtype}" if isinstance(value, torch.Tensor) else repr(value)
