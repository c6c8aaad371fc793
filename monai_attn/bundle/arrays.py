"""NumPy arrays in files that PyTorch loads with `weights_only=True`, as the searched architectures of the model zoo."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np
import torch

__all__ = ["arrays_allowed"]

KINDS = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")


@contextmanager
def arrays_allowed() -> Iterator[None]:
    """Within this block `torch.load` with `weights_only=True` also takes arrays of numbers, and nothing else.

    Making an array of numbers runs no code of the file.
    """
    kinds = {type(np.dtype(kind)) for kind in KINDS}
    multiarray = import_module("numpy._core.multiarray")
    rebuild, scalar = multiarray._reconstruct, multiarray.scalar
    allowed: list[Any] = [np.ndarray, np.dtype, *kinds]
    for name in ("numpy.core.multiarray", "numpy._core.multiarray"):
        allowed += [(rebuild, f"{name}._reconstruct"), (scalar, f"{name}.scalar")]
    with torch.serialization.safe_globals(allowed):
        yield
