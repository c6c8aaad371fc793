"""Ctrl-C, and the signal by which a job scheduler ends a job: both stop the command at the next step of Python.

`main` runs every command within `Interrupts`. Files are safe without this: `monai_attn.results` and
`monai_attn.io.atomic` leave no half of a file. The block is there so that a command ends soon and says "cancelled".
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

__all__ = ["Interrupts"]

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and the signal of `kill` and of job schedulers."""


class Interrupts:
    """Within the block, both signals raise `KeyboardInterrupt`, and `asked` says whether one has come.

    A library may turn the interrupt into an error of its own, or swallow it; `asked` still tells. A signal that the
    parent process has switched off, as `nohup` does, stays off. Outside the main thread nothing changes.

    The handlers of before are put back at the end of the block.

    >>> with Interrupts() as interrupts:
    ...     interrupts.check()
    >>> interrupts.asked
    False
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for one in SIGNALS:
                if signal.getsignal(one) is not signal.SIG_IGN:
                    self._before[one] = signal.signal(one, self._stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)

    def check(self) -> None:
        """Raise `KeyboardInterrupt` when a signal has come, also one that somebody has swallowed."""
        if self.asked:
            raise KeyboardInterrupt

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """The handler of both signals: remember that one has come, and interrupt Python."""
        del number, frame
        self.asked = True
        raise KeyboardInterrupt
