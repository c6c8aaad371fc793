"""One plane of the viewer's layers in a small window of its own, with a crosshair in millimetres: plain Qt.

`look.slices` gives the pictures and `look.readout` the words. The pane only places them and passes on mouse and wheel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QTransform, QWheelEvent
from qtpy.QtWidgets import QWidget

from monai_attn.napari.layers.volumes import camera_orientation
from monai_attn.napari.look.canvas import canvas_notes
from monai_attn.napari.look.planes import WORLD_ORDER, edge_letters, plane_directions, show_plane
from monai_attn.napari.look.readout import plane_place, shown_grid
from monai_attn.napari.look.slices import SlicePicture, extent_mm, slice_pictures

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["PlanePane"]

LINE = QColor("#ffd166")
SHADE = QColor(0, 0, 0, 150)
MARGIN = 0.95
Side = Qt.AlignmentFlag


class PlanePane(QWidget):
    """One plane through the viewer's point.

    Click or drag moves the crosshair, the wheel the slice, Ctrl and the wheel the zoom; a double click shows the plane
    on the canvas.

    `plane` is "axial", "coronal" or "sagittal". Left and right follow the convention of the canvas. Zoom 1 shows all
    layers; from 1 to 16 the picture is centred on the crosshair. Labels cannot be painted here.
    """

    def __init__(self, viewer: ViewerModel, plane: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer, self.plane = viewer, plane
        self.setMinimumSize(120, 120)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setToolTip("Click to go there; wheel for slices, Ctrl+wheel to zoom; double click to show it large.")
        self.zoom = 1.0
        self._pictures: list[SlicePicture] | None = None
        self._cut_at: float | None = None
        self._drawn: tuple[list[SlicePicture], Any, QPixmap] | None = None

    def sizeHint(self) -> QSize:  # noqa: N802
        """Room for a picture."""
        return QSize(300, 260)

    def changed(self) -> None:
        """Draw the layers anew: their contents or looks changed."""
        self._pictures = None
        self.update()

    def moved(self) -> None:
        """The point moved: cut the layers anew if their slice changed, else draw only the crosshair anew.

        In a plane that is not scrolled, cutting the layers is saved: only two lines are drawn.
        """
        if self._point()[WORLD_ORDER[self.plane][0]] != self._cut_at:
            self._pictures = None
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: ARG002, N802
        """Draw slices, crosshair and letters.

        Qt calls it. Without layers the pane is black.
        """
        painter = QPainter(self)
        to_screen = self.to_screen()
        if to_screen is None:
            painter.fillRect(self.rect(), QColor("black"))
        else:
            painter.drawPixmap(0, 0, self._slices(to_screen))
            self._draw_crosshair(painter, to_screen)
            self._draw_words(painter)
        painter.end()

    def to_screen(self) -> QTransform | None:
        """From (across, vertical) in mm of the world to pixels of the pane; None without layers.

        Mirrored according to the convention of the viewer, left and right, and never stretched: a millimetre is as long
        in both directions.
        """
        extent = extent_mm(self.viewer.layers)
        if extent is None:
            return None
        vertical, across = WORLD_ORDER[self.plane][1:]
        size = extent[1] - extent[0]
        fit = MARGIN * min(self.width() / size[across], self.height() / size[vertical])
        _, up, right = camera_orientation((vertical, across), radiological=canvas_notes(self.viewer).radiological)
        middle = (extent[0] + extent[1]) / 2 if self.zoom == 1 else np.asarray(self._point())
        x, y = fit * self.zoom * (1 if right == "right" else -1), fit * self.zoom * (-1 if up == "up" else 1)
        return QTransform(
            x, 0, 0, y, self.width() / 2 - x * float(middle[across]), self.height() / 2 - y * float(middle[vertical])
        )

    def go_to_pixel(self, where: QPointF) -> None:
        """Move the viewer's point to a place of the pane, within the plane.

        `where` is in pixels of the pane. The slice of this pane stays; the other panes and the canvas follow.
        """
        to_screen = self.to_screen()
        if to_screen is None:
            return
        back, _ = to_screen.inverted()
        there = back.map(where)
        vertical, across = WORLD_ORDER[self.plane][1:]
        extra = self.viewer.dims.ndim - 3
        self.viewer.dims.set_point([vertical + extra, across + extra], [there.y(), there.x()])

    def step(self, slices: int) -> None:
        """Move the slice by so many steps of the viewer's slider.

        The step of the slider is the smallest spacing of all layers along that axis. Negative goes backwards.
        """
        axis = WORLD_ORDER[self.plane][0] - 3
        dims = self.viewer.dims
        if dims.ndim >= 3:
            dims.set_current_step(dims.ndim + axis, dims.current_step[axis] + slices)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Move the crosshair.

        Only with the left button; also called while the mouse is dragged.
        """
        if event is not None and event.buttons() & Qt.MouseButton.LeftButton:
            self.go_to_pixel(event.position())

    mouseMoveEvent = mousePressEvent  # noqa: N815

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:  # noqa: ARG002, N802
        """Show this plane on the canvas.

        The canvas leaves 3-D for it, and keeps its point.
        """
        show_plane(self.viewer, self.plane, radiological=canvas_notes(self.viewer).radiological)

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802
        """Scroll slices, or zoom about the crosshair.

        With Ctrl one notch zooms by a quarter, between 1 and 16; without it one notch is one step.
        """
        if event is None:
            return
        forward = 1 if event.angleDelta().y() > 0 else -1
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom = min(16.0, max(1.0, self.zoom * 1.25**forward))
            self.update()
        else:
            self.step(forward)
        event.accept()

    def _point(self) -> tuple[float, ...]:
        return tuple(self.viewer.dims.point[-3:])

    def _cut(self) -> list[SlicePicture]:
        """The pictures of this plane, cut again only when its slice or the layers changed."""
        if self._pictures is None:
            axis = WORLD_ORDER[self.plane][0]
            point, thick = self._point(), float(self.viewer.dims.thickness[axis - 3])
            self._pictures = slice_pictures(self.viewer.layers, WORLD_ORDER[self.plane], point, thick)
            self._cut_at = point[axis]
        return self._pictures

    def _slices(self, to_screen: QTransform) -> QPixmap:
        """The slices as they are seen, drawn again only when they, their place or the size of the pane changed."""
        pictures, ratio = self._cut(), self.devicePixelRatioF()
        place = (to_screen, self.size(), ratio)
        if self._drawn is None or self._drawn[0] is not pictures or self._drawn[1] != place:
            made = QPixmap(self.size() * ratio)
            made.setDevicePixelRatio(ratio)
            made.fill(QColor("black"))
            painter = QPainter(made)
            painter.setTransform(to_screen)
            for picture in pictures:
                _draw(painter, picture)
            painter.end()
            self._drawn = pictures, place, made
        return self._drawn[2]

    def _draw_crosshair(self, painter: QPainter, to_screen: QTransform) -> None:
        """Two dotted lines through the viewer's point."""
        vertical, across = WORLD_ORDER[self.plane][1:]
        here = to_screen.map(QPointF(self._point()[across], self._point()[vertical]))
        painter.setPen(QPen(LINE, 1, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(0, here.y()), QPointF(self.width(), here.y()))
        painter.drawLine(QPointF(here.x(), 0), QPointF(here.x(), self.height()))

    def _draw_words(self, painter: QPainter) -> None:
        """Letters at the four edges, and plane and place in the corner, on a shade."""
        grid = shown_grid(self.viewer.layers)
        edges = edge_letters(*plane_directions(self.plane, grid, radiological=canvas_notes(self.viewer).radiological))
        words = (
            (Side.AlignLeft | Side.AlignVCenter, edges.left, LINE),
            (Side.AlignRight | Side.AlignVCenter, edges.right, LINE),
            (Side.AlignTop | Side.AlignHCenter, edges.top, LINE),
            (Side.AlignBottom | Side.AlignHCenter, edges.bottom, LINE),
            (Side.AlignLeft | Side.AlignTop, plane_place(self.plane, grid, self._point()), QColor("white")),
        )
        room = QRectF(self.rect()).adjusted(5, 3, -5, -3)
        for sides, text, colour in words:
            painter.fillRect(painter.boundingRect(room, sides, text).adjusted(-2, 0, 2, 0), SHADE)
            painter.setPen(colour)
            painter.drawText(room, sides, text)


def _draw(painter: QPainter, picture: SlicePicture) -> None:
    """One layer in its opacity, added to those below or over them."""
    rows, columns = picture.rgba.shape[:2]
    image = QImage(picture.rgba.tobytes(), columns, rows, 4 * columns, QImage.Format.Format_RGBA8888)
    (top, left), (bottom, right) = picture.lower_mm, picture.upper_mm
    mode = QPainter.CompositionMode
    painter.setOpacity(picture.opacity)
    painter.setCompositionMode(mode.CompositionMode_Plus if picture.additive else mode.CompositionMode_SourceOver)
    painter.drawImage(QRectF(left, top, right - left, bottom - top), image)
