"""What a stroke on a labels layer changed, and how a locked structure stays as it was.

napari can protect all labels but the background from the brush ("preserve labels"), not one structure. A locked
structure is therefore put back when the stroke ends: while the mouse button is down the brush shows over it. Undo and
redo are not held back. Somebody must listen to the strokes: `structures.locks`. Layers that are not NumPy arrays (zarr,
dask) have no lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from monai_attn.measure.blocks import Block, join

if TYPE_CHECKING:
    from napari.layers import Labels

__all__ = ["PaintStep", "PaintedChange", "Unpainted", "change_of", "keep_locked", "new_steps", "step_counts"]

_put_back: WeakKeyDictionary[Labels, int] = WeakKeyDictionary()
"""How often a locked structure of a layer was put back: the number of its steps does not tell."""

PaintStep = list[Any]
"""One step of a layer's history, as its `paint` event brings it.

A list of tuples (indices, old values, new value), or of napari's tuples (slices, mask, old values, new value)."""


@dataclass(frozen=True)
class PaintedChange:
    """The block of the displayed array that steps lie in, and the labels that may have lost or won voxels there."""

    region: Block
    values: frozenset[int]


def change_of(steps: Iterable[PaintStep]) -> PaintedChange | None:
    """Where steps of the history lie and which labels they touch; None when they hold nothing.

    The region is the smallest block, along S, P, L, that holds all steps. Background (0) is left out of the labels.
    """
    region: Block | None = None
    values: set[int] = set()
    for atom in (atom for step in steps for atom in step):
        where, _, old, new = _parts(atom)
        region = join(region, where)
        values |= {int(value) for value in (*np.unique(old), *np.unique(new))}
    return PaintedChange(region, frozenset(values - {0})) if region is not None else None


def keep_locked(layer: Labels, steps: Sequence[PaintStep], locked: frozenset[int]) -> bool:
    """Undo what finished steps did to locked structures, in the layer and in the steps themselves; whether they did.

    Neither does such a structure lose voxels, nor does painting with its label add any. The steps are those of the
    layer's history: what is left of them together then stands in the first one, so that undo gives back the rest.

    False also where no step touches a locked structure. The array of the layer and the steps are changed in place.
    """
    change = change_of(steps)
    if change is None or not change.values & locked or not isinstance(layer.data, np.ndarray):
        return False
    after = np.array(layer.data[change.region])
    before = _before(after, steps, change.region)
    changed = before != after
    held = changed & (np.isin(before, list(locked)) | np.isin(after, list(locked)))
    if not held.any():
        return False
    layer.data[change.region][held] = before[held]
    kept = changed & ~held
    start = [part.start for part in change.region]
    index = tuple(axis + first for axis, first in zip(np.nonzero(kept), start, strict=True))
    for step in steps:
        step.clear()
    if kept.any():
        steps[0].append((index, before[kept], after[kept]))
    _put_back[layer] = _put_back.get(layer, 0) + 1
    layer.refresh()
    return True


def step_counts(layer: Labels) -> tuple[int, int]:
    """How many steps can be undone and redone. napari has no event for either; this is all it shows.

    Read from private fields of napari's labels layer; (0, 0) where a version of napari has them no longer.
    """
    return len(getattr(layer, "_undo_history", ())), len(getattr(layer, "_redo_history", ()))


class Unpainted:
    """Calls back when a layer is shown anew because a step was undone or redone, or a locked structure put back.

    Connect `look` to the layer's event `set_data`, which napari also emits for each other slice.
    """

    def __init__(self, layer: Labels, changed: Callable[[], None]) -> None:
        self._changed, self._seen = changed, (*step_counts(layer), _put_back.get(layer, 0))

    def look(self, event: Any) -> None:
        """The layer is shown anew: call back where its steps are not those of the last time."""
        now = (*step_counts(event.source), _put_back.get(event.source, 0))
        if now != self._seen:
            self._seen = now
            self._changed()


def new_steps(layer: Labels, before: tuple[int, int]) -> list[PaintStep]:
    """The steps that were undone or redone since `step_counts` gave `before`.

    Undone steps lie in the redo history, redone steps in the undo history. [] where neither happened.
    """
    undone = step_counts(layer)[1] - before[1]
    if undone > 0:
        return list(layer._redo_history)[-undone:]
    return list(layer._undo_history)[undone:] if undone < 0 else []


def _before(after: NDArray[np.integer], steps: Sequence[PaintStep], region: Block) -> NDArray[np.integer]:
    """What stood in the region before the steps."""
    before = after.copy()
    start = [part.start for part in region]
    for atom in (atom for step in reversed(steps) for atom in reversed(step)):
        where, chosen, old, _ = _parts(atom)
        if isinstance(chosen, tuple):
            before[tuple(axis - first for axis, first in zip(chosen, start, strict=True))] = old
            continue
        part = before[tuple(slice(s.start - first, s.stop - first) for s, first in zip(where, start, strict=True))]
        part[chosen if chosen is not None else ...] = old
    return before


def _parts(atom: Any) -> tuple[Block, Any, Any, Any]:
    """Block, mask or indices within it, old values, new values of one entry of a step."""
    if len(atom) == 3:
        indices, old, new = atom
        indices = tuple(np.asarray(axis) for axis in indices)
        i, j, k = (slice(int(axis.min()), int(axis.max()) + 1) for axis in indices)
        return (i, j, k), indices, old, new
    where, mask, old, new = atom
    return tuple(slice(int(part.start), int(part.stop)) for part in where), mask, old, new  # type: ignore[return-value]
