"""Holds the locked structures of labels layers against painting, whichever mask the panel Structures shows.

A structure is locked in the panel Structures, and stays so when the panel shows another mask or is closed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from qtpy.QtCore import QTimer

from monai_attn.napari.layers.strokes import PaintStep, keep_locked
from monai_attn.napari.layers.styles import locked_values

if TYPE_CHECKING:
    from napari.layers import Labels

__all__ = ["Locks", "locks_of"]


class Locks:
    """Puts back what locked structures of one layer lose to a stroke, as long as the layer lives.

    It happens a moment after the stroke: napari may speak of a stroke before its voxels are written.
    """

    def __init__(self, layer: Labels) -> None:
        self._layer = ref(layer)
        self._painted: list[PaintStep] = []
        layer.events.paint.connect(self._on_paint)

    def settle(self) -> None:
        """Put back what locked structures lost since the last time."""
        painted, self._painted = self._painted, []
        layer = self._layer()
        if layer is not None and painted:
            keep_locked(layer, painted, locked_values(layer))

    def _on_paint(self, event: Any) -> None:
        self._painted.append(event.value)
        QTimer.singleShot(0, self.settle)


_kept: WeakKeyDictionary[Labels, Locks] = WeakKeyDictionary()


def locks_of(layer: Labels) -> Locks:
    """The locks of a layer, from now on obeyed; the same ones on every call for one layer."""
    if layer not in _kept:
        _kept[layer] = Locks(layer)
    return _kept[layer]
