"""Keys that work wherever in a window the cursor is, as long as a panel lies in that window."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from qtpy.QtCore import QObject
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QWidget

__all__ = ["WindowKeys"]


class WindowKeys:
    """Keys as Qt writes them ("Alt+A") and what each does; they are bound in one window at a time, none at first.

    Qt ignores a key that two shortcuts of one window claim, so a panel that leaves its window must give its keys back.
    """

    def __init__(self, actions: Mapping[str, Callable[[], None]]) -> None:
        self.actions = dict(actions)
        self._bound: list[QShortcut] = []

    @property
    def window(self) -> QObject | None:
        """The window in which the keys are bound, None where they are not; kept by Qt alone, so that it can go."""
        window: QObject | None = self._bound[0].parent() if self._bound else None
        return window

    def bind(self, window: QWidget | None) -> None:
        """Bind the keys in a window, once however often this is called; None takes the keys back."""
        if window is self.window:
            return
        for key in self._bound:
            key.setEnabled(False)
            key.deleteLater()
        self._bound = []
        if window is None:
            return
        for key, action in self.actions.items():
            shortcut = QShortcut(QKeySequence(key), window)
            shortcut.setAutoRepeat(False)  # a key held too long does not accept the next case too
            shortcut.activated.connect(action)
            self._bound.append(shortcut)
