"""What happens when the plugin is first used in a window."""

from __future__ import annotations

from typing import Any

from monai_attn.napari.keep.window import watch
from monai_attn.napari.look.canvas import canvas_notes

__all__ = ["activate"]


def activate(context: Any = None) -> None:  # noqa: ARG001
    """What napari calls when the plugin is first used, and we when a file or sample is opened, perhaps in another
    window: its canvas gets our text, and its masks are kept."""
    from napari import current_viewer

    viewer = current_viewer()
    if viewer is not None:
        watch(viewer)
        canvas_notes(viewer)
