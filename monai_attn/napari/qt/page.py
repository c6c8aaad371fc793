"""How a panel is laid out in the narrow dock: what scrolls, what stays in view, what is folded away.

The main button of a panel and the check beside it always stay in view, whatever the height of the window. What most
users never change is folded under "Advanced".
"""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QFormLayout, QLayout, QScrollArea, QSizePolicy, QToolButton, QVBoxLayout, QWidget
from typing_extensions import override

from monai_attn.napari.qt.fields import ScrollColumn

__all__ = ["Advanced", "CheckColumn", "HiddenWhenLow", "in_order", "lay_out_page", "narrow_form", "tip_labels"]


class Advanced(QWidget):
    """Parts that are folded away under a word until the word is clicked.

    `folded` says whether the parts are hidden; they are at first.
    """

    def __init__(self, parts: Sequence[QWidget | QLayout], title: str = "Advanced") -> None:
        super().__init__()
        self.head = QToolButton()
        self.head.setText(title)
        self.head.setToolTip("Show or hide what is rarely changed.")
        self.head.setCheckable(True)
        self.head.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.head.setArrowType(Qt.ArrowType.RightArrow)
        self.body = QWidget()
        inside = QVBoxLayout(self.body)
        inside.setContentsMargins(0, 0, 0, 0)
        for part in parts:
            inside.addWidget(part) if isinstance(part, QWidget) else inside.addLayout(part)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.head)
        layout.addWidget(self.body)
        self.body.setVisible(False)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.head.toggled.connect(self._fold)

    @property
    def folded(self) -> bool:
        """Whether the parts are hidden."""
        return not self.head.isChecked()

    def _fold(self, shown: bool) -> None:
        """Show or hide the parts, and turn the arrow."""
        self.head.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
        self.body.setVisible(shown)


class CheckColumn(QScrollArea):
    """Sentences that stay in view: as high as their text, up to a height above which they scroll."""

    def __init__(self, *parts: QWidget, most_px: int = 150) -> None:
        super().__init__()
        self._most_px = most_px
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(4, 0, 4, 0)
        for part in parts:
            column.addWidget(part)
        inner.installEventFilter(self)
        self.setWidget(inner)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    @override
    def sizeHint(self) -> QSize:
        """As high as the text needs beside a scroll bar, up to the most.

        The width without the bar is not taken: the text would need one line less there, which brings the bar back.
        """
        inner = self.widget()
        width = max(self.width() - self.verticalScrollBar().sizeHint().width(), 100)
        height = inner.heightForWidth(width) if inner.hasHeightForWidth() else inner.sizeHint().height()
        return QSize(width, min(max(height, 16), self._most_px) + 2)

    @override
    def minimumSizeHint(self) -> QSize:
        """Wide as little as one likes, high as `sizeHint` says."""
        return QSize(60, self.sizeHint().height())

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        """Ask for another height where the width has changed."""
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self.updateGeometry()

    @override
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Ask for another height where a text has changed."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))


def lay_out_page(
    page: QWidget, above: Sequence[QWidget | QLayout], below: Sequence[QWidget], *, grows: int = -1
) -> None:
    """Put parts into a page: `above` scrolls, `below` stays in view.

    `grows` is the place in `above` of the part that takes the height that is left; -1 for none.
    """
    inner = QWidget()
    column = QVBoxLayout(inner)
    column.setContentsMargins(4, 2, 4, 2)
    for number, part in enumerate(above):
        stretch = int(number == grows)
        column.addWidget(part, stretch) if isinstance(part, QWidget) else column.addLayout(part, stretch)
    if grows < 0:
        column.addStretch()
    outer = QVBoxLayout(page)
    outer.setContentsMargins(2, 2, 2, 2)
    outer.addWidget(ScrollColumn(inner), 1)
    for part in below:
        outer.addWidget(part)
    page.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)


class HiddenWhenLow(QObject):
    """Hides a part of a page where the page is lower than so many points, as on a small screen that is scaled."""

    def __init__(self, page: QWidget, part: QWidget, points: int = 480) -> None:
        super().__init__(page)
        self._part, self._points = part, points
        page.installEventFilter(self)

    @override
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Look at the height whenever the page gets another size."""
        if isinstance(event, QResizeEvent):
            self._part.setVisible(event.size().height() >= self._points)
        return bool(super().eventFilter(watched, event))


def narrow_form(parent: QWidget | None = None) -> QFormLayout:
    """A form whose fields go below their labels where the dock is narrow."""
    form = QFormLayout(parent) if parent is not None else QFormLayout()
    form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return form


def tip_labels(page: QWidget) -> None:
    """Give each label of the page's forms the tool tip of the field beside it, where the label has none.

    A field that is a row of several widgets lends the first tool tip among them.
    """
    for form in page.findChildren(QFormLayout):
        for number in range(form.rowCount()):
            label = form.itemAt(number, QFormLayout.ItemRole.LabelRole)
            field = form.itemAt(number, QFormLayout.ItemRole.FieldRole)
            name, box = (item.widget() if item is not None else None for item in (label, field))
            if name is not None and box is not None and not name.toolTip():
                tips = [box.toolTip(), *(part.toolTip() for part in box.findChildren(QWidget))]
                name.setToolTip(next((tip for tip in tips if tip), ""))


def in_order(widget: QWidget) -> list[QWidget]:
    """The widgets that take the focus by the tab key, from top to bottom, whatever was made first.

    Hidden and disabled ones are among them.
    """
    if isinstance(widget, QScrollArea):
        return in_order(widget.widget()) if widget.widget() is not None else []
    if widget.layout() is not None:
        return _in_layout(widget.layout())
    return [widget] if widget.focusPolicy() & Qt.FocusPolicy.TabFocus else []


def _in_layout(layout: QLayout) -> list[QWidget]:
    found: list[QWidget] = []
    for number in range(layout.count()):
        item = layout.itemAt(number)
        if item.widget() is not None:
            found += in_order(item.widget())
        elif item.layout() is not None:
            found += _in_layout(item.layout())
    return found
