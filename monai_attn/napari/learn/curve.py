"""The learning curve of a training that runs: the loss, and the Dice of the validation, over time. Plain Qt."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen
from qtpy.QtWidgets import QWidget

from monai_attn.napari.learn.training import CurvePoint

__all__ = ["CurveView"]

LOSS, DICE = QColor("#f2a03d"), QColor("#4c9aff")
MARGIN = 6


class CurveView(QWidget):
    """Draws the curve: the loss in orange, from 0 to its largest value, and the Dice in blue, from 0 to 1."""

    def __init__(self) -> None:
        super().__init__()
        self.points: tuple[CurvePoint, ...] = ()
        self.setMinimumHeight(90)
        self.setToolTip("The learning curve: the loss falls, and the Dice of the validation rises, while it learns.")

    def sizeHint(self) -> QSize:  # noqa: N802
        """Room for the two lines and their names."""
        return QSize(280, 140)

    def show_points(self, points: Sequence[CurvePoint]) -> None:
        """Draw these points in place of those before."""
        if tuple(points) != self.points:
            self.points = tuple(points)
            self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: ARG002, N802
        """Draw both lines with their latest values. Qt calls it; without points only the frame is drawn."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink = self.palette().color(QPalette.ColorRole.WindowText)
        line = painter.fontMetrics().height()
        room = QRectF(self.rect()).adjusted(MARGIN, line + MARGIN, -MARGIN, -MARGIN)
        painter.setPen(QPen(ink, 0.5))
        painter.drawRect(room)
        end = max([1e-9, *(point.seconds for point in self.points)])
        losses = [(point.seconds / end, point.loss) for point in self.points if _is_number(point.loss)]
        dices = [(point.seconds / end, point.dice) for point in self.points if _is_number(point.dice)]
        top = max([1e-9, *(loss for _, loss in losses if loss is not None)])
        across = float(MARGIN)
        for colour, name, found, most in ((LOSS, "loss", losses, top), (DICE, "Dice", dices, 1.0)):
            places = [
                QPointF(room.left() + at * room.width(), room.bottom() - (value or 0.0) / most * room.height())
                for at, value in found
            ]
            painter.setPen(QPen(colour, 2))
            painter.drawPolyline(places)
            for place in places if len(places) < 3 else ():
                painter.drawEllipse(place, 2, 2)
            text = f"{name} {found[-1][1]:.3f}" if found else name
            painter.drawText(QRectF(across, 0, self.width(), line), int(Qt.AlignmentFlag.AlignLeft), text)
            across += painter.fontMetrics().horizontalAdvance(text) + 3 * MARGIN
        painter.end()


def _is_number(value: float | None) -> bool:
    """Whether there is a value that can be drawn: a point after a validation has no loss."""
    return value is not None and value == value
