"""Where the dock goes: beside the canvas, or as a tab over napari's own docks where the screen is small.

napari's two docks at the left and its canvas alone need 606 x 535 pixels. On a screen of 1366 x 768 pixels at scale 1.5
(910 x 512 points) nothing else fits beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from monai_attn.napari.qt.windows import main_window, parent_of

__all__ = ["ask_before_closing", "is_small", "settle_dock"]

ROOM = QSize(1000, 600)
"""Points of a screen below which napari's docks and ours do not fit beside each other."""

NAPARIS = ("layer controls", "layer list")
"""Titles of napari's docks at the left."""

WIDTH = 340
"""Points that the dock takes beside the canvas."""


def is_small(screen: QSize) -> bool:
    """Whether a screen of so many points is too small for docks on both sides.

    >>> is_small(QSize(1280, 800)), is_small(QSize(910, 512))
    (False, True)
    """
    return bool(screen.width() < ROOM.width() or screen.height() < ROOM.height())


def settle_dock(panel: QWidget) -> None:
    """Give the dock that holds a panel its place and width; nothing happens while the panel is in no dock."""
    window, dock = main_window(panel), parent_of(panel, QDockWidget)
    if dock is None or window is None or dock.isFloating():
        return
    if not is_small(panel.screen().availableGeometry().size()):
        if window.dockWidgetArea(dock) == Qt.DockWidgetArea.LeftDockWidgetArea:  # as a small screen left it
            window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
        window.resizeDocks([dock], [WIDTH], Qt.Orientation.Horizontal)
        return
    docks = {one.windowTitle(): one for one in window.findChildren(QDockWidget)}
    others = [docks[title] for title in NAPARIS if title in docks]
    for one, other in pairwise([*others, dock]):
        window.tabifyDockWidget(one, other)
    dock.raise_()
    QTimer.singleShot(0, window, lambda: _into_screen(window))  # it grew while the docks lay beside each other


def ask_before_closing(panel: QWidget, may_close: Callable[[], bool]) -> None:
    """Let the cross of the dock that holds a panel ask first; asking twice for one dock does no harm.

    napari's cross calls the method `destroyOnClose` of its dock widget, which is replaced here. Where a later napari
    closes its docks otherwise, nobody is asked.
    """
    dock: Any = parent_of(panel, QDockWidget)
    close = getattr(dock, "destroyOnClose", None)
    if close is None or getattr(close, "asks", False):
        return

    def asking() -> None:
        if may_close():
            close()

    asking.asks = True  # type: ignore[attr-defined]
    dock.destroyOnClose = asking


def _into_screen(window: QMainWindow) -> None:
    """Make a window no larger than its screen."""
    room = window.screen().availableGeometry()
    size = window.size().boundedTo(room.size())
    if size != window.size():
        window.resize(size)
        window.move(room.topLeft())
