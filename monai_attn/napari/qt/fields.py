"""Texts, choices and a column that make do with little width."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QComboBox, QLabel, QScrollArea, QSizePolicy, QWidget
from typing_extensions import override

__all__ = ["ScrollColumn", "combo_box", "words"]


class ScrollColumn(QScrollArea):
    """Scrolls up and down only, and is as wide as its content needs."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(content)

    @override
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the content, whose width changes with the choices and the theme."""
        content = self.widget()
        if content is not None and watched is content and event.type() == QEvent.Type.LayoutRequest:
            self.setMinimumWidth(content.minimumSizeHint().width() + self.verticalScrollBar().sizeHint().width())
        return bool(super().eventFilter(watched, event))


def words() -> QLabel:
    """A label that wraps its words and asks for no width of its own."""
    label = QLabel()
    label.setWordWrap(True)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    return label


def combo_box(items: Sequence[str]) -> QComboBox:
    """A choice among items that may be narrower than the longest of them."""
    box = QComboBox()
    box.addItems(list(items))
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(4)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return box
