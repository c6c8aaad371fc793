"""Scribbles over a mask: "here" and "not here" on a layer of their own, and what they make of the mask. No Qt.

The panel "Correct" owns one `Scribbles`. What the scribbles change is computed by `edit.refine_by_scribbles`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from monai_attn.edit import Change, refine_by_scribbles
from monai_attn.edit.change import Mask
from monai_attn.errors import InputError, LabelError
from monai_attn.labels import Label, LabelTable
from monai_attn.napari.correct.common_undo import CommonUndo
from monai_attn.napari.correct.editing import Seal, apply_change, check_free_label, check_native_mask
from monai_attn.napari.layers.links import Links
from monai_attn.napari.layers.provenance import RUN
from monai_attn.napari.layers.styles import layer_table, locked_values
from monai_attn.napari.layers.volumes import grid_of, labels_layer, origin_of, to_native, volume_of
from monai_attn.volume import Volume, same_grid

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

__all__ = ["HERE", "NOT_HERE", "Refinement", "Scribbles", "Task", "is_scribbles"]

SCRIBBLES = "scribbles"
"""Name and role of the layer."""

HERE, NOT_HERE = 1, 2
"""The labels of the scribbles' layer."""

TURNED = "Another structure is selected, so the scribbles are gone. Press a button to scribble over this one."

TABLE = LabelTable((Label(HERE, "here", "#37d67a"), Label(NOT_HERE, "not here", "#ff4d4d")))


@dataclass(frozen=True, eq=False)
class Refinement:
    """One refinement, ready to be computed in a thread: it sees arrays, no layer. Arrays are `(I, J, K)`."""

    labels: Volume
    value: int
    image: Volume
    here: Mask
    not_here: Mask
    probability: Volume | None
    protected: frozenset[int] | None

    def compute(self) -> tuple[Change, Change]:
        """What the label gains and loses. Raises `InputError` as `refine_by_scribbles` does."""
        return refine_by_scribbles(
            self.labels,
            self.value,
            self.image,
            here=self.here,
            not_here=self.not_here,
            probability=self.probability,
            protected=self.protected,
        )


@dataclass(frozen=True, eq=False)
class Task:
    """A refinement under way: of which mask, and by how many strokes; `seal` is broken when the mask is changed."""

    refinement: Refinement
    mask: Labels
    strokes: int
    history: CommonUndo
    seal: Seal

    @property
    def valid(self) -> bool:
        """Whether the mask is as it was, and no stroke was undone since."""
        return self.seal.whole and self.strokes <= self.history.strokes

    def apply(self, changes: tuple[Change, Change]) -> int:
        """Write both changes into the mask as one step of undo; the number of voxels that changed."""
        with self.history.step_by(self.strokes), self.mask.block_history():
            return sum(apply_change(self.mask, change, self.refinement.labels) for change in changes)


class Scribbles:
    """The scribbles of a viewer over one label of one mask; `layer` is theirs, None before `begin` and after `end`.

    They end when another label of the mask is selected, since they say nothing of it; `say` is told so. `history`
    undoes the strokes together with what they made of the mask.
    """

    def __init__(self, viewer: ViewerModel, say: Callable[[str], None] | None = None) -> None:
        self.viewer = viewer
        self._say = say
        self._value = 0
        self._links = Links()
        self.layer: Labels | None = None
        self.mask: Labels | None = None
        self.history: CommonUndo | None = None

    def begin(self, mask: Labels, kind: int) -> Labels:
        """Make ready to scribble over the selected label of a mask: `kind` is `HERE` or `NOT_HERE`.

        Raises `LabelError` for the background and for a locked label. Raises `GeometryError` for a mask without a place
        and for one that was resliced for display.
        """
        if not mask.selected_label:
            raise LabelError("The selected label is 0, the background. Select the label to correct.")
        check_native_mask(mask)
        check_free_label(mask, int(mask.selected_label))
        layers = self.viewer.layers
        if self.layer is None or self.layer not in layers or self.mask is not mask:
            self.end()
            grid = grid_of(mask, layers)
            empty = Volume(np.zeros(grid.shape, np.uint8), grid.affine, frame_of_reference=grid.frame_of_reference)
            data, keywords, _ = labels_layer(empty, name=SCRIBBLES, table=TABLE, role=SCRIBBLES, display_only=True)
            self.layer, self.mask = self.viewer.add_labels(data, **keywords), mask
            self.history = CommonUndo(mask, self.layer)
            self._value = int(mask.selected_label)
            self._links.follow(self._turned, mask.events.selected_label)
        layers.selection.active = self.layer
        self.layer.selected_label = kind
        self.layer.mode = "paint"
        return self.layer

    def end(self) -> None:
        """Take the scribbles away; the mask becomes active again. Doing it again does no harm."""
        layer, self.layer = self.layer, None
        self._links.close()
        if self.history is not None:
            self.history.close()
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)
            if self.mask in self.viewer.layers:
                self.viewer.layers.selection.active = self.mask

    def _turned(self, event: Any = None) -> None:  # noqa: ARG002
        """Another label of the mask was selected; napari says so too when a colour has changed."""
        if self.mask is None or int(self.mask.selected_label) == self._value:
            return
        self.end()
        if self._say is not None:
            self._say(TURNED)

    def refinement(self, image: Image | None, *, replace_others: bool = False) -> Refinement:
        """What is to be computed of the scribbles as they are now.

        `image` lies on the grid of the mask. The network's probability of the structure is used where its layer is
        open. Raises `InputError` without an image.
        """
        assert self.layer is not None
        assert self.mask is not None
        if image is None:
            raise InputError("Scribbles need the image of the mask. Open the image on the grid of the mask first.")
        layers = list(self.viewer.layers)
        mask, value = self.mask, int(self.mask.selected_label)
        labels = volume_of(mask, layers)
        drawn = to_native(np.asarray(self.layer.data), labels)
        return Refinement(
            labels.with_array(labels.array.copy(order="K")),
            value,
            volume_of(image, layers),
            drawn == HERE,
            drawn == NOT_HERE,
            _probability_of(mask, value, labels, layers),
            locked_values(mask) if replace_others else None,
        )

    def task(self, image: Image | None) -> Task:
        """The refinement of the mask by the scribbles as they are now. Raises `InputError` without an image."""
        assert self.mask is not None
        assert self.history is not None
        return Task(self.refinement(image), self.mask, self.history.strokes, self.history, Seal(self.mask))


def is_scribbles(layer: Layer | None) -> bool:
    """Whether a layer holds scribbles, and so is no mask."""
    origin = origin_of(layer) if layer is not None else None
    return origin is not None and origin.role == SCRIBBLES


def _probability_of(mask: Labels, value: int, labels: Volume, layers: Iterable[Layer]) -> Volume | None:
    """The network's probability of a structure on the mask's grid, of the run of the mask, where its layer is open."""
    name = next((label.name for label in layer_table(mask) if label.value == value), None)
    run = mask.metadata.get(RUN)
    for layer in layers:
        origin = origin_of(layer)
        if origin is None or origin.role != "probability" or name is None:
            continue
        if run is not None and layer.metadata.get(RUN) != run:
            continue
        if layer.name.split(" [")[0].endswith(f"probability of {name}") and same_grid(origin.grid, labels):
            return origin.grid
    return None
