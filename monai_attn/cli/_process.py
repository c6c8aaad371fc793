"""What a process can leave out that runs one command and then ends."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["leave_at_the_end", "without_looking_for_garbage"]


@contextmanager
def without_looking_for_garbage(own_process: bool) -> Iterator[None]:
    """While within, much is imported: Python does not look for garbage, and never again looks at what is there then.

    Modules stay to the end of a process. To look at them again and again takes a tenth of the time of imports. Outside
    of a process of our own (`own_process`) nothing is changed.
    """
    if not own_process or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def leave_at_the_end(code: list[int]) -> None:
    """Let this process end with the first number of `code`, if there is one, without taking apart what it has loaded.

    To take torch and MONAI apart, one object after the other, takes half a second. What must be done at an end is done
    before: threads end, functions registered with `atexit` run, and stdout and stderr are written out. So call this
    before anything else is loaded: such functions run in the reverse of their order.
    """

    def leave() -> None:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):  # closed, full, or not there
                stream.flush()
        if code:
            os._exit(code[0])

    atexit.register(leave)
