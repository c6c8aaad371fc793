"""Short texts on a canvas as pictures: what a note looks like, and where notes of one canvas stand.

A note becomes a small picture once; `look.notes_visual` then draws these pictures with OpenGL. Only `sprite` needs Qt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from monai_attn.labels import Label

__all__ = ["INK", "Note", "arrange", "legend_note", "sprite", "stacked"]

Sprite = NDArray[np.uint8]
"""Red, green, blue and alpha of each pixel, `(height, width, 4)`."""

INK, BOX = "#f0f0f0", (0, 0, 0, 150)
"""Light letters on a shade that lets the image through: readable on any image."""

PX_PER_PT = 96 / 72
PADDING_PX, MARGIN_PX, GAP_PX = 4, 8, 3
"""Around the letters within a box; from a box to the edge of the canvas; between the boxes of one place."""

LEGEND_LINES, NAME_LETTERS = 24, 32


@dataclass(frozen=True)
class Note:
    """Lines of text at one place of the canvas: "top", "middle" or "bottom", then "left", "center" or "right".

    With `swatches`, colours `#rrggbb`, each of the first lines begins with a patch of its colour.

    `text` may have several lines. `place` is such as "top_left"; `size_pt` is in points of 1/72 inch at 96 pixels per
    inch.
    """

    text: str
    place: str
    colour: str = INK
    size_pt: float = 11.0
    swatches: tuple[str, ...] = ()


def legend_note(labels: Sequence[Label], place: str) -> Note:
    """A line with colour and name per label; those beyond `LEGEND_LINES` are counted, long names cut.

    A note without text or patches for no labels. The last of `LEGEND_LINES` lines says how many are not named.
    """
    fit = labels if len(labels) <= LEGEND_LINES else labels[: LEGEND_LINES - 1]
    names = [label.name if len(label.name) <= NAME_LETTERS else label.name[: NAME_LETTERS - 1] + "…" for label in fit]
    names += [f"and {len(labels) - len(fit)} more"] if len(fit) < len(labels) else []
    return Note("\n".join(names), place, size_pt=10.0, swatches=tuple(label.colour for label in fit))


def arrange(
    notes: Iterable[Note], sizes_px: Iterable[Sequence[float]], canvas_px: Sequence[float]
) -> list[list[float]]:
    """The (left, top) of each note, given its (width, height), on a canvas of (width, height); all in pixels.

    Notes of one place stand below each other, in their order.

    Pixels are those of the canvas, from its left upper corner. A place of several notes is centred or aligned as a
    whole.

        >>> arrange([Note("a", "top_left"), Note("b", "top_left")], [(20, 10), (20, 10)], (200, 100))
        [[8, 8], [8, 21]]
    """
    placed = list(zip(notes, sizes_px, strict=True))
    heights: dict[str, float] = {}
    for note, size in placed:
        heights[note.place] = heights.get(note.place, -GAP_PX) + GAP_PX + size[1]
    tops = {place: _start(place.split("_")[0], height, canvas_px[1]) for place, height in heights.items()}
    corners = []
    for note, size in placed:
        corners.append([_start(note.place.split("_")[1], size[0], canvas_px[0]), tops[note.place]])
        tops[note.place] += size[1] + GAP_PX
    return corners


def sprite(note: Note, ratio: float = 1.0) -> Sprite:
    """The picture of a note, with `ratio` pixels of the screen for each pixel of the canvas. Needs Qt's application.

    Letters in the note's colour on a dark shade, with the patches of `swatches` before the first lines.
    """
    from qtpy.QtCore import QRect, Qt
    from qtpy.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter

    font = QFont()
    font.setPixelSize(max(1, round(note.size_pt * PX_PER_PT * ratio)))
    metrics, padding = QFontMetrics(font), round(PADDING_PX * ratio)
    lines, line = note.text.split("\n"), metrics.height()
    indent = line if note.swatches else 0
    width = indent + max(metrics.horizontalAdvance(text) for text in lines) + 2 * padding
    image = QImage(width, line * len(lines) + padding, QImage.Format.Format_RGBA8888)
    image.fill(QColor(*BOX))
    painter = QPainter(image)
    painter.setFont(font)
    side = Qt.AlignmentFlag.AlignRight if note.place.endswith("right") and not indent else Qt.AlignmentFlag.AlignLeft
    for number, text in enumerate(lines):
        top = padding // 2 + number * line
        if number < len(note.swatches):
            painter.fillRect(padding, top + line // 6, 2 * line // 3, 2 * line // 3, QColor(note.swatches[number]))
        painter.setPen(QColor(note.colour))
        painter.drawText(QRect(padding + indent, top, width - indent - 2 * padding, line), int(side), text)
    painter.end()
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 4 * width].reshape(image.height(), width, 4).copy()


def stacked(sprites: Mapping[str, Sprite]) -> tuple[Sprite, dict[str, tuple[int, int, int]]]:
    """All sprites below each other in one picture, and of each its (first row, height, width) there.

    Sprites lie at the left; what is free at their right is transparent. Without sprites the picture is one clear pixel.
    """
    shapes = [picture.shape for picture in sprites.values()]
    whole = np.zeros(
        (max(1, sum(shape[0] for shape in shapes)), max([1, *(shape[1] for shape in shapes)]), 4), np.uint8
    )
    where, row = {}, 0
    for name, picture in sprites.items():
        height, width = picture.shape[:2]
        whole[row : row + height, :width] = picture
        where[name], row = (row, height, width), row + height
    return whole, where


def _start(side: str, size: float, room: float) -> float:
    """Where something of a size begins within a room, for a side or the middle."""
    if side in ("top", "left"):
        return MARGIN_PX
    return round((room - size) / 2) if side in ("middle", "center") else room - size - MARGIN_PX
