"""Overlays of our own on napari's canvas, which take its private table of what draws an overlay."""

from __future__ import annotations

import logging
from functools import cache
from importlib import import_module
from typing import Any

__all__ = ["overlay_class"]


@cache
def overlay_class(module: str, otherwise: str) -> Any:
    """The overlay of a module of this room, made known to napari's drawing; None where that is not to be had.

    The module's `DRAWN` is the overlay's class, and the class that draws it. A log says once what happens `otherwise`.
    """
    try:
        from napari._vispy.utils.visual import overlay_to_visual

        overlay, visual = import_module(f"{__package__}.{module}").DRAWN
    except (ImportError, AttributeError, TypeError) as error:
        logging.getLogger(__name__).warning("%s: %s", otherwise, error)
        return None
    overlay_to_visual[overlay] = visual
    return overlay
