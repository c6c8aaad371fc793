"""What must wait until a stroke of the mouse has ended.

napari sends the mouse to the active layer alone. A layer that becomes active during a stroke would leave that stroke
without its end: it could not be undone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from napari.components import LayerList

__all__ = ["after_stroke", "stroke_under_way"]

AGAIN_MS = 100
"""How often it is asked whether a stroke has ended."""


def stroke_under_way(layers: LayerList) -> bool:
    """Whether the mouse is drawing on the active layer, or an outline on that layer is not closed yet."""
    active = layers.selection.active
    if active is None:
        return False
    outline = getattr(active, "_overlays", {}).get("brush_stroke")  # both are private fields of napari
    return bool(getattr(active, "_mouse_drag_gen", None)) or (outline is not None and outline.active)


def after_stroke(owner: QObject, layers: LayerList, then: Callable[[], None]) -> None:
    """Call `then` now, or once the stroke that is under way has ended; not at all where `owner` is gone by then."""
    if stroke_under_way(layers):
        QTimer.singleShot(AGAIN_MS, owner, lambda: after_stroke(owner, layers, then))
    else:
        then()
