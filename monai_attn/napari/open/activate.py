"""What happens when the plugin is first used in a window."""

from __future__ import annotations

from typing import Any

from monai_attn.napari.keep.guard import guard_window
from monai_attn.napari.keep.window import watch
from monai_attn.napari.look.canvas import canvas_notes
from monai_attn.napari.open.first import put_first

__all__ = ["activate"]


def activate(context: Any = None) -> None:  # noqa: ARG001
    """Give the current window our text on its canvas, keep its masks, and list our kinds of files first for saving.

    From then on the window asks before it is closed with unsaved masks.

    napari calls this when the plugin is first used. The plugin calls it when a file or sample is opened, which may be
    in another window.

    Without a window nothing happens. Doing it again for the same window changes nothing.
    """
    from napari import current_viewer

    put_first()
    viewer = current_viewer()
    if viewer is not None:
        watch(viewer)
        canvas_notes(viewer)
        window = getattr(getattr(viewer, "window", None), "_qt_window", None)
        if window is not None:
            guard_window(viewer, window)
