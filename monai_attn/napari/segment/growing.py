"""The labels of a run that are finished while the rest computes: a layer for looking, which the mask replaces.

Only bundles whose inferer makes labels slab by slab hand any on (`StreamingInferer(labels=...)`). What is shown comes
before the bundle's last steps (largest piece, holes), so it is not the mask yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from monai_attn.io.dicomseg.masks import smallest_type
from monai_attn.labels import LabelTable
from monai_attn.napari.layers.volumes import GROWING, LayerTuple, labels_layer, to_native
from monai_attn.volume import Volume

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = ["Growing", "GrowingLayer"]


class Growing:
    """What a run has finished so far, as a layer: the thread adds to it (`take`), the window draws it anew.

    It has an array of its own, so that nothing the window does reaches the mask in the making. `grid` is the part of
    the image that is segmented, `(I, J, K)`. `layer` is the layer as napari takes it; `changes` counts the boxes so
    far.
    """

    def __init__(self, grid: Volume, table: LabelTable, name: str) -> None:
        kind = smallest_type(max((label.value for label in table), default=0))
        empty = Volume(np.zeros(grid.shape, kind), grid.affine, frame_of_reference=grid.frame_of_reference)
        self.layer: LayerTuple = labels_layer(
            empty, name=f"{name} (growing)", table=table, role=GROWING, display_only=True
        )
        self.changes = 0
        self._array = to_native(self.layer[0], empty)

    def take(self, labels: NDArray[np.generic], box: tuple[slice, ...]) -> None:
        """Copy the labels of a box that has just been finished; of another grid than ours, none.

        `labels` is the whole label map `(I, J, K)` so far, `box` the part of it that is final up to the bundle's last
        steps.
        """
        if labels.shape == self._array.shape:
            self._array[box] = labels[box]
            self.changes += 1


class GrowingLayer:
    """Shows in a viewer what is `Growing`, once there is something, until `remove`.

    The layer cannot be painted on, because its voxels are still written. It cannot be saved either.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self.viewer = viewer
        self.layer: Layer | None = None
        self._shown: tuple[Growing | None, int] = (None, 0)

    def show(self, growing: Growing | None) -> None:
        """Draw what is new; the layer that was active stays so, and a layer that the user deleted stays away."""
        if growing is None or growing.changes in (0, self._shown[1] if growing is self._shown[0] else 0):
            return
        first = growing is not self._shown[0]
        if first:
            self.remove()
        self._shown = growing, growing.changes
        if first:
            data, keywords, _ = growing.layer
            active = self.viewer.layers.selection.active
            self.layer = self.viewer.add_labels(data, **keywords)
            self.layer.editable = False
            self.viewer.layers.selection.active = active
        elif self.layer is not None and self.layer in self.viewer.layers:
            self.layer.refresh()

    def remove(self) -> None:
        """Take it away; doing it again does no harm."""
        layer, self.layer, self._shown = self.layer, None, (None, 0)
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)
