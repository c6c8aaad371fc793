"""Boxes that the mouse wheel changes only while they have the focus.

In a column that scrolls, the wheel passes over many boxes. Qt's own boxes would change their values then, so that a
user who only scrolls gets another bundle (model) or another threshold without seeing it. All panels use these boxes.
"""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QSlider, QSpinBox, QWidget
from typing_extensions import override

__all__ = ["CalmComboBox", "CalmDoubleSpinBox", "CalmSlider", "CalmSpinBox"]


class CalmComboBox(QComboBox):
    """A choice; the wheel over a box without the focus scrolls what is around the box.

    A click or the tab key gives the focus, the mouse alone does not.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    @override
    def wheelEvent(self, event: QWheelEvent) -> None:
        """Change the choice only with the focus."""
        super().wheelEvent(event) if self.hasFocus() else event.ignore()


class CalmSpinBox(QSpinBox):
    """A whole number; see `CalmComboBox`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    @override
    def wheelEvent(self, event: QWheelEvent) -> None:
        """Change the number only with the focus."""
        super().wheelEvent(event) if self.hasFocus() else event.ignore()


class CalmDoubleSpinBox(QDoubleSpinBox):
    """A number with decimals; see `CalmComboBox`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    @override
    def wheelEvent(self, event: QWheelEvent) -> None:
        """Change the number only with the focus."""
        super().wheelEvent(event) if self.hasFocus() else event.ignore()


class CalmSlider(QSlider):
    """A horizontal slider; see `CalmComboBox`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    @override
    def wheelEvent(self, event: QWheelEvent) -> None:
        """Move the slider only with the focus."""
        super().wheelEvent(event) if self.hasFocus() else event.ignore()
