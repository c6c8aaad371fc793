"""The map of errors as a layer, in colours that no mask of the viewer has; and which masks can be compared at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from monai_attn.errors import GeometryError
from monai_attn.measure import ERRORS
from monai_attn.napari.compare.comparing import Errors, Mistake
from monai_attn.napari.layers.apart import coloured_apart
from monai_attn.napari.layers.styles import layer_table, restyle
from monai_attn.napari.layers.volumes import grid_of, labels_layer
from monai_attn.napari.qt.choices import is_mask
from monai_attn.volume import same_grid

if TYPE_CHECKING:
    from napari.layers import Layer

__all__ = ["ErrorLayer", "masks_on_other_grids", "on_one_grid"]


class ErrorLayer:
    """The layer of the errors in a viewer; later comparisons use it again. `layer` is None before the first one."""

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.layer: Any = None

    def show(self, errors: Errors) -> tuple[Mistake, ...]:
        """Show the map of errors, and give the largest errors in the colours of the map.

        What is right is hidden, because it would cover what is wrong.
        """
        masks = [layer for layer in self.viewer.layers if layer is not self.layer and is_mask(layer)]
        used = [label.colour for layer in masks for label in layer_table(layer)]  # also of masks that are hidden now
        table = coloured_apart(ERRORS, used)
        made, keywords, _ = labels_layer(errors.map, name="errors", table=table, role="error")
        if self.layer in self.viewer.layers and self.layer.data.shape == made.shape:
            self.layer.metadata.update(keywords["metadata"])
            self.layer.scale, self.layer.translate = keywords["scale"], keywords["translate"]
            self.layer.data = made
        else:
            self.layer = self.viewer.add_labels(made, **keywords)
        restyle(self.layer, 1, visible=False)
        return tuple(replace(one, kind=table[one.kind.value]) for one in errors.largest)


def on_one_grid(one: Layer, other: Layer, layers: Iterable[Layer]) -> bool:
    """Whether two masks have the same voxels in the same places; False where a place is not known."""
    try:
        return same_grid(grid_of(one, layers), grid_of(other, layers))
    except GeometryError:
        return False


def masks_on_other_grids(mask: Layer | None, layers: Iterable[Layer]) -> str:
    """A sentence on the masks that cannot be compared with a mask; "" for none."""
    known = list(layers)
    others = [layer for layer in known if layer is not mask and is_mask(layer) and layer.ndim == 3]
    count = sum(mask is not None and not on_one_grid(mask, other, known) for other in others)
    if not count:
        return ""
    return (
        f"{count} other mask{'s lie' if count > 1 else ' lies'} on another grid and cannot be compared with this one."
    )
