"""The overlay of `look.crosshair` and how it is drawn: lines in the scene, as thick as many pixels at every zoom.

A change of the point sends six numbers a line to OpenGL. A layer of napari's would build its shaders anew at each
slice, which takes 20 ms without a graphics card.

It uses napari's private classes of drawing and is imported by `look.crosshair` only, which catches their absence.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from napari._vispy.overlays.base import ViewerOverlayMixin, VispySceneOverlay
from napari.components.overlays import SceneOverlay
from vispy.scene.visuals import Line

__all__ = ["DRAWN", "CrosshairOverlay", "VispyCrosshair"]


class CrosshairOverlay(SceneOverlay):
    """What `VispyCrosshair` draws: `ends` holds the start and the end of each line, in mm along the last three axes.

    Its event `ends` is emitted when the lines have moved.
    """

    ends: tuple[Any, ...] = ()
    colour: str = "white"
    width_px: float = 1.0


class VispyCrosshair(ViewerOverlayMixin, VispySceneOverlay):
    """Follows a `CrosshairOverlay`, and the axes that the viewer shows.

    napari makes one for each canvas that shows the overlay.
    """

    def __init__(self, **keywords: Any) -> None:
        super().__init__(node=Line(method="gl", connect="segments", antialias=False), **keywords)
        self.node.set_data(pos=np.zeros((2, 3)), color=self.overlay.colour, width=self.overlay.width_px)
        self.overlay.events.ends.connect(self._on_ends_change)
        self.viewer.dims.events.order.connect(self._on_ends_change)
        self.viewer.dims.events.ndisplay.connect(self._on_ends_change)
        self.reset()

    def reset(self) -> None:
        """Draw what the overlay says."""
        super().reset()
        self._on_ends_change()

    def close(self) -> None:
        """Let the overlay and the viewer go."""
        self.overlay.events.ends.disconnect(self._on_ends_change)
        self.viewer.dims.events.order.disconnect(self._on_ends_change)
        self.viewer.dims.events.ndisplay.disconnect(self._on_ends_change)
        super().close()

    def _on_ends_change(self, _event: Any = None) -> None:
        self.node.set_data(pos=scene_points(self.overlay.ends, self.viewer.dims))


def scene_points(ends: tuple[Any, ...], dims: Any) -> Any:
    """The ends of lines `(2 * lines, 3)` as vispy places them: the axis shown across first, and depth last.

    `ends` are (start, end) in mm along the last three axes of `dims`, as a viewer has them. In 2-D depth is 0. No
    lines, or a view along axes that are not the last three, give a line of no length.
    """
    axes = [axis - dims.ndim + 3 for axis in reversed(dims.displayed)]
    points = np.zeros((max(2, 2 * len(ends)), 3))
    if ends and min(axes) >= 0:
        points[:, : len(axes)] = np.asarray(ends, float).reshape(-1, 3)[:, axes]
    return points


DRAWN = (CrosshairOverlay, VispyCrosshair)
"""The overlay and what draws it, for `overlay_class`."""
