"""Corrections of a labels layer: computed by `edit` on the native grid, applied as one undo step. No Qt.

The panel "Correct" makes a `Correction` in the window's thread, computes it in another, and applies the change. The
margins, holes and pieces are computed by the functions of `edit`, in mm of the patient. This file translates between
the native grid `(I, J, K)` and the array that napari shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from monai_attn.edit import Change, close_holes, grow, interpolate_slices, keep_largest, shrink
from monai_attn.errors import GeometryError, LabelError
from monai_attn.napari.layers.strokes import step_counts
from monai_attn.napari.layers.styles import layer_table, locked_values
from monai_attn.napari.layers.volumes import (
    grid_of,
    origin_of,
    patient_point,
    to_display,
    to_native,
    values_in,
    volume_of,
)
from monai_attn.volume import Volume
from monai_attn.wording import counted

if TYPE_CHECKING:
    from napari.layers import Labels, Layer

__all__ = [
    "MODE_TIPS",
    "OPERATIONS",
    "TIPS",
    "Choices",
    "Correction",
    "Seal",
    "apply_change",
    "check_free_label",
    "check_native_mask",
    "correction_sentence",
    "displayed_index",
    "native_axis",
    "native_index",
    "protected_values",
    "structure_title",
]


@dataclass(frozen=True)
class Choices:
    """What the user chose for an operation.

    `margin_mm` is how far to grow or shrink, in the patient. `axis` is the native axis, 0 to 2, that slices lie across.
    With `holes_by_slice` holes are filled slice by slice, so that tunnels are filled too; else only closed cavities
    are. With `replace_others` the label may take voxels of other labels, but never of locked ones; else it takes only
    background.
    """

    margin_mm: float = 3.0
    axis: int = 2
    holes_by_slice: bool = False
    replace_others: bool = False


@dataclass(frozen=True, eq=False)
class Correction:
    """One operation on the selected label, ready to be computed in a thread: it sees arrays, no layer.

    `name` is a key of `OPERATIONS`, `labels` a view of the mask on its native grid `(I, J, K)`. Painting on the layer
    changes that view; the panel therefore holds a `Seal`, and discards the change when the seal is broken.
    """

    name: str
    labels: Volume
    value: int
    locked: frozenset[int]
    choices: Choices

    @classmethod
    def of(cls, name: str, layer: Labels, choices: Choices, layers: Iterable[Layer] = ()) -> Correction:
        """For the selected label of a layer as it is now.

        `layers` are all that are open: a layer made in napari takes the grid of the image it lies on. Raises
        `LabelError` for a locked label and for the background, `GeometryError` for a layer without a place in the
        patient or resliced for display.
        """
        value = int(layer.selected_label)
        if value == 0:
            raise LabelError("The selected label is 0, the background. Select the label to correct.")
        check_native_mask(layer)
        check_free_label(layer, value)
        return cls(name, volume_of(layer, layers), value, locked_values(layer), choices)

    @property
    def protected(self) -> frozenset[int] | None:
        """The labels that the selected one may not replace; None for all of them."""
        return self.locked if self.choices.replace_others else None

    def compute(self) -> Change:
        """The change; nothing is touched.

        Raises `AttnError` as the functions of `edit` do: for example `LabelError` when the label has no voxel.
        """
        return OPERATIONS[self.name](self)


OPERATIONS: dict[str, Callable[[Correction], Change]] = {
    "grow": lambda one: grow(one.labels, one.value, one.choices.margin_mm, protected=one.protected),
    "shrink": lambda one: shrink(one.labels, one.value, one.choices.margin_mm),
    "fill holes": lambda one: close_holes(
        one.labels, one.value, axis=one.choices.axis if one.choices.holes_by_slice else None, protected=one.protected
    ),
    "keep largest": lambda one: keep_largest(one.labels, one.value),
    "interpolate": lambda one: interpolate_slices(one.labels, one.value, one.choices.axis, protected=one.protected),
}
"""What can be done to a label, by the name it has on its button."""

MODE_TIPS = {"paint": "Paint the selected label with the mouse.", "erase": "Take labels away with the mouse."}

TIPS = {
    "grow": "Add what lies within the margin of the surface, in space.",
    "shrink": "Take away what lies within the margin of the surface, in space.",
    "fill holes": "Add what the structure encloses.",
    "keep largest": "Remove all pieces but the largest. Voxels that touch by a corner are one piece.",
    "interpolate": "Paint the empty slices between painted ones, across the plane that is shown.",
}


def apply_change(layer: Labels, change: Change, grid: Volume) -> int:
    """Write a change into a layer as one undo step, and give the number of voxels; nothing happens for none.

    `grid` is the native grid of the layer. Raises `LabelError` when the layer's type of number cannot hold the label.
    """
    if change.value > np.iinfo(layer.data.dtype).max:
        raise LabelError(f"The layer {layer.name!r} holds {layer.data.dtype}, which has no label {change.value}.")
    if change.mask.any():
        layer.data_setitem(displayed_index(change, grid), change.value)
    return change.voxels


def check_free_label(layer: Labels, value: int) -> None:
    """Raise `LabelError` for a label that is locked."""
    if value in locked_values(layer):
        raise LabelError(f"{structure_title(layer, value)} is locked. Unlock it in the Structures table to change it.")


def check_native_mask(layer: Labels) -> None:
    """Raise `GeometryError` for a mask that was resliced for display: it is never saved."""
    origin = origin_of(layer)
    if origin is not None and origin.display_only and origin.role == "labels":
        raise GeometryError(
            f"{layer.name} was resliced for display and is never saved. Open the mask without reslicing to correct it."
        )


def protected_values(layer: Labels) -> frozenset[int]:
    """The labels that a stroke leaves alone: locked ones, and all but the selected one with "preserve labels".

    As napari's own brush has it, the background may then be painted on, and erasing takes the selected label alone.
    """
    locked = locked_values(layer)
    return locked | ({*values_in(layer.data)} - {int(layer.selected_label)}) if layer.preserve_labels else locked


def structure_title(layer: Labels, value: int) -> str:
    """The name of a structure as messages say it: "liver (5)", or "label 5" where the table has no name for it."""
    name = next((label.name for label in layer_table(layer) if label.value == value), None)
    return f"{name} ({value})" if name else f"label {value}"


class Seal:
    """Broken as soon as a layer is painted on, corrected, undone or redone: what was computed of it is out of date.

    Make the seal before the work starts, and look at `whole` before the result is used.
    """

    def __init__(self, layer: Labels) -> None:
        self._layer, self._steps, self._painted = layer, step_counts(layer), False
        layer.events.paint.connect(self._break)

    @property
    def whole(self) -> bool:
        """Whether nothing happened since."""
        return not self._painted and step_counts(self._layer) == self._steps

    def _break(self, event: object = None) -> None:  # noqa: ARG002
        self._painted = True


def correction_sentence(name: str, change: Change, grid: Volume, structure: str) -> str:
    """What a correction did, and whether other labels were in its way, for the user.

    `structure` is the structure's title. The volume is that of the changed voxels in ml, with "-" where they were
    removed: "grow: liver (5) +2.40 ml (300 voxels)."
    """
    blocked = (
        f"{counted(change.in_the_way, 'voxel belongs', 'voxels belong')} to other labels" if change.in_the_way else ""
    )
    if not change.voxels:
        if blocked:
            return f'{name}: {structure} stays as it is, {blocked}. Tick "may replace other labels", or unlock them.'
        return f"{name}: nothing to change in {structure}."
    sign = "-" if change.value == 0 else "+"
    done = f"{name}: {structure} {sign}{change.voxels * grid.voxel_ml:.2f} ml ({counted(change.voxels, 'voxel')})"
    return f"{done}; {blocked} and {'stays' if change.in_the_way == 1 else 'stay'} so." if blocked else f"{done}."


def displayed_index(change: Change, grid: Volume) -> tuple[NDArray[np.generic], ...]:
    """The voxels of a change as indices of the displayed array: one array for each axis, in napari's order."""
    shape = to_display(grid.array, grid).shape
    counts = [
        np.arange(size).reshape([-1 if axis == other else 1 for other in range(3)]) for axis, size in enumerate(shape)
    ]
    return tuple(to_native(np.broadcast_to(count, shape), grid)[change.block][change.mask] for count in counts)


def native_index(grid: Volume, world: Sequence[float]) -> NDArray[np.float64]:
    """The index `(3,)` on the native grid, not rounded, of a place of napari's world where that grid is shown.

    `world` is (S, P, L) in mm; whole numbers are the centres of voxels.

    >>> grid = Volume(np.zeros((40, 50, 60)), np.diag([2.0, 2.0, 2.0, 1.0]))
    >>> native_index(grid, (10, -20, -30)).tolist()
    [15.0, 10.0, 5.0]
    """
    return grid.to_index(patient_point(grid, world))


def native_axis(layer: Layer, displayed: int, layers: Iterable[Layer] = ()) -> int:
    """The axis of the native array that is shown as axis `displayed`, 0 to 2, of the layer.

    Axis 0 as displayed runs along head and feet, 1 front to back, 2 right to left. Raises `GeometryError` as `grid_of`.
    """
    grid = grid_of(layer, layers)
    step = native_index(grid, np.eye(3)[displayed].tolist()) - native_index(grid, (0, 0, 0))
    return int(np.abs(step).argmax())
