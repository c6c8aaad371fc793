"""Texts, choices and a column that make do with little width.

napari's docks are narrow beside the canvas; a long name or sentence must not widen them.
"""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QComboBox, QLabel, QScrollArea, QSizePolicy, QWidget
from typing_extensions import override

from monai_attn.napari.qt.calm import CalmComboBox

__all__ = ["ScrollColumn", "combo_box", "words"]


class ScrollColumn(QScrollArea):
    """Scrolls up and down only, and is as wide as its content needs.

    `content` is laid out at the width that is there. Its minimum width sets that of the column, so that nothing is cut.
    """

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
    """A label that wraps its words and asks for no width of its own.

    Empty at first; for sentences whose length is not known, such as warnings or the names of files.
    """
    label = QLabel()
    label.setWordWrap(True)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    return label


def combo_box(items: Sequence[str]) -> QComboBox:
    """A choice among items that may be narrower than the longest of them.

    At least four letters wide; the list that opens shows the items in full.
    """
    box = CalmComboBox()
    box.addItems(list(items))
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(4)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return box
