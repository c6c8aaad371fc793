"""Asks before napari's window is closed while something would be lost: an unsaved mask, a run that is not over.

Only the user's own closing is asked about: the button of the window, Ctrl+W and Ctrl+Q. `viewer.close()` in a script
closes at once, as ever; what is unsaved is kept all the same.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget
from typing_extensions import override

from monai_attn.napari.keep.leaving import ask, keep_copies, unsaved_masks, unsaved_sentence

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["CloseGuard", "add_reason", "guard_window", "reasons_to_stay"]

MENU_FUNCTIONS = ("_close_window", "_close_app")
"""Functions of napari that its File menu calls."""

Reason = Callable[[], str]
"""Gives a sentence on what would be lost now, "" for nothing."""

_reasons: WeakKeyDictionary[Any, list[Reason]] = WeakKeyDictionary()


def add_reason(viewer: ViewerModel, reason: Reason) -> None:
    """Ask `reason` too before the window of a viewer is closed."""
    _reasons.setdefault(getattr(viewer, "__wrapped__", viewer), []).append(reason)


def reasons_to_stay(viewer: ViewerModel) -> list[str]:
    """What would be lost if the window of a viewer were closed now, a sentence each; [] for nothing."""
    masks = unsaved_masks(viewer)
    sentences = [unsaved_sentence(masks)] if masks else []
    return sentences + [sentence for reason in _reasons.get(viewer, ()) if (sentence := reason())]


class CloseGuard(QObject):
    """Stands before the closing of one window of napari. `asking` shows the sentence and tells whether to go on."""

    def __init__(self, viewer: ViewerModel, window: QWidget) -> None:
        super().__init__(window)
        self._viewer = ref(viewer)
        self.asking: Callable[[QWidget | None, str], bool] = ask
        window.installEventFilter(self)

    def may_close(self) -> bool:
        """Whether the window may go: yes where nothing would be lost, else what the user answers.

        No, too, where the user goes on but a copy of an unsaved mask cannot be kept.
        """
        viewer = self._viewer()
        sentences = reasons_to_stay(viewer) if viewer is not None else []
        if viewer is None or not sentences:
            return True
        window = self.parent()
        go = self.asking(window if isinstance(window, QWidget) else None, "\n".join(sentences))
        return go and keep_copies(viewer)

    @override
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Ask when the user closes the window, by its own button or from napari's menu."""
        if event.type() == QEvent.Type.Close and (event.spontaneous() or _from_menu()) and not self.may_close():
            event.ignore()
            return True
        return bool(super().eventFilter(watched, event))


def _from_menu() -> bool:
    """Whether napari's File menu or its keys are closing the window now: a script that closes is not asked.

    Told from napari's functions that are running. Where a later napari calls them otherwise, only the button of the
    window asks, and napari itself.
    """
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code.co_name in MENU_FUNCTIONS and frame.f_globals.get("__name__", "").startswith("napari."):
            return True
        frame = frame.f_back
    return False


def guard_window(viewer: ViewerModel, window: QWidget) -> CloseGuard:
    """The guard of a window of napari; one for each window, however often this is called."""
    found = window.findChild(CloseGuard)
    return found if isinstance(found, CloseGuard) else CloseGuard(viewer, window)
