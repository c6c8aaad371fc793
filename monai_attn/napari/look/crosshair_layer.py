"""The crosshair as a layer of napari's, where an overlay cannot be had: see `look.crosshair`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from monai_attn.napari.layers.links import Links
from monai_attn.napari.layers.volumes import WORLD_AXES

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer, Vectors

__all__ = ["LineLayer"]

TILT_MM = 0.01
"""By so much the lines lean, so that they can be seen from the patient's front.

napari draws a line in 3-D as two ribbons, at right angles to the third and to the first axis. From the front both
ribbons of the lines along these two axes are seen edge-on. Leaning so little, one ribbon of each turns to the front."""


class LineLayer:
    """Lines as a vectors layer on top of all others; one that the user deletes is not made again.

    Its spacing is that of the coarsest slider, so that the sliders, which step by the finest layer, stay as they are.
    Slower than an overlay when one scrolls, because napari builds its shaders anew for each slice.
    """

    def __init__(self, viewer: ViewerModel, name: str, colour: str, width_px: float) -> None:
        self.viewer, self.links = viewer, Links()
        self.name, self.colour, self.width_px = name, colour, width_px
        self.layer: Vectors | None = None
        self.deleted = False
        self.links.follow(self._thin, viewer.scene.camera.events.zoom)
        self.links.follow(self._look, viewer.layers.events.removed)

    def show(self, ends: ArrayLike, spacing_mm: float) -> None:
        """Draw lines `(lines, 2, 3)`, each from its start to its end in mm, with this spacing of the layer."""
        if self.deleted:
            return
        layers = self.viewer.layers
        if self.layer is None:
            self._make(spacing_mm)
        elif layers[-1] is not self.layer:
            layers.move(layers.index(self.layer), len(layers))
        assert self.layer is not None
        if self.layer.scale[0] != spacing_mm:
            self.layer.scale = (spacing_mm,) * 3
        lines = np.array(ends, float)
        lines[:, 1] -= lines[:, 0]
        lines[[0, 2], 1, 1] += TILT_MM
        self.layer.data = lines / spacing_mm

    def hide(self) -> None:
        """Take the layer away."""
        layer, self.layer = self.layer, None
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)

    def close(self) -> None:
        """Take the layer away and stop following the viewer; doing it again does no harm."""
        self.links.close()
        self.hide()

    def owns(self, layer: Layer) -> bool:
        """Whether a layer is the one of the lines."""
        return layer is self.layer

    def _make(self, spacing_mm: float) -> None:
        """Add the layer, and leave the user's selection of layers as it was."""
        from napari.layers import Vectors

        layers = self.viewer.layers
        active, selected = layers.selection.active, set(layers.selection)
        self.layer = Vectors(
            np.zeros((3, 2, 3)),
            name=self.name,
            edge_color=self.colour,
            vector_style="line",
            scale=(spacing_mm,) * 3,
            blending="translucent_no_depth",
            opacity=0.8,
            **WORLD_AXES,
        )
        layers.append(self.layer)
        layers.selection.clear()
        layers.selection.update(selected)
        layers.selection.active = active
        self._thin()

    def _look(self, _event: Any = None) -> None:
        """Notice that the user has deleted the layer."""
        if self.layer is not None and self.layer not in self.viewer.layers:
            self.deleted, self.layer = True, None

    def _thin(self, _event: Any = None) -> None:
        """Keep the lines as thin on the screen whatever the zoom."""
        if self.layer is not None:
            zoom = float(self.viewer.scene.camera.zoom)
            self.layer.edge_width = self.width_px / (zoom * float(self.layer.scale[0]))
