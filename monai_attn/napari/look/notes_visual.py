"""The overlay of `look.notes_overlay` and how it is drawn: one texture with all notes, and two triangles for each.

It uses napari's private classes of drawing and is imported by `look.notes_overlay` only, which catches their absence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from napari._vispy.overlays.base import ViewerOverlayMixin, VispyCanvasOverlay
from napari.components.overlays import CanvasOverlay
from vispy.gloo import Texture2D, VertexBuffer
from vispy.scene.visuals import create_visual_node
from vispy.visuals import Visual

from monai_attn.napari.look.notes import Note, Sprite, arrange, sprite, stacked

__all__ = ["DRAWN", "NotesOverlay", "VispyNotes"]

VERTEX = """
attribute vec2 a_position;
attribute vec2 a_texture;
varying vec2 v_texture;
void main() {
    v_texture = a_texture;
    gl_Position = $transform(vec4(a_position, 0.0, 1.0));
}
"""
FRAGMENT = """
uniform sampler2D u_texture;
varying vec2 v_texture;
void main() { gl_FragColor = texture2D(u_texture, v_texture); }
"""

TRIANGLES = np.array([[0, 0], [1, 0], [1, 1], [0, 0], [1, 1], [0, 1]], np.float32)
"""The two triangles of a note, as parts of its width and height."""


class NotesOverlay(CanvasOverlay):
    """What `VispyNotes` draws: notes by name.

    An overlay of napari's canvas. Its event `notes` is emitted when other notes are given.
    """

    notes: dict[str, Any] = {}  # noqa: RUF012 (a pydantic field, copied for each overlay)


class NotesVisual(Visual):
    """Notes in the pixels of the canvas; painted when they are drawn, so that several changes cost one painting.

    A sprite is painted once per note and pixel ratio, and kept while the note is shown. Positions are in pixels of the
    canvas, so that a note stays where it is when one zooms.
    """

    def __init__(self) -> None:
        super().__init__(VERTEX, FRAGMENT)
        self._draw_mode = "triangles"
        self._notes: Mapping[str, Note] = {}
        self._painted: dict[tuple[Note, float], Sprite] = {}
        self._drawn: Any = None
        self._texture = Texture2D(np.zeros((1, 1, 4), np.uint8), interpolation="linear")
        self._places, self._parts = VertexBuffer(0 * TRIANGLES), VertexBuffer(0 * TRIANGLES)
        program = self.shared_program
        program["u_texture"], program["a_position"], program["a_texture"] = self._texture, self._places, self._parts

    def set_notes(self, notes: Mapping[str, Note]) -> None:
        """Draw these from now on.

        `notes` are by name, drawn in their order. Nothing is painted before the canvas is drawn.
        """
        self._notes = notes
        self.update()

    @staticmethod
    def _prepare_transforms(view: Any) -> None:
        """Give the shader the transform from canvas pixels to the screen, as vispy asks."""
        view.view_program.vert["transform"] = view.transforms.get_transform()

    def _prepare_draw(self, view: Any) -> bool | None:
        """Paint what changed since the last drawing: notes, size of the canvas, or pixel ratio."""
        canvas_px, ratio = tuple(view.transforms.canvas.size), float(view.transforms.pixel_scale)
        if not self._notes:
            return False  # vispy's word for "draw nothing"
        wanted = (self._notes, canvas_px, ratio)
        if wanted != self._drawn:
            self._paint(canvas_px, ratio)
            self._drawn = wanted
        return None

    def _paint(self, canvas_px: tuple[int, int], ratio: float) -> None:
        """Paint all notes into one texture, and place two triangles for each on the canvas."""
        keys = {name: (note, ratio) for name, note in self._notes.items()}
        self._painted = {key: self._painted[key] if key in self._painted else sprite(*key) for key in keys.values()}
        sprites = {name: self._painted[key] for name, key in keys.items()}
        picture, where = stacked(sprites)
        rows, columns = picture.shape[:2]
        sizes_px = [(width / ratio, height / ratio) for _, height, width in where.values()]
        corners = arrange(self._notes.values(), sizes_px, canvas_px)
        places = [np.asarray(corner) + TRIANGLES * size for corner, size in zip(corners, sizes_px, strict=True)]
        parts = [
            TRIANGLES * (width / columns, height / rows) + (0, row / rows) for row, height, width in where.values()
        ]
        self._texture.set_data(picture)
        self._places.set_data(np.concatenate(places).astype(np.float32))
        self._parts.set_data(np.concatenate(parts).astype(np.float32))


class VispyNotes(ViewerOverlayMixin, VispyCanvasOverlay):
    """Follows a `NotesOverlay`.

    napari makes one for each canvas that shows the overlay.
    """

    def __init__(self, **keywords: Any) -> None:
        super().__init__(node=create_visual_node(NotesVisual)(), **keywords)
        self.overlay.events.notes.connect(self._on_notes_change)
        self.reset()

    def reset(self) -> None:
        """Draw what the overlay says."""
        super().reset()
        self._on_notes_change()

    def close(self) -> None:
        """Let the overlay go."""
        self.overlay.events.notes.disconnect(self._on_notes_change)
        super().close()

    def _on_notes_change(self) -> None:
        self.node.set_notes(dict(self.overlay.notes))


DRAWN = (NotesOverlay, VispyNotes)
"""The overlay and what draws it, for `overlay_class`."""
