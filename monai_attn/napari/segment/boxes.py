"""The boxes of the region in a window: placed by a click, drawn in every slice and plane, dragged by their faces.

`BoxTool` belongs to the panel "Segment". While it is on, a click on the structure places a box; a click elsewhere adds
another box. In 3-D the boxes are drawn with all their edges, but neither placed nor dragged.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from monai_attn.napari.layers.links import Links
from monai_attn.napari.layers.volumes import WORLD_AXES, patient_point
from monai_attn.napari.segment.guide import bounds_of, box_of_bounds, dragged, grip_at, overlap
from monai_attn.volume import Box, Volume

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Shapes

__all__ = ["BOXES", "BoxTool"]

BOXES = "region boxes"
"""The name of the layer that the boxes are drawn on."""

COLOURS = ("#ffd166", "#4cc9f0", "#b5e48c", "#f497da")
"""Of the boxes, one after the other."""

REACH_PX = 7.0
"""How near to a face the mouse holds it, in pixels of the screen."""

EDGES = [(a, b) for a in range(8) for b in range(a + 1, 8) if bin(a ^ b).count("1") == 1]
"""The twelve edges of a box as pairs of corners; a corner's bits say whether it is the upper one along each axis."""


class BoxTool:
    """The boxes of one viewer. `boxes` are in RAS+ mm; `changed` is called whenever they have changed.

    `grid` gives the image's grid, None while there is none; `size_mm` gives the edges of a new box along R, A and S.
    `layer` is the layer that the boxes are drawn on, None while there is none.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        grid: Callable[[], Volume | None],
        size_mm: Callable[[], Sequence[float]],
        changed: Callable[[], None],
    ) -> None:
        self.viewer, self._grid, self._size_mm, self._changed = viewer, grid, size_mm, changed
        self.boxes: list[Box] = []
        self.on = False
        self.layer: Shapes | None = None
        self._links = Links()

    def switch(self, on: bool) -> None:
        """Listen to the mouse, or leave it to napari; boxes that are there stay drawn."""
        if on == self.on:
            return
        self.on = on
        callbacks = self.viewer.mouse_drag_callbacks
        if on:
            callbacks.append(self.mouse)
        elif self.mouse in callbacks:
            callbacks.remove(self.mouse)

    def place(self, point_mm: Sequence[float]) -> None:
        """Put a box of the trained size around a point in RAS+ mm: in place of a box that it overlaps, else besides."""
        box = Box.around(point_mm, self._size_mm())
        others = [one for one in self.boxes if not overlap(one, box)]
        self.set([*others, box])

    def set(self, boxes: Sequence[Box]) -> None:
        """Show these boxes and no others."""
        self.boxes = list(boxes)
        self.draw()
        self._changed()

    def clear(self) -> None:
        """Take all boxes away, and their layer."""
        self.boxes = []
        self.take_away()
        self._changed()

    def forget(self) -> None:
        """Take all boxes away while layers are being removed: their layer only becomes empty.

        napari fails where a layer goes that it is about to remove itself.
        """
        self.boxes = []
        self.draw()

    def take_away(self) -> None:
        """Remove the layer of the boxes; nothing happens where there is none."""
        layer, self.layer = self.layer, None
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)

    def close(self) -> None:
        """Let go of the viewer; the layer goes too."""
        self.switch(False)
        self._links.close()
        self.boxes = []
        self.take_away()

    def mouse(self, viewer: ViewerModel, event: Any) -> Generator[None, None, None]:
        """napari's mouse callback: a click places a box, a drag from a face or the inside of a box moves it."""
        grid = self._grid()
        active = viewer.layers.selection.active
        busy = active is not None and str(active.mode) not in ("pan_zoom", "transform")
        if grid is None or viewer.dims.ndisplay == 3 or event.button != 1 or event.modifiers or busy:
            return
        shown = [axis - (viewer.dims.ndim - 3) for axis in viewer.dims.displayed]
        start = np.array(event.position[-3:], dtype=float)
        bounds = [bounds_of(box, grid) for box in self.boxes]
        reach_mm = REACH_PX / float(viewer.scene.camera.zoom)
        grip = grip_at(bounds, tuple(start), shown, reach_mm, slack_mm=max(grid.spacing_mm) / 2)
        pressed, moved = np.array(event.pos, dtype=float), False
        yield
        while event.type == "mouse_move":
            moved = moved or bool(np.abs(np.array(event.pos, dtype=float) - pressed).max() > 3)
            if grip is not None:
                event.handled = True  # the camera stays where it is
                by = np.array(event.position[-3:], dtype=float) - start
                if moved:
                    self.boxes[grip.number] = box_of_bounds(dragged(bounds[grip.number], grip, tuple(by)), grid)
                    self.draw()
            yield
        if grip is not None and moved:
            self._changed()
        elif grip is None and not moved:
            self.place(patient_point(grid, tuple(start)))

    def draw(self, event: Any = None) -> None:  # noqa: ARG002
        """Draw the boxes as the shown slice cuts them, or their edges in 3-D; without an image all stays as it is."""
        if not self.boxes:
            if self.layer is not None and self.layer in self.viewer.layers:
                self.layer.data = []
            return
        grid = self._grid()
        if grid is None:
            return
        layer = self._shapes()
        shapes, kinds, colours = self._outlines(grid)
        layer.data = []
        if shapes:
            layer.add(shapes, shape_type=kinds, edge_color=colours, face_color="transparent", edge_width=self._width())

    def _outlines(self, grid: Volume) -> tuple[list[Any], list[str], list[str]]:
        """Vertices `(N, 3)`, kinds and colours of what is drawn now."""
        dims = self.viewer.dims
        hidden = [axis - (dims.ndim - 3) for axis in dims.not_displayed if axis >= dims.ndim - 3]
        shapes: list[Any] = []
        kinds: list[str] = []
        colours: list[str] = []
        for number, box in enumerate(self.boxes):
            lower, upper = bounds_of(box, grid)
            corners = np.array([[(lower, upper)[corner >> axis & 1][axis] for axis in range(3)] for corner in range(8)])
            if not hidden:
                lines, kind = [corners[list(edge)] for edge in EDGES], "line"
            else:
                (axis, *_), at = hidden, float(dims.point[hidden[0] + dims.ndim - 3])
                slack = max(grid.spacing_mm) / 2
                if not lower[axis] - slack <= at <= upper[axis] + slack:
                    continue
                first, second = (other for other in range(3) if other != axis)
                order = [0, 1 << first, (1 << first) | (1 << second), 1 << second]
                face = corners[order].copy()
                face[:, axis] = at
                lines, kind = [face], "polygon"
            shapes += lines
            kinds += [kind] * len(lines)
            colours += [COLOURS[number % len(COLOURS)]] * len(lines)
        return shapes, kinds, colours

    def _shapes(self) -> Shapes:
        """The layer of the boxes, made and linked to the slices where there is none; it is not edited by hand."""
        if self.layer is None or self.layer not in self.viewer.layers:
            active = self.viewer.layers.selection.active
            self.layer = self.viewer.add_shapes(None, name=BOXES, ndim=3, opacity=1.0, **WORLD_AXES)
            self.layer.editable = False
            if active is not None:
                self.viewer.layers.selection.active = active
            self._links.close()
            dims = self.viewer.dims.events
            self._links.follow(self.draw, dims.point, dims.order, dims.ndisplay)
        return self.layer

    def _width(self) -> float:
        """Two pixels, in mm of the world."""
        return 2.0 / float(self.viewer.scene.camera.zoom)
