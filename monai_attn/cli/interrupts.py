"""Ctrl-C, and the signal by which a job scheduler ends a job: both stop the command at the next step of Python.

`main` runs every command within `Interrupts`. Files are safe without this: `monai_attn.results` and
`monai_attn.io.atomic` leave no half of a file. The block is there so that a command ends soon and says "cancelled".
"""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any

__all__ = ["Interrupts"]

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and the signal of `kill` and of job schedulers."""

AGAIN_S = 0.02
"""Seconds until an interrupt that met a place where Python drops errors is raised once more."""


class Interrupts:
    """Within the block, both signals raise `KeyboardInterrupt`, and `asked` says whether one has come.

    A library may turn the interrupt into an error of its own, or swallow it; `asked` still tells. Python itself drops
    errors of callbacks and prints them as "ignored"; such an interrupt is raised again, and not printed. A signal that
    the parent process has switched off, as `nohup` does, stays off. Outside the main thread nothing changes.

    The handlers of before are put back at the end of the block.

    >>> with Interrupts() as interrupts:
    ...     interrupts.check()
    >>> interrupts.asked
    False
    """

    def __init__(self) -> None:
        self.asked = False
        self._number = signal.SIGINT
        self._before: dict[int, Any] = {}
        self._hook = sys.unraisablehook
        self._again: threading.Timer | None = None

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._hook, sys.unraisablehook = sys.unraisablehook, self._dropped
            for one in SIGNALS:
                if signal.getsignal(one) is not signal.SIG_IGN:
                    self._before[one] = signal.signal(one, self._stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._again:
            self._again.cancel()
        for one, handler in self._before.items():
            signal.signal(one, handler)
        if sys.unraisablehook == self._dropped:
            sys.unraisablehook = self._hook

    def check(self) -> None:
        """Raise `KeyboardInterrupt` when a signal has come, also one that somebody has swallowed."""
        if self.asked:
            raise KeyboardInterrupt

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """The handler of both signals: remember that one has come, and interrupt Python."""
        del frame
        self.asked, self._number = True, signal.Signals(number)
        raise KeyboardInterrupt

    def _dropped(self, dropped: sys.UnraisableHookArgs) -> None:
        """The hook for errors that Python drops: an interrupt of ours is raised again, when the callback is over."""
        if self.asked and isinstance(dropped.exc_value, KeyboardInterrupt):
            self._again = threading.Timer(AGAIN_S, _signal_main, [self._number])
            self._again.daemon = True
            self._again.start()
        else:
            self._hook(dropped)


def _signal_main(number: signal.Signals) -> None:
    """Send the signal to the main thread, so that it also ends a wait."""
    if sys.platform == "win32":
        import _thread

        _thread.interrupt_main(number)
    else:
        signal.pthread_kill(threading.main_thread().ident or 0, number)
