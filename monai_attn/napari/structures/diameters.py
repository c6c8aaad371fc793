"""The axial diameters of lesions as lines on the canvas, and a zoom that leaves a margin around a lesion.

For key images: RECIST 1.1 measures the longest diameter in an axial slice, and the longest at right angles to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from monai_attn.measure import Lesion
from monai_attn.napari.layers.volumes import WORLD_AXES, displayed_point, go_to
from monai_attn.napari.look.planes import shown_plane
from monai_attn.volume import Volume

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["DiameterLines", "show_lesion"]

NAME, COLOUR, WIDTH_PX = "diameters", "#ffd166", 2.0

SHARE = 0.5
"""The largest part of the shorter side of the canvas that a lesion takes."""

LEAST_MM = 80.0
"""A canvas shows at least so many mm, so that the surroundings of a small lesion are seen."""


def show_lesion(viewer: ViewerModel, lesion: Lesion, grid: Volume) -> None:
    """Fly to a lesion with a margin around it; in axial slices to the slice in which its diameters were measured."""
    ends = np.array([*lesion.axial_ends_mm, *lesion.perpendicular_ends_mm])
    place = ends.mean(axis=0) if shown_plane(viewer) == "axial" else lesion.centroid_mm
    shown_mm = max(lesion.diameter_3d_mm / SHARE, LEAST_MM)
    viewer.scene.camera.zoom = min(viewer.canvas.size) / shown_mm
    go_to(viewer, displayed_point(grid, place))


class DiameterLines:
    """A layer with the two axial diameters of one lesion at a time, until `close`; the user's selection stays."""

    def __init__(self, viewer: ViewerModel, grid: Volume) -> None:
        self.viewer, self._grid = viewer, grid
        self._layer: Any = None

    def show(self, lesion: Lesion) -> None:
        """Draw the diameters of a lesion in place of those before; they are seen in their own slice and in 3-D."""
        self.close()
        active, selected = self.viewer.layers.selection.active, set(self.viewer.layers.selection)
        lines = [
            np.array([displayed_point(self._grid, end) for end in ends])
            for ends in (lesion.axial_ends_mm, lesion.perpendicular_ends_mm)
        ]
        width = WIDTH_PX / float(self.viewer.scene.camera.zoom)
        look = {"edge_color": COLOUR, "edge_width": width, "shape_type": "line", "opacity": 1.0}
        self._layer = self.viewer.add_shapes(lines, name=NAME, **look, **WORLD_AXES)
        self.viewer.layers.selection.clear()
        self.viewer.layers.selection.update(selected)
        self.viewer.layers.selection.active = active

    def close(self) -> None:
        """Take the lines off the canvas; doing it again does no harm."""
        layer, self._layer = self._layer, None
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)
