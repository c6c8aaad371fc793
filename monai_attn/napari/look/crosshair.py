"""The crosshair on the canvas: three lines through the viewer's point, in 2-D and in 3-D.

The layer is ours, for the eye only: it lies on top of all others and is not selected when it is made. `LinkedViews`
makes a crosshair and takes it away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monai_attn.napari.layers.links import Links
from monai_attn.napari.layers.volumes import WORLD_AXES

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Vectors

__all__ = ["Crosshair", "crosshair_lines"]

CROSSHAIR_NAME = "crosshair"
CROSSHAIR_COLOUR = "#ffd166"
WIDTH_PX = 1.5

TILT_MM = 0.01
"""By so much the lines lean, so that they can be seen from the patient's front.

napari draws a line in 3-D as two ribbons, at right angles to the third and to the first axis. From the front both
ribbons of the lines along these two axes are seen edge-on. Leaning so little, one ribbon of each turns to the front."""


def crosshair_lines(point: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> NDArray[np.float64]:
    """The three lines through a point and across a box, as napari's vectors (3, 2, 3): start and length, in mm.

    Exact but for `TILT_MM`.

    All in S, P, L of napari's world. Line 0 runs along S, line 1 along P, line 2 along L, each from `lower` to `upper`.

        >>> crosshair_lines((1, 2, 3), (0, 0, 0), (10, 20, 30))[1].tolist()
        [[1.0, 0.0, 3.0], [0.0, 20.0, 0.0]]
    """
    lower, upper, lines = np.asarray(lower, float), np.asarray(upper, float), np.zeros((3, 2, 3))
    for axis in range(3):
        lines[axis, 0] = point
        lines[axis, 0, axis] = lower[axis]
        lines[axis, 1, axis] = upper[axis] - lower[axis]
    lines[[0, 2], 1, 1] = TILT_MM
    return lines


class Crosshair:
    """A vectors layer that follows the viewer's point, until `close`; one that the user deletes is not made again.

    Its spacing is that of the coarsest slider, so that the sliders, which step by the finest layer, stay as they are.

    Without an image, or with fewer than three axes, there is no layer; `layer` is None then.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer, self.links = viewer, Links()
        self.layer: Vectors | None = None
        self._box: tuple[NDArray[np.float64], NDArray[np.float64], float] | None = None
        self.links.follow(self._move, viewer.dims.events.point)
        self.links.follow(self._thin, viewer.scene.camera.events.zoom)
        self.links.follow(self._refit, viewer.layers.events.inserted, viewer.layers.events.removed)
        self._refit()

    def close(self) -> None:
        """Take the lines off the canvas and stop following the viewer; doing it again does no harm."""
        self.links.close()
        layer, self.layer = self.layer, None
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)

    def _refit(self, _event: Any = None) -> None:
        """Make the lines when there is the first image, on top of all; take them away with the last."""
        layers = self.viewer.layers
        others = [layer for layer in layers if layer is not self.layer]
        if self.layer is not None and self.layer not in layers:  # deleted by the user
            return self.close()
        if not others or self.viewer.dims.ndim < 3:
            self._box = None
            if self.layer is not None:
                mine, self.layer = self.layer, None
                layers.remove(mine)
            return None
        extent = layers.get_extent(others)
        self._box = extent.world[0][-3:], extent.world[1][-3:], float(np.max(extent.step[-3:]))
        if self.layer is None:
            self._make(self._box[2])
        elif layers[-1] is not self.layer:
            layers.move(layers.index(self.layer), len(layers))
        self._move()
        return None

    def _make(self, spacing: float) -> None:
        """Add the layer, and leave the user's selection of layers as it was."""
        from napari.layers import Vectors

        layers = self.viewer.layers
        active, selected = layers.selection.active, set(layers.selection)
        self.layer = Vectors(
            np.zeros((3, 2, 3)),
            name=CROSSHAIR_NAME,
            edge_color=CROSSHAIR_COLOUR,
            vector_style="line",
            scale=(spacing,) * 3,
            blending="translucent_no_depth",
            opacity=0.8,
            **WORLD_AXES,
        )
        layers.append(self.layer)
        layers.selection.clear()
        layers.selection.update(selected)
        layers.selection.active = active
        self._thin()

    def _move(self, _event: Any = None) -> None:
        """Draw the lines through the viewer's point, in voxels of the layer."""
        if self.layer is None or self._box is None:
            return
        lower, upper, spacing = self._box
        if self.layer.scale[0] != spacing:
            self.layer.scale = (spacing,) * 3
        self.layer.data = crosshair_lines(self.viewer.dims.point[-3:], lower, upper) / spacing

    def _thin(self, _event: Any = None) -> None:
        """Keep the lines as thin on the screen whatever the zoom."""
        if self.layer is not None:
            self.layer.edge_width = WIDTH_PX / (float(self.viewer.scene.camera.zoom) * float(self.layer.scale[0]))
