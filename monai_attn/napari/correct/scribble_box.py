"""The part of the panel "Correct" for scribbles: two buttons, and the mask that follows each stroke."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.qt.threading import create_worker
from napari.utils.notifications import show_error
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QGroupBox, QVBoxLayout

from monai_attn.edit import Change
from monai_attn.errors import AttnError
from monai_attn.napari.correct.editing import structure_title
from monai_attn.napari.correct.scribbling import HERE, NOT_HERE, Refinement, Scribbles, Task
from monai_attn.napari.qt.controls import button, row
from monai_attn.napari.qt.jobs import named, safely

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image, Labels

__all__ = ["ScribbleBox"]

TIPS = {
    "it is here": "Scribble with the mouse over a part that belongs to the structure; the mask follows at once.",
    "it is not here": "Scribble with the mouse over a part that does not belong to the structure.",
    "done": "Take the scribbles away; the mask stays as it is.",
}


class ScribbleBox(QGroupBox):
    """Buttons to scribble; each stroke refines the mask near it, in a thread and as one step of undo.

    `mask` gives the mask that is corrected, `image` the image on its grid, `say` shows a sentence.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        mask: Callable[[], Labels | None],
        image: Callable[[], Image | None],
        say: Callable[[str], None],
    ) -> None:
        super().__init__("Scribble: the mask follows")
        self.scribbles = Scribbles(viewer, say)
        self._mask, self._image, self._say = mask, image, say
        self.worker: Any = None
        self._again = False
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._refine)
        self._task: Task
        self.buttons = {name: button(name, tip, self._press) for name, tip in TIPS.items()}
        layout = QVBoxLayout(self)
        first, second, done = self.buttons.values()
        layout.addWidget(row(first, second))
        layout.addWidget(done)
        self.destroyed.connect(partial(_forget, self.scribbles))

    def _press(self, name: str) -> None:
        """Begin to scribble, or take the scribbles away."""
        mask = self._mask()
        if name == "done":
            self.scribbles.end()
            return
        if mask is None:
            return
        try:
            before = self.scribbles.layer
            layer = self.scribbles.begin(mask, HERE if name == "it is here" else NOT_HERE)
        except AttnError as error:
            show_error(str(error))
            return
        if layer is not before:
            layer.events.paint.connect(self._painted)
        self._say("Scribble with the mouse. Each stroke changes the mask near it.")

    def _painted(self, event: Any = None) -> None:  # noqa: ARG002
        """Refine after a stroke: napari may tell of it before the voxels have changed."""
        self._later.start(0)

    def _refine(self) -> None:
        """Refine by all scribbles; a stroke during a refinement is taken up when that one is over."""
        self._again = self.worker is not None
        if self._again or self.scribbles.layer is None or self.scribbles.mask is None:
            return
        try:
            self._task = self.scribbles.task(self._image())
        except AttnError as error:
            show_error(str(error))
            return
        self.worker = create_worker(named("refining", safely, _compute, self._task.refinement), _start_thread=False)
        self.worker.returned.connect(self._finish)  # methods of a widget: Qt does not call them when it is gone
        self.worker.finished.connect(self._done)
        self.worker.start()

    def _finish(self, outcome: tuple[tuple[Change, Change] | None, str]) -> None:
        """Put the result into its mask, unless mask or strokes were changed meanwhile; show why there is none."""
        changes, refusal = outcome
        task = self._task
        if changes is None:
            show_error(refusal)
            return
        if not task.valid:
            return
        task.apply(changes)
        more, less = (change.voxels * task.refinement.labels.voxel_ml for change in changes)
        title = structure_title(task.mask, task.refinement.value)
        self._say(f"{title}: +{more:.2f} ml, -{less:.2f} ml by scribbles.")

    def _done(self) -> None:
        """The refinement is over; go on with strokes that were made meanwhile."""
        self.worker = None
        if self._again:
            self._refine()


def _compute(refinement: Refinement) -> Generator[None, None, tuple[Change, Change]]:
    yield  # here a window that is being closed stops it
    return refinement.compute()


def _forget(scribbles: Scribbles, *_: object) -> None:
    """The panel is gone: the scribbles stay as a layer that nothing follows."""
    scribbles.layer = None
    if scribbles.history is not None:
        scribbles.history.close()
