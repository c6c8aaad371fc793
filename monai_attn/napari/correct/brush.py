"""A brush in millimetres, held to a range of intensities, in place of napari's own while it is switched on. No Qt.

It works within napari's paint and erase modes, with their keys, cursor and undo; only what a stroke paints is ours. The
panel "Correct" owns one `HandBrush`. Which voxels a stroke reaches is computed by `edit.paint`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.notifications import show_warning
from numpy.typing import NDArray

from monai_attn.edit import Brush, paint
from monai_attn.errors import AttnError, GeometryError
from monai_attn.napari.correct.editing import (
    apply_change,
    check_free_label,
    check_native_mask,
    native_axis,
    native_index,
    protected_values,
)
from monai_attn.napari.layers.images import by_preference
from monai_attn.napari.layers.volumes import grid_of, volume_of
from monai_attn.volume import Volume, same_grid

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

__all__ = ["HandBrush", "gate_images", "shown_axis"]

MODES = ("paint", "erase")

NAPARIS = "draw"
"""The name of napari's own callback for painting, erasing and filling."""


@dataclass(eq=False)
class Stroke:
    """One stroke on a layer: where it is, what it paints with, and what it must not touch.

    `labels` is a view of the mask on its native grid `(I, J, K)`, `value` the label to paint, 0 to erase. `protected`
    labels stay as they are. `image` holds the intensities that gate the brush, None without a range. `last` is the
    place of the mouse before, as an index of the native grid; None at the start of the stroke.
    """

    layer: Labels
    grid: Volume
    labels: Volume
    brush: Brush
    value: int
    protected: frozenset[int]
    image: NDArray[np.generic] | None = None
    last: NDArray[np.float64] | None = None

    def move_to(self, world: tuple[float, float, float]) -> int:
        """Paint from the last place to `world`, and give the number of voxels that changed.

        `world` is a place in napari's world, (S, P, L) in mm. All labels but protected ones may be painted over.
        """
        here = native_index(self.grid, world)
        path = (here if self.last is None else self.last, here)
        self.last = here
        change = paint(self.labels, self.value, path, self.brush, image=self.image, protected=self.protected)  # type: ignore[arg-type]
        return apply_change(self.layer, change, self.grid)


class HandBrush:
    """The brush of a viewer: set its fields, then `attach` it; it follows the active labels layer until `detach`.

    `radius_mm` is measured in the patient, whatever the voxel size. With `ball` the brush is a ball, else a disc in the
    shown plane; in the 3-D view it is always a ball. `gate` is the lowest and highest intensity that is painted, in the
    unit of `gate_image`; None paints all.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        self.radius_mm = 5.0
        self.ball = False
        self.gate: tuple[float, float] | None = None
        self.gate_image: Image | None = None
        self.layer: Labels | None = None
        self.on = False
        self.resized: Callable[[], None] = lambda: None  # called when napari's own slider or keys change the size

    def attach(self) -> None:
        """Take over from napari's brush."""
        if not self.on:
            self.on = True
            self.viewer.layers.selection.events.active.connect(self._follow)
            self._follow()

    def detach(self) -> None:
        """Give painting back to napari's brush."""
        if self.on:
            self.on = False
            self.viewer.layers.selection.events.active.disconnect(self._follow)
            self._leave()

    def begin(self, layer: Labels) -> Stroke:
        """A stroke on a layer, with the label and the mode that are chosen now.

        Raises `LabelError` when the label is locked. Raises `GeometryError` when the layer has no place in the patient
        or was resliced for display. Raises it too when a range is set but no image on the layer's grid is chosen.
        Raises `InputError` for a radius or range that `edit.Brush` refuses.
        """
        layers = self.viewer.layers
        value = 0 if layer.mode == "erase" else int(layer.selected_label)
        check_native_mask(layer)
        check_free_label(layer, value)
        grid, labels = grid_of(layer, layers), volume_of(layer, layers)
        image = None
        if self.gate is not None:
            chosen = self.gate_image
            if chosen is None or chosen not in gate_images(self.viewer, layer):
                raise GeometryError(
                    f"The brush paints only intensities of {self.gate[0]:g} to {self.gate[1]:g}, but no image on the "
                    f"grid of {layer.name!r} is chosen. Choose one, or switch the range off."
                )
            image = volume_of(chosen, layers).array
        ball = self.ball or self.viewer.dims.ndisplay == 3
        axis = None if ball else shown_axis(self.viewer, layer)
        brush = Brush(self.radius_mm, axis, self.gate)
        return Stroke(layer, grid, labels, brush, value, protected_values(layer), image)

    def show_size(self) -> None:
        """Give napari's cursor the size of the brush."""
        if self.layer is not None:
            self.layer.brush_size = max(1, round(2 * self.radius_mm / self._step_mm(self.layer)))
            self.layer.cursor_size = 2 * self.radius_mm

    def drag(self, layer: Labels, event: Any) -> Generator[None, None, None]:
        """The mouse callback: napari calls it when a button is pressed and resumes it until it is released."""
        if layer.mode not in MODES or layer.cursor == "circle_frozen" or (layer.mode == "paint" and event.button == 2):
            return  # circle_frozen: the brush is being resized; the right button draws an outline to fill
        if layer._overlays["brush_stroke"].active:
            return  # the outline is not closed yet: a drag moves the image
        try:
            stroke = self.begin(layer)
        except AttnError as error:
            show_warning(str(error))
            return
        with layer.block_history():
            self._paint(stroke, event)
            yield
            while event.type == "mouse_move":
                self._paint(stroke, event)
                yield

    def _paint(self, stroke: Stroke, event: Any) -> None:
        place = tuple(event.position[-3:])
        if len(event.dims_displayed) == 3:
            found = _first_hit(stroke.layer, event)
            if found is None:
                stroke.last = None
                return
            place = found
        stroke.move_to(place)

    def _follow(self, event: Any = None) -> None:  # noqa: ARG002
        self._leave()
        active = self.viewer.layers.selection.active
        if isinstance(active, Labels) and active.ndim == 3:
            self.layer = active
            self.show_size()
            active.events.mode.connect(self._take_over)
            active.events.brush_size.connect(self._resize)
            self._take_over()

    def _leave(self) -> None:
        """Give the layer back to napari: our callback goes, and napari's own brush returns."""
        layer, self.layer = self.layer, None
        if layer is None:
            return
        layer.events.mode.disconnect(self._take_over)
        layer.events.brush_size.disconnect(self._resize)
        if self.drag in layer.mouse_drag_callbacks:
            layer.mouse_drag_callbacks.remove(self.drag)
        mode = layer.mode
        if mode in MODES:  # napari puts its own brush back on a change of mode
            layer.mode = "pan_zoom"
            layer.mode = mode

    def _take_over(self, event: Any = None) -> None:  # noqa: ARG002
        """Put our callback in the place of napari's, after each change of mode."""
        layer = self.layer
        if layer is None or layer.mode not in MODES:
            return
        for callback in list(layer.mouse_drag_callbacks):
            if getattr(callback, "__name__", "") == NAPARIS:
                layer.mouse_drag_callbacks.remove(callback)
        if self.drag not in layer.mouse_drag_callbacks:
            layer.mouse_drag_callbacks.append(self.drag)
        self.show_size()

    def _resize(self, event: Any = None) -> None:  # noqa: ARG002
        layer = self.layer
        if layer is None or layer.brush_size == max(1, round(2 * self.radius_mm / self._step_mm(layer))):
            return
        self.radius_mm = layer.brush_size * self._step_mm(layer) / 2
        self.resized()

    def _step_mm(self, layer: Labels) -> float:
        """The smaller edge of a pixel that is shown: the unit of napari's brush."""
        first = self.viewer.dims.ndim - layer.ndim
        return min(float(layer.scale[axis - first]) for axis in self.viewer.dims.displayed if axis >= first)


def gate_images(viewer: ViewerModel, layer: Labels) -> list[Image]:
    """The images whose intensities can hold back a brush on this layer: those on its grid, as `by_preference` has them.

    Colour images do not count. Empty when there is none, and when the layer has no place in the patient.
    """
    from napari.layers import Image

    try:
        grid = grid_of(layer, viewer.layers)
    except GeometryError:
        return []
    found = []
    for other in viewer.layers:
        if isinstance(other, Image) and other.ndim == 3 and not other.rgb:
            try:
                fits = same_grid(grid_of(other, viewer.layers), grid)
            except GeometryError:
                continue
            found += [other] if fits else []
    return by_preference(found)


def shown_axis(viewer: ViewerModel, layer: Labels) -> int:
    """The axis, 0 to 2, of the native array that the shown slice lies across; in 3-D the one closest to head and feet.

    Raises `GeometryError` for a layer without a place in the patient.
    """
    hidden = [axis - (viewer.dims.ndim - 3) for axis in viewer.dims.not_displayed]
    return native_axis(layer, max(hidden[-1], 0) if hidden else 0, viewer.layers)


def _first_hit(layer: Labels, event: Any) -> tuple[float, float, float] | None:
    """In 3-D: the place of the first labelled voxel under the cursor, in napari's world; None when there is none."""
    start, end = layer.get_ray_intersections(
        position=event.position, view_direction=event.view_direction, dims_displayed=event.dims_displayed, world=True
    )
    if start is None or end is None:
        return None
    steps = int(np.ceil(2 * np.linalg.norm(end - start))) + 1
    index = np.clip(np.rint(np.linspace(start, end, steps)), 0, np.array(layer.data.shape) - 1).astype(int)
    hits = np.flatnonzero(layer.data[tuple(index.T)])
    if not hits.size:
        return None
    s, p, left = (float(x) for x in layer.data_to_world(index[hits[0]])[-3:])
    return s, p, left
