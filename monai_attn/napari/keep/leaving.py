"""The question before unsaved masks would go from the window: save first, go on all the same, or stay.

Asked when the next case is opened and when napari's window is closed. Whatever the answer, an unsaved mask stays in
the user's state folder and is offered again when its image is opened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from qtpy.QtWidgets import QMessageBox, QWidget

from monai_attn.errors import AttnError
from monai_attn.napari.keep.keeper import keeper_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

__all__ = ["ask", "keep_copies", "may_leave", "unsaved_masks", "unsaved_sentence"]


def unsaved_masks(viewer: ViewerModel) -> list[Labels]:
    """The masks of a viewer that were painted or computed and are in no file of the user's; [] for none."""
    keeper = keeper_of(viewer)
    return keeper.unsaved() if keeper is not None else []


def unsaved_sentence(masks: list[Labels]) -> str:
    """What is said of unsaved masks: their layers' names, at most three of them."""
    names = ", ".join(layer.name for layer in masks[:3]) + (", ..." if len(masks) > 3 else "")
    count = f"{len(masks)} masks are" if len(masks) > 1 else "A mask is"
    return f"{count} not saved: {names}."


KEPT = "Save it in the tab Save. If you go on, a copy is kept for 30 days and offered again."

STAY = "The masks stay open, since no copy can be kept."


def ask(parent: QWidget | None, sentence: str, more: str = KEPT, title: str = "Not saved") -> bool:
    """Show a sentence with "Go on" and "Stay"; whether the user goes on. Enter and Esc stay.

    `more` is shown below the sentence, `title` above.
    """
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Warning)
    box.setWindowTitle(title)
    box.setText(sentence)
    box.setInformativeText(more)
    go = box.addButton("Go on", QMessageBox.ButtonRole.AcceptRole)
    stay = box.addButton("Stay", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(stay)
    box.exec()
    return bool(box.clickedButton() is go)


def keep_copies(viewer: ViewerModel) -> bool:
    """Write the copies that `KEPT` speaks of at once, while the layers have their place; whether that was possible.

    What was painted in the last seconds waits for a pause otherwise. Where the disk refuses, or a mask has no place in
    the patient, the error is shown.
    """
    keeper = keeper_of(viewer)
    try:
        lost = keeper.keep_unsaved() if keeper is not None else []
    except AttnError as error:
        show_error(f"{STAY} {error}")
        return False
    if lost:
        show_error(f"{STAY} {' '.join(lost)} To go on without the mask, delete its layer.")
    return not lost


def may_leave(viewer: Any, parent: QWidget | None, asking: Callable[[QWidget | None, str], bool] = ask) -> bool:
    """Whether the layers of a viewer may go: yes when all masks are saved, else what the user answers.

    No, too, where the user goes on but a copy cannot be kept.
    """
    viewer = getattr(viewer, "__wrapped__", viewer)
    masks = unsaved_masks(viewer)
    return not masks or (asking(parent, unsaved_sentence(masks)) and keep_copies(viewer))
