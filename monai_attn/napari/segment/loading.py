"""Loading PyTorch and MONAI in a thread while the window stays alive.

Python's lock is held, and so the window stands still, whenever a library is loaded or Python looks for garbage among
all of its objects. While hundreds of modules are imported it does the latter again and again, half a second each time
in the end. Between these the lock changes hands every 5 ms, and the window asks for it dozens of times while it is
drawn once.
"""

from __future__ import annotations

import builtins
import ctypes
import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

__all__ = ["in_short_turns", "load_torch_library", "without_collections", "without_reading_sources"]

TURN_S = 0.0005
"""So long a thread keeps Python's lock while another thread waits for it."""

_turns = threading.Lock()
_sharing: list[float] = []
"""For each block of `in_short_turns` that is running, Python's own interval."""

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


@contextmanager
def without_reading_sources() -> Iterator[None]:
    """Within, PySide leaves imports alone. It would read the source of each module, and keep it.

    PySide looks who uses PySide, for modules that want other names of Qt's methods (`from __feature__ import
    snake_case`). For a module that it does not know, such as those imported within, the names are the usual ones.
    """
    hook, own = getattr(builtins, "__feature_import__", None), getattr(builtins, "__orig_import__", None)
    if hook is None or own is None or builtins.__import__ is not hook:
        yield  # without PySide, or within such a block already
        return
    builtins.__import__ = own
    try:
        yield
    finally:
        builtins.__import__ = hook


@contextmanager
def in_short_turns() -> Iterator[None]:
    """Within, Python's lock changes hands after `TURN_S`; several threads may be within at the same time."""
    with _turns:
        _sharing.append(_sharing[0] if _sharing else sys.getswitchinterval())
        sys.setswitchinterval(TURN_S)
    try:
        yield
    finally:
        with _turns:
            own = _sharing.pop()
            if not _sharing:
                sys.setswitchinterval(own)


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
