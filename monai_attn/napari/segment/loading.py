"""Loading PyTorch and MONAI in a thread while the window stays alive.

Python's lock is held, and so the window stands still, whenever a library is loaded or Python looks for garbage among
all of its objects. While hundreds of modules are imported it does the latter again and again, half a second each time
in the end.
"""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

__all__ = ["load_torch_library", "without_collections"]

LIBRARY = "libtorch_cpu.so"
"""PyTorch's largest library, as its file is called on Linux."""


@contextmanager
def without_collections() -> Iterator[None]:
    """Within, Python does not look for garbage; what was made meanwhile is then taken as long-lived, unseen."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # all objects to a generation that is never looked at ...
        gc.unfreeze()  # ... and from there to the oldest, so that the next collection is a small one
        if was_on:
            gc.enable()


def load_torch_library() -> bool:
    """Load PyTorch's largest library without holding Python's lock, as `import torch` would; whether that was done.

    Elsewhere than on Linux, or where PyTorch lies otherwise, the import does it as ever. Never raises for a library
    that cannot be loaded: the answer is then False, and the import says why.
    """
    found = find_spec("torch")
    library = Path(found.origin).parent / "lib" / LIBRARY if found is not None and found.origin else Path()
    if os.name != "posix" or not library.is_file():
        return False
    with suppress(AttributeError, OSError):
        opens = ctypes.CDLL(None).dlopen  # called like this, not as CDLL(path), the lock is free meanwhile
        opens.argtypes, opens.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
        return bool(opens(os.fsencode(library), os.RTLD_NOW))
    return False
