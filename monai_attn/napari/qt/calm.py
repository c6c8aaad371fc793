"""Boxes that the mouse wheel changes only while they have the focus.

In a column that scrolls, the wheel passes over many boxes. Qt's own boxes would change their values then, so that a
user who only scrolls gets another bundle (model) or another threshold without seeing it. All panels use these boxes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QSlider, QSpinBox, QWidget
from typing_extensions import override

__all__ = ["CalmComboBox", "CalmDoubleSpinBox", "CalmSlider", "CalmSpinBox"]


class _Calm(QWidget if TYPE_CHECKING else object):  # type: ignore[misc]  # Qt allows one of its classes as a base
    """Takes the wheel only with the focus. A click or the tab key gives the focus, the mouse alone does not."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    @override
    def wheelEvent(self, event: QWheelEvent) -> None:
        """Change the value with the focus; without the focus, what is around the box scrolls."""
        super().wheelEvent(event) if self.hasFocus() else event.ignore()


class CalmComboBox(_Calm, QComboBox):
    """A choice; the wheel over a box without the focus scrolls what is around the box."""


class CalmSpinBox(_Calm, QSpinBox):
    """A whole number; see `CalmComboBox`."""


class CalmDoubleSpinBox(_Calm, QDoubleSpinBox):
    """A number with decimals; see `CalmComboBox`."""


class CalmSlider(_Calm, QSlider):
    """A horizontal slider; see `CalmComboBox`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
