"""The panel "Segment": choose a bundle and its images, see what will happen, run it, look at the result."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Shapes
from napari.qt.threading import create_worker
from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QSizePolicy, QVBoxLayout, QWidget

from monai_attn.bundle.describe import BundleDescription, describe_bundle
from monai_attn.bundle.locate import shipped
from monai_attn.errors import AttnError, Cancelled, InputError
from monai_attn.napari.layers.volumes import go_to, grid_of
from monai_attn.napari.segment.form import SegmentForm
from monai_attn.napari.segment.growing import GrowingLayer
from monai_attn.napari.segment.overlays import jump_to_uncertain, uncertainty_layers
from monai_attn.napari.segment.region import REGION, region_layer, region_of_shape, region_of_view
from monai_attn.napari.segment.run import (
    RUN,
    Request,
    Result,
    Runner,
    choose_images,
    image_layers,
    overrides_of,
    volumes_of,
)
from monai_attn.napari.segment.task import Step, Task, remaining_seconds
from monai_attn.napari.segment.trust import Disclosure, TrustDialog, disclosure_of
from monai_attn.napari.settings import settings
from monai_attn.preflight.estimate import duration
from monai_attn.preflight.outlook import Outlook, outlook
from monai_attn.volume import Box

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["SegmentWidget"]

logger = logging.getLogger(__name__)

SETTLE_MS = 150
"""How long after the last change the check before a run is made again."""


class SegmentWidget(QWidget):
    """Collects the choices, runs the segmentation in a worker and adds what comes back as layers.

    One run at a time. `ask_trust` shows what a bundle from outside would run and tells whether it may.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.runner = Runner()
        self.task: Task[Result] | None = None
        self.worker: Any = None
        self.check = Outlook()
        self.ask_trust: Callable[[Disclosure], bool] = self._ask_trust
        self._trusted: set[Disclosure] = set()
        self._rank = -1
        self._total: int | None = None
        self.growing = GrowingLayer(viewer)
        self.form = SegmentForm()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.form)
        self._offer_bundles()
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self.refresh)
        self._connect()
        self._choose_bundle()

    def _connect(self) -> None:
        form = self.form
        form.bundles.currentIndexChanged.connect(self._choose_bundle)
        form.folder.clicked.connect(self._ask_folder)
        form.changed.connect(self._settle.start)
        form.draw.clicked.connect(self.draw_region)
        form.run.clicked.connect(self.start)
        form.cancel.clicked.connect(self.cancel)
        form.jump.clicked.connect(self.jump)
        for emitter in _layer_events(self.viewer):
            emitter.connect(self._layers_changed)
        self.destroyed.connect(partial(_let_go, self.viewer, self._layers_changed, self.__dict__))

    @property
    def bundle(self) -> str:
        """The chosen bundle: a shipped name, or a folder."""
        return str(self.form.bundles.currentData() or self.form.bundles.currentText())

    def description(self) -> BundleDescription:
        """What the chosen bundle asks for, with the overrides. Raises `AttnError`."""
        return describe_bundle(self.bundle, overrides_of(self.form.overrides.text()))

    def _offer_bundles(self) -> None:
        """The shipped bundles, and those in the folder that the preferences name; the preferred device."""
        self.form.bundles.addItems(list(shipped()))
        try:
            preferred = settings()
        except InputError as error:
            show_error(str(error))
            return
        self.form.prefer_device(preferred.device)
        for file in sorted(preferred.bundles.glob("*/configs/metadata.json")) if preferred.bundles else []:
            root = file.parents[1]
            self.form.bundles.addItem(root.name, str(root))

    def add_bundle(self, folder: str | Path) -> None:
        """Offer the bundle in a folder, and choose it; nothing of it runs. Says why when it is none."""
        try:
            bundle = describe_bundle(folder)
        except AttnError as error:
            show_error(str(error))
            return
        self.form.bundles.addItem(bundle.name, str(folder))
        self.form.bundles.setCurrentIndex(self.form.bundles.count() - 1)

    def region(self) -> Box | None:
        """The chosen region; None for the whole image. Raises `AttnError` when it cannot be told."""
        kind = self.form.region.currentData()
        if kind == "whole":
            return None
        image = self._reference()
        thickness = self.form.thickness_mm()
        if kind == "view":
            return region_of_view(self.viewer, image, grid_of(image), thickness_mm=thickness)
        return region_of_shape(self._shapes(), grid_of(image), thickness_mm=thickness)

    def request(self) -> Request:
        """The choices as they stand. Raises `AttnError` when something is missing."""
        bundle = self.description()
        names = self.form.chosen_images()
        return Request(
            bundle=bundle,
            images=volumes_of(names, list(self.viewer.layers)),
            name=next(iter(names.values()), ""),
            region=self.region(),
            execution=self.form.execution(settings().threads or None),
            overrides=overrides_of(self.form.overrides.text()),
            maps=self.form.chosen_maps(),
        )

    def refresh(self) -> None:
        """Check again whether image and bundle suit each other, and show it."""
        try:
            request = self.request()
        except AttnError as error:
            self.check = Outlook()
            self.form.show_problem(str(error))
        else:
            self.check = outlook(
                request.bundle,
                request.images,
                region=request.region,
                execution=request.execution,
                extra_runs=request.maps.count("flip_variance"),
            )
            self.form.show_check(self.check, request.region)
        self.form.set_running(self.worker is not None, ready=self.check.ready)

    def draw_region(self) -> None:
        """Make or choose the layer of regions, ready to draw a rectangle."""
        if not any(isinstance(layer, Shapes) and layer.name == REGION for layer in self.viewer.layers):
            data, keywords, _ = region_layer()
            layer = self.viewer.add_shapes(data or None, **keywords)
            layer.events.data.connect(self._region_changed)
        layer = self.viewer.layers[REGION]
        self.viewer.layers.selection.active = layer
        layer.mode = "add_rectangle"
        self.form.region.setCurrentIndex(self.form.region.findData("shape"))

    def start(self) -> None:
        """Start the segmentation, after asking whether a bundle from outside may run."""
        if self.task is not None and self.task.alive:
            show_info("The last segmentation is still finishing its batch of windows; try again in a moment.")
            return
        self.refresh()
        try:
            request = self.request()
            problems = [finding.text for finding in self.check.findings if finding.severity == "error"]
            if problems:
                raise InputError(problems[0])
            trust = self._may_run(request.bundle)
        except AttnError as error:
            show_error(str(error))
            return
        if not trust:
            self.form.status.setText("Not run: the bundle is not trusted.")
            return
        request = Request(**{**request.__dict__, "trust": True})
        self._total = self.check.estimate.windows if self.check.estimate else None
        self.task = Task(partial(self.runner.run, request))
        self.worker = create_worker(self.task.outcome, _start_thread=False)
        worker = self.worker
        self.task.abandoned = lambda: bool(worker.abort_requested)  # napari asks workers to quit when it closes
        worker.yielded.connect(self._show_step)
        worker.returned.connect(self._show_outcome)
        worker.aborted.connect(self._show_cancelled)
        worker.finished.connect(self._finished)
        self.form.set_running(True, ready=False)
        worker.start()

    def cancel(self) -> None:
        """Stop: the panel is free at once, the thread ends at its next batch of windows."""
        if self.task is not None:
            self.task.stop()
        if self.worker is not None:
            self.worker.quit()

    def jump(self) -> None:
        """Fly to the least certain piece of the mask, at the next click to the one after it."""
        active = self.viewer.layers.selection.active
        run = active.metadata.get(RUN) if active is not None else None
        maps = uncertainty_layers(self.viewer.layers)
        try:
            if not maps:
                raise InputError("There is no map of uncertainty. Choose entropy or flip variance, and run again.")
            chosen = next((layer for layer in maps if run and layer.metadata.get(RUN) == run), maps[0])
            self._rank += 1
            one = jump_to_uncertain(self.viewer, self._mask_of(chosen), chosen, rank=self._rank)
        except AttnError as error:
            show_error(str(error))
            return
        chosen.visible = True
        self.form.status.setText(
            f"{one.name}, piece {one.number} ({one.volume_ml:.2f} ml): mean uncertainty {one.uncertainty:.2g}"
        )

    def _mask_of(self, overlay: Any) -> Any:
        """The labels layer of the run that a map comes from."""
        run = overlay.metadata.get(RUN)
        for layer in self.viewer.layers:
            if layer._type_string == "labels" and run and layer.metadata.get(RUN) == run:
                return layer
        raise InputError(f"The mask of the map {overlay.name!r} is gone.")

    def _reference(self) -> Image:
        names = self.form.chosen_images()
        name = next(iter(names.values()), None)
        if name is None or name not in self.viewer.layers:
            raise InputError("Open an image first, with File > Open or the panel Open; it is then offered here.")
        return self.viewer.layers[name]

    def _shapes(self) -> Shapes:
        active = self.viewer.layers.selection.active
        shapes = [layer for layer in self.viewer.layers if isinstance(layer, Shapes)]
        if isinstance(active, Shapes):
            return active
        if not shapes:
            raise InputError("There is no region yet. Click on Draw and drag a rectangle around the structure.")
        return next((layer for layer in shapes if layer.name == REGION), shapes[-1])

    def _choose_bundle(self) -> None:
        try:
            bundle = describe_bundle(self.bundle)
        except AttnError as error:
            self.form.show_problem(str(error))
            return
        images = image_layers(list(self.viewer.layers))
        self.form.show_bundle(bundle)
        self.form.offer_images(bundle, [layer.name for layer in images], choose_images(bundle, images))
        self._settle.start()

    def _layers_changed(self, event: Any = None) -> None:  # noqa: ARG002
        self._choose_bundle()

    def _region_changed(self, event: Any = None) -> None:  # noqa: ARG002
        self._settle.start()

    def _ask_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of a MONAI bundle")
        if folder:
            self.add_bundle(folder)

    def _may_run(self, bundle: BundleDescription) -> bool:
        disclosure = disclosure_of(bundle)
        if disclosure is None or disclosure in self._trusted:
            return True
        if not self.ask_trust(disclosure):
            return False
        self._trusted.add(disclosure)
        return True

    def _ask_trust(self, disclosure: Disclosure) -> bool:
        return bool(TrustDialog(disclosure, self).exec() == TrustDialog.DialogCode.Accepted)

    def _show_step(self, step: Step) -> None:
        total = step.total or self._total
        left = remaining_seconds(step, total)
        self.growing.show(step.shown)
        self.form.show_progress(step, total, duration(left) if left is not None else "")

    def _show_outcome(self, outcome: tuple[Result | None, Exception | None]) -> None:
        result, error = outcome
        self.growing.remove()
        if error is not None:
            self._show_failure(error)
        elif result is not None:
            self._show_result(result)

    def _show_result(self, result: Result) -> None:
        """Add the layers, the mask on top and active, and go where it can be seen."""
        added = [
            (self.viewer.add_labels if kind == "labels" else self.viewer.add_image)(data, **keywords)
            for data, keywords, kind in result.layers
        ]
        mask = added[0]
        if len(added) > 1:
            mask.contour = 1  # and let the maps be seen inside
        self.viewer.layers.move(self.viewer.layers.index(mask), len(self.viewer.layers))
        self.viewer.layers.selection.active = mask
        if result.place is not None:
            go_to(self.viewer, result.place)
        self._rank = -1
        self.form.show_done(result.sentence)
        if result.warnings:
            show_warning("Check this mask before it is used.\n" + "\n".join(result.warnings))

    def _show_failure(self, error: Exception) -> None:
        if isinstance(error, Cancelled):
            self._show_cancelled()
            return
        if not isinstance(error, AttnError):
            logger.error("The segmentation failed", exc_info=error)
            error = AttnError(f"The segmentation failed: {type(error).__name__}: {error}")
        self.form.show_done("Failed.")
        show_error(str(error))

    def _show_cancelled(self) -> None:
        self.growing.remove()
        self.form.show_done("Cancelled; nothing was changed.")

    def _finished(self) -> None:
        self.worker = None
        self.refresh()


def _let_go(viewer: Any, callback: Callable[..., None], state: dict[str, Any], *_: object) -> None:
    """When the panel is deleted: stop what runs, and listen to the viewer no more."""
    for key in ("task", "worker"):
        running = state.get(key)
        if running is not None:
            (running.stop if key == "task" else running.quit)()
    state["growing"].remove()
    for emitter in _layer_events(viewer):
        emitter.disconnect(callback)


def _layer_events(viewer: Any) -> tuple[Any, ...]:
    """When layers come, go or get another name."""
    events = viewer.layers.events
    return events.inserted, events.removed, events.renamed
