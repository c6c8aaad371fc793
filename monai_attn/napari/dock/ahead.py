"""Modules of tabs that were not shown yet, imported in small pieces while nothing else happens.

A panel is made when its tab is first shown, and its modules are imported then. All of them at once would be a pause
that one notices. PyTorch and MONAI are not among them: the first segmentation loads these.
"""

from __future__ import annotations

from importlib import import_module

from qtpy.QtCore import QObject, QTimer

__all__ = ["ImportAhead"]

PIECES = (
    "monai_attn.finders",
    "monai_attn.bundle.describe",
    "monai_attn.preflight.figures",
    "monai_attn.preflight",
    "monai_attn.preflight.estimate",
    "monai_attn.preflight.outlook",
    "monai_attn.napari.segment.request",
    "monai_attn.napari.segment.checking",
    "monai_attn.napari.segment.zoo",
    "monai_attn.napari.segment.form",
    "monai_attn.napari.segment.boxes",
    "monai_attn.napari.segment.regions",
    "monai_attn.napari.segment.running",
    "monai_attn.napari.segment.panel",
)
"""What the tab Segment needs, in the order in which its parts need each other: some hundredths of a second each."""

PAUSE_MS = 30
"""From one piece to the next: the window answers in between."""


class ImportAhead(QObject):
    """Imports `PIECES` one by one in the window's own thread, until all are there or the parent is gone."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.waiting = list(PIECES)
        self._timer = QTimer(self, interval=PAUSE_MS)
        self._timer.timeout.connect(self._next)
        self._timer.start()

    def _next(self) -> None:
        """Import the next piece."""
        if self.waiting:
            import_module(self.waiting.pop(0))
        else:
            self._timer.stop()
