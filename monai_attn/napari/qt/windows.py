"""The window and the dock around a panel."""

from __future__ import annotations

from typing import TypeVar

from qtpy.QtWidgets import QMainWindow, QWidget

__all__ = ["main_window", "parent_of"]

Kind = TypeVar("Kind", bound=QWidget)


def main_window(panel: QWidget) -> QMainWindow | None:
    """The window of napari that a panel is in, also while its dock floats; None for a panel in no window."""
    return parent_of(panel, QMainWindow)


def parent_of(panel: QWidget, kind: type[Kind]) -> Kind | None:
    """The first widget of a kind around a panel; None where there is none."""
    parent = panel.parentWidget()
    while parent is not None and not isinstance(parent, kind):
        parent = parent.parentWidget()
    return parent
