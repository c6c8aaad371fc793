"""One run in the window: in a thread, its progress in the form, and its layers in the viewer when it is over.

The panel "Segment" owns one `Running`. What is computed stands in `runner`; this file only connects the thread with the
window.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import ref

from napari.qt.threading import create_worker
from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import QObject, QTimer, Signal

from monai_attn.errors import AttnError, Cancelled
from monai_attn.napari.keep.guard import add_reason
from monai_attn.napari.keep.window import watch
from monai_attn.napari.layers.apart import set_apart
from monai_attn.napari.layers.links import Links, closing
from monai_attn.napari.layers.volumes import go_to
from monai_attn.napari.qt.jobs import named
from monai_attn.napari.qt.strokes import after_stroke
from monai_attn.napari.segment.form import SegmentForm
from monai_attn.napari.segment.growing import GrowingLayer
from monai_attn.napari.segment.produced import RunLayers
from monai_attn.napari.segment.request import Request
from monai_attn.napari.segment.runner import Runner
from monai_attn.napari.segment.work import Work, WorkProgress, remaining_seconds
from monai_attn.preflight.estimate import Estimate, duration

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Layer

__all__ = ["Running"]

logger = logging.getLogger(__name__)

CLOSED = "The run was stopped: an image of it was closed."
"""Said in place of a result. What is open by now may be the next patient, on the same grid."""


class Running(QObject):
    """Runs requests, one at a time. `over` says that a run has ended, however it did.

    As a part of the panel it hears nothing of a run any more once the panel is deleted. `worker` is napari's worker,
    None while nothing runs. `work` is the last run, which after a cancel may still finish its last patches.
    """

    over = Signal()

    def __init__(self, viewer: napari.viewer.Viewer, form: SegmentForm, parent: QObject) -> None:
        super().__init__(parent)
        self.viewer, self.form = viewer, form
        self.runner = Runner()
        self.growing = GrowingLayer(viewer)
        self.work: Work[RunLayers] | None = None
        self.worker: Any = None
        self._total: int | None = None
        self._images: tuple[Layer, ...] = ()
        add_reason(viewer, partial(_what_runs, ref(self)))
        self._links = Links()
        self._links.follow(self._forget, viewer.layers.events.removed)
        parent.destroyed.connect(closing(self._links))

    def free(self) -> bool:
        """Whether a run can start; says so in the window when the last one still finishes its patches."""
        if self.work is not None and self.work.alive:
            show_info("The last segmentation is still finishing its last patches; try again in a moment.")
            return False
        return True

    def start(self, request: Request, expected: Estimate | None, images: Iterable[Layer]) -> None:
        """Start a run; `expected` is what the check has foretold, with the number of windows for the progress bar.

        Without a number the bar only shows that something runs. `images` are the layers of the request's images: where
        one of them is closed meanwhile, the run is stopped. Call `free` first: a run that still ends is not waited
        for.
        """
        self._images = tuple(images)
        self._total = expected.windows if expected is not None else None
        self.work = Work(partial(self.runner.run, replace(request, expected=expected)))
        self.worker = worker = create_worker(named("a segmentation", self.work.outcome), _start_thread=False)
        self.work.abandoned = lambda: bool(worker.abort_requested)  # napari asks workers to quit when it closes
        worker.yielded.connect(self._show_progress)
        worker.returned.connect(self._show_outcome)
        worker.aborted.connect(self._show_cancelled)
        worker.finished.connect(self._finished)
        self.form.set_running(True, ready=False)
        worker.start()

    def cancel(self) -> None:
        """Stop: the panel is free at once, the thread ends at its next batch of windows."""
        if self.work is not None:
            self.work.stop()
        if self.worker is not None:
            self.worker.quit()

    def let_go(self) -> None:
        """Stop what runs, and take the growing labels away: the panel is gone."""
        self.cancel()
        self.growing.remove()

    def _show_progress(self, progress: WorkProgress) -> None:
        """Draw the growing labels, and show stage, patches and the time left."""
        total = progress.total or self._total
        left = remaining_seconds(progress, total)
        if not self._closed(self._images):
            self.growing.show(progress.shown)
        self.form.show_progress(progress, total, duration(left) if left is not None else "")

    def _show_outcome(self, outcome: tuple[RunLayers | None, Exception | None]) -> None:
        """Show the result or the failure, no result where an image was closed; the growing labels go in all cases."""
        made, error = outcome
        self.growing.remove()
        if error is not None:
            self._show_failure(error)
        elif made is not None:
            after_stroke(self, self.viewer.layers, partial(self._show_made, made, self._images))

    def _show_made(self, made: RunLayers, images: tuple[Layer, ...]) -> None:
        """Show the result of a run of these images, no result where one of them was closed."""
        if self._closed(images):
            self.form.show_done(CLOSED)
        else:
            self._show_layers(made)

    def _closed(self, images: tuple[Layer, ...]) -> bool:
        """Whether one of the images that a run was started with is no longer in the viewer."""
        return any(image not in self.viewer.layers for image in images)

    def _forget(self, event: Any = None) -> None:  # noqa: ARG002
        """Stop a run when an image of it is gone, and say no more of the last one: the next may be another patient."""
        if not self._closed(self._images):
            return
        if self.worker is not None:
            self.cancel()
        else:
            self._images = ()
            self.form.show_done("")

    def _show_layers(self, made: RunLayers) -> None:
        """Add the layers, the mask on top and active, and go where the mask can be seen."""
        added = [
            (self.viewer.add_labels if kind == "labels" else self.viewer.add_image)(data, **keywords)
            for data, keywords, kind in made.layers
        ]
        mask = added[0]
        set_apart(mask, self.viewer.layers)
        if len(added) > 1:
            mask.contour = 1  # and let the maps be seen inside
        self.viewer.layers.move(self.viewer.layers.index(mask), len(self.viewer.layers))
        self.viewer.layers.selection.active = mask
        if made.place is not None:
            go_to(self.viewer, made.place)
        watch(self.viewer).computed(mask)
        self.form.show_done(made.sentence)
        if made.warnings:
            show_warning("Check this mask before it is used.\n" + "\n".join(made.warnings))

    def _show_failure(self, error: Exception) -> None:
        """Say in the window why a run failed; only an error that is not ours goes into the log with its traceback."""
        if isinstance(error, Cancelled):
            self._show_cancelled()
            return
        if not isinstance(error, AttnError):
            logger.error("The segmentation failed", exc_info=error)
            error = AttnError(f"The segmentation failed: {type(error).__name__}: {error}")
        self.form.show_done("Failed.")
        show_error(str(error))

    def _show_cancelled(self) -> None:
        """Say that the run was cancelled, by the user or by closing an image, and take the growing labels away."""
        self.growing.remove()
        self.form.show_done(CLOSED if self._closed(self._images) else "Cancelled; nothing was changed.")

    def _finished(self) -> None:
        """The worker has ended, however it did."""
        self.worker = None
        self.over.emit()
        self._wait()

    def _wait(self) -> None:
        """Say on the button what it waits for, until a cancelled run has ended its last patches."""
        ending = self.worker is None and self.work is not None and self.work.alive
        self.form.run.setText("Ending the last patches …" if ending else "Segment")
        if ending:
            QTimer.singleShot(100, self, self._wait)


def _what_runs(running: ref[Running]) -> str:
    """What closing the window would stop; "" for nothing."""
    one = running()
    return "A segmentation is running and would be stopped." if one is not None and one.worker is not None else ""
