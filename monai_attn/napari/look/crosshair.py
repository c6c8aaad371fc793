"""The crosshair on the canvas: three lines through the viewer's point, in 2-D and in 3-D.

The lines are an overlay of napari's scene, for the eye only. That takes napari's private table of overlays: where the
table is missing or has changed, `LineLayer` draws the same lines as a layer. `LinkedViews` makes a crosshair and takes
it away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monai_attn.napari.layers.links import Links
from monai_attn.napari.look.crosshair_layer import LineLayer
from monai_attn.napari.look.overlays import overlay_class

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = ["Crosshair", "crosshair_lines"]

CROSSHAIR_NAME = "crosshair"
CROSSHAIR_COLOUR = "#ffd166"
OPACITY = 0.8
WIDTH_PX = 1.5

OVERLAY_KEY = "monai_attn_crosshair"


def crosshair_lines(point: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> NDArray[np.float64]:
    """The three lines through a point and across a box, `(3, 2, 3)`: start and end of each, in mm.

    All in S, P, L of napari's world. Line 0 runs along S, line 1 along P, line 2 along L, each from `lower` to `upper`.

        >>> crosshair_lines((1, 2, 3), (0, 0, 0), (10, 20, 30))[1].tolist()
        [[1.0, 0.0, 3.0], [1.0, 20.0, 3.0]]
    """
    lines = np.tile(np.asarray(point, float), (3, 2, 1))
    for axis in range(3):
        lines[axis, :, axis] = np.asarray(lower, float)[axis], np.asarray(upper, float)[axis]
    return lines


class Crosshair:
    """Lines that follow the viewer's point, until `close`.

    They span the box around all layers. Without a layer, or with fewer than three axes, there are no lines.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer, self.links = viewer, Links()
        made = _overlay_class()
        layer = LineLayer(viewer, CROSSHAIR_NAME, CROSSHAIR_COLOUR, WIDTH_PX) if made is None else None
        self.surface: LineLayer | LineOverlay = layer if layer is not None else LineOverlay(viewer, made)
        self._box: tuple[NDArray[np.float64], NDArray[np.float64], float] | None = None
        self.links.follow(self._move, viewer.dims.events.point)
        self.links.follow(self._refit, viewer.layers.events.inserted, viewer.layers.events.removed)
        self._refit()

    def close(self) -> None:
        """Take the lines off the canvas and stop following the viewer; doing it again does no harm."""
        self.links.close()
        self.surface.close()

    def _refit(self, _event: Any = None) -> None:
        """Span the box of the layers that are there by now."""
        others = [layer for layer in self.viewer.layers if not self.surface.owns(layer)]
        if not others or self.viewer.dims.ndim < 3:
            self._box = None
            self.surface.hide()
            return
        extent = self.viewer.layers.get_extent(others)
        self._box = extent.world[0][-3:], extent.world[1][-3:], float(np.max(extent.step[-3:]))
        self._move()

    def _move(self, _event: Any = None) -> None:
        """Draw the lines through the viewer's point."""
        if self._box is not None and self.viewer.dims.ndim >= 3:  # the last image goes: axes first, then the layer
            lower, upper, spacing_mm = self._box
            self.surface.show(crosshair_lines(self.viewer.dims.point[-3:], lower, upper), spacing_mm)


class LineOverlay:
    """Lines as an overlay in the viewer's scene, on top of all layers; `made` is the overlay's class."""

    def __init__(self, viewer: ViewerModel, made: Any) -> None:
        self.viewer = viewer
        self.overlay = made(colour=CROSSHAIR_COLOUR, width_px=WIDTH_PX, opacity=OPACITY, visible=False)
        self.overlay.blending = "translucent_no_depth"
        viewer.scene.overlays[OVERLAY_KEY] = self.overlay

    def show(self, ends: NDArray[np.float64], spacing_mm: float) -> None:  # noqa: ARG002
        """Draw lines `(lines, 2, 3)`, each from its start to its end in mm."""
        self.overlay.ends = tuple(tuple(map(tuple, line)) for line in ends.tolist())
        self.overlay.visible = True

    def hide(self) -> None:
        """Draw nothing for now."""
        self.overlay.visible = False

    def close(self) -> None:
        """Take the overlay away; doing it again does no harm."""
        if self.viewer.scene.overlays.get(OVERLAY_KEY) is self.overlay:
            self.viewer.scene.overlays.pop(OVERLAY_KEY)

    def owns(self, layer: Layer) -> bool:  # noqa: ARG002
        """Whether a layer is the one of the lines: an overlay has no layer."""
        return False


def _overlay_class() -> Any:
    return overlay_class("crosshair_visual", "The crosshair is drawn as a layer of napari")
