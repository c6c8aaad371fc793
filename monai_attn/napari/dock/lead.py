"""From the names of the single panels, as napari's menus show them, to the tabs of the dock.

napari makes a widget for each name of the manifest. These widgets only show the tab, and take themselves away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from monai_attn.napari.dock.window import dock_of

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["ToCompare", "ToCorrect", "ToLearn", "ToLook", "ToOpen", "ToSave", "ToSegment", "ToStructures"]


class Lead(QWidget):
    """Shows a tab of the dock in its own place; `panel` is the panel of the tab."""

    title: ClassVar[str] = ""

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = getattr(viewer, "__wrapped__", viewer)
        QVBoxLayout(self).addWidget(QLabel(f"{self.title} is a tab of monai-attn."))
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._go)
        self._timer.start(0)

    @property
    def panel(self) -> Any:
        """The panel of the tab, which is shown."""
        return dock_of(self.viewer).show_tab(self.title)

    def _go(self) -> None:
        """Show the tab, and take the dock of this widget away."""
        dock_of(self.viewer).show_tab(self.title)
        if self.parentWidget() is not None:
            self.viewer.window.remove_dock_widget(self)


class ToOpen(Lead):
    """Shows the tab "Open"."""

    title = "Open"


class ToLook(Lead):
    """Shows the tab "Look"."""

    title = "Look"


class ToSegment(Lead):
    """Shows the tab "Segment"."""

    title = "Segment"


class ToStructures(Lead):
    """Shows the tab "Structures"."""

    title = "Structures"


class ToCorrect(Lead):
    """Shows the tab "Correct"."""

    title = "Correct"


class ToCompare(Lead):
    """Shows the tab "Compare"."""

    title = "Compare"


class ToSave(Lead):
    """Shows the tab "Save"."""

    title = "Save"


class ToLearn(Lead):
    """Shows the tab "Learn"."""

    title = "Learn"
