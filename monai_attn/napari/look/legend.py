"""A strip beside a picture that says what is seen: sentences, the colours of structures, and that it is research.

Screenshots and key images of the Structures panel get such a strip, so that a picture in a talk still says what it
shows. The legend that is drawn on the canvas itself is `look.notes.legend_note`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QBuffer, QByteArray, QIODevice, QRect, Qt
from qtpy.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter

from monai_attn.errors import FileError
from monai_attn.labels import Label
from monai_attn.notice import RESEARCH_USE

__all__ = ["CanvasPicture", "png_bytes", "with_legend"]

CanvasPicture = NDArray[np.uint8]
"""Red, green, blue and alpha of each pixel, `(height, width, 4)`."""

BACKGROUND, INK = QColor("#101418"), QColor("#f0f0f0")
WIDTH_LINES, MARGIN_LINES = 15, 0.6
"""Width of the strip and of its margins, in heights of a line of text."""

LINES_PER_PICTURE = 42
"""How many lines of text fit beside a picture; no less than `LEAST_PX` pixels each."""

LEAST_PX = 13


def with_legend(picture: CanvasPicture, labels: Sequence[Label], sentences: Sequence[str] = ()) -> CanvasPicture:
    """The picture with a strip at its right: the sentences, a colour and a name per label, and `RESEARCH_USE` below.

    Nothing of the picture is covered. Labels that do not fit are counted. Needs Qt's application, for its fonts.

    `picture` has the shape `(height, width, 4)`; the result is wider and as high. The height of the letters follows
    that of the picture. A name too long for the strip is cut.
    """
    height, width = picture.shape[:2]
    font = QFont()
    font.setPixelSize(max(LEAST_PX, height // LINES_PER_PICTURE))
    line = QFontMetrics(font).height()
    margin, strip = round(MARGIN_LINES * line), WIDTH_LINES * line
    image = QImage(width + strip, height, QImage.Format.Format_RGBA8888)
    image.fill(BACKGROUND)
    painter = QPainter(image)
    painter.setFont(font)
    solid = np.ascontiguousarray(picture)
    painter.drawImage(0, 0, QImage(solid.data, width, height, 4 * width, QImage.Format.Format_RGBA8888))
    page = QRect(width + margin, margin, strip - 2 * margin, height - 2 * margin)
    floor = page.bottom() - _write(painter, page, RESEARCH_USE, bottom=True)
    y = page.top()
    for sentence in sentences:
        y += _write(painter, QRect(page.left(), y, page.width(), floor - y), sentence)
    y += line // 2 if sentences else 0
    room = max(0, (floor - y) // line)
    fit = labels if len(labels) <= room else labels[: max(0, room - 1)]
    for label in fit:
        painter.fillRect(page.left(), y + line // 6, 2 * line // 3, 2 * line // 3, QColor(label.colour))
        _write(painter, QRect(page.left() + line, y, page.width() - line, line), label.name)
        y += line
    if len(fit) < len(labels):
        _write(painter, QRect(page.left(), y, page.width(), line), f"and {len(labels) - len(fit)} more")
    painter.end()
    return _pixels(image)


def png_bytes(picture: CanvasPicture) -> bytes:
    """The picture as a PNG file, with nothing beside the pixels.

    Raises `FileError` where Qt cannot write the picture.
    """
    height, width = picture.shape[:2]
    solid = np.ascontiguousarray(picture)
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not QImage(solid.data, width, height, 4 * width, QImage.Format.Format_RGBA8888).save(buffer, "PNG"):
        raise FileError(f"A picture of {width} x {height} pixels could not be written as PNG.")
    return bytes(content.data())


def _write(painter: QPainter, box: QRect, text: str, *, bottom: bool = False) -> int:
    """Write text into a box, over several lines where one does not do; the height it took."""
    wrap = Qt.TextFlag.TextWordWrap | (Qt.AlignmentFlag.AlignBottom if bottom else Qt.AlignmentFlag.AlignTop)
    painter.setPen(INK)
    return int(painter.drawText(box, int(wrap), text).height())


def _pixels(image: QImage) -> CanvasPicture:
    """The pixels of an image of Qt, copied, without the bytes that Qt adds to each row."""
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 4 * image.width()].reshape(image.height(), image.width(), 4).copy()
