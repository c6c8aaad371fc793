"""Hears what happens to a labels layer, and tells its inspection what to measure.

Owned by `Measuring`. The steps of painting come from the layer's history in napari (`layers.strokes`). From the first
watch on, locked structures of the layer are held (`locks`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from monai_attn.napari.layers.strokes import PaintStep, change_of, new_steps, step_counts
from monai_attn.napari.structures.inspection import Inspection
from monai_attn.napari.structures.locks import locks_of

__all__ = ["Watch"]


class Watch:
    """Connects an inspection to the events of its layer, until `close`.

    `wake` is called when something happened; call `settle` soon after, not at once: napari speaks of a stroke before
    its voxels are written. Painting, undo and redo change only a block; new data change everything.
    """

    def __init__(self, inspection: Inspection, wake: Callable[[], None]) -> None:
        self.inspection, self._wake = inspection, wake
        self._painted: list[PaintStep] = []
        self._undone: list[PaintStep] = []
        self._counts = step_counts(inspection.layer)
        self._locks = locks_of(inspection.layer)
        events = inspection.layer.events
        self._hooks = {events.paint: self._on_paint, events.set_data: self._on_shown, events.data: self._on_replaced}
        for event, hook in self._hooks.items():
            event.connect(hook)

    def settle(self) -> None:
        """Put back what locked structures lost, and note what has to be measured anew.

        Nothing happens when nothing was painted since the last time.
        """
        painted, self._painted = self._painted, []
        undone, self._undone = self._undone, []
        touched = change_of([*painted, *undone])
        if touched is not None:
            self._locks.settle()
            self.inspection.note(touched)

    def close(self) -> None:
        """Hear nothing any more."""
        for event, hook in self._hooks.items():
            event.disconnect(hook)
        self._hooks = {}

    def _on_paint(self, event: Any) -> None:
        """napari has recorded a stroke."""
        self._painted.append(list(event.value))  # a copy: locks take out of the step what they put back
        self._counts = step_counts(self.inspection.layer)
        self._wake()

    def _on_shown(self) -> None:
        """The layer is drawn anew: find out whether a step was undone or redone."""
        layer = self.inspection.layer
        steps = new_steps(layer, self._counts)
        self._counts = step_counts(layer)
        if steps:
            self._undone += steps
            self._wake()

    def _on_replaced(self) -> None:
        """The layer got other data: all that is known is out of date."""
        self._painted.clear()
        self._undone.clear()
        self._counts = step_counts(self.inspection.layer)
        self.inspection.note_everything()
        self._wake()
