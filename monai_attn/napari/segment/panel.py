"""The panel "Segment": choose a bundle and its images, see what will happen, run it, look at the result."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from napari.utils.notifications import show_error
from qtpy.QtCore import QSignalBlocker, QTimer
from qtpy.QtWidgets import QFileDialog, QSizePolicy, QVBoxLayout, QWidget

from monai_attn.bundle.describe import BundleDescription, describe_bundle
from monai_attn.bundle.locate import shipped
from monai_attn.errors import AttnError, InputError
from monai_attn.napari.layers.made_from import image_key
from monai_attn.napari.layers.volumes import origin_of
from monai_attn.napari.segment.bundles import BundleList
from monai_attn.napari.segment.checking import outlook_of
from monai_attn.napari.segment.form import SegmentForm
from monai_attn.napari.segment.regions import RegionChoice
from monai_attn.napari.segment.request import Request, overrides_of
from monai_attn.napari.segment.running import Running
from monai_attn.napari.segment.sources import choose_images, image_layers, likely_bundle, volumes_of
from monai_attn.napari.segment.trust import Disclosure, TrustDialog, disclosure_of
from monai_attn.napari.segment.uncertain import UncertainTour
from monai_attn.napari.settings import settings
from monai_attn.preflight.outlook import Outlook

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["SegmentWidget"]

logger = logging.getLogger(__name__)

SETTLE_MS = 150
"""How long after the last change the check before a run is made again."""


class SegmentWidget(QWidget):
    """Collects the choices, runs the segmentation in a worker and adds what comes back as layers.

    One run at a time. `ask_trust` shows what a bundle from outside would run and tells whether it may. A yes holds for
    the same disclosure until the panel is deleted. `check` is the last check of image and bundle.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.check = Outlook()
        self.ask_trust: Callable[[Disclosure], bool] = self._ask_trust
        self._trusted: set[Disclosure] = set()
        self.form = SegmentForm()
        self.main, self.stopping = self.form.run, self.form.cancel
        self.running = Running(viewer, self.form, self)
        self.tour = UncertainTour(viewer)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.form)
        self.offered = BundleList(self.form.bundles)
        self._offer_bundles()
        self._settle = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self.region = RegionChoice(viewer, self.form, self._reference, self._settle.start, self)
        self._settle.timeout.connect(self.refresh)
        self._bundle_by_hand = False
        self._suited: list[Image] = []  # the images for which the bundle was chosen last
        self._connect()
        self._layers_changed()

    def _connect(self) -> None:
        form = self.form
        form.bundles.currentIndexChanged.connect(self._choose_bundle)
        form.bundles.activated.connect(self._chosen_by_hand)
        form.folder.clicked.connect(self._ask_folder)
        form.changed.connect(self._settle.start)
        form.draw.clicked.connect(self.draw_region)
        form.run.clicked.connect(self.start)
        form.cancel.clicked.connect(self.running.cancel)
        form.jump.clicked.connect(self.jump)
        self.running.over.connect(self.refresh)
        for emitter in _layer_events(self.viewer):
            emitter.connect(self._layers_changed)
        self.destroyed.connect(partial(_let_go, self.viewer, self._layers_changed, self.running))

    @property
    def bundle(self) -> str:
        """The chosen bundle: a shipped name, or a folder; "" while "Get more…" is chosen."""
        return self.offered.chosen

    def description(self) -> BundleDescription:
        """What the chosen bundle asks for, with the overrides. Raises `AttnError`."""
        return describe_bundle(self.bundle, overrides_of(self.form.overrides.text()))

    def _offer_bundles(self) -> None:
        """The bundles in the folder that the preferences name, and the preferred device."""
        try:
            preferred = settings()
            self.form.prefer_device(preferred.device)
            self.offered.offer(preferred.bundles)
        except InputError as error:
            show_error(str(error))

    def add_bundle(self, folder: str | Path) -> None:
        """Offer the bundle in a folder, and choose it; nothing of it runs. Says why when it is none."""
        try:
            bundle = describe_bundle(folder)
        except AttnError as error:
            show_error(str(error))
            return
        self._bundle_by_hand = True
        self.form.bundles.setCurrentIndex(self.offered.add(bundle.name, folder))

    def request(self) -> Request:
        """The choices as they stand. Raises `AttnError` when something is missing."""
        bundle = self.description()
        chosen = self.form.images.chosen()
        images = volumes_of(chosen, list(self.viewer.layers))
        regions = self.region.regions()
        return Request(
            bundle=bundle,
            images=images,
            name=next((layer.name for layer in chosen.values()), ""),
            made_from=next((image_key(origin_of(layer)) for layer in chosen.values()), ""),
            region=next(iter(regions.values())) if len(regions) == 1 else None,
            regions=regions,
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
            self.form.show_problem(str(error), "note" if self.region.waiting else "warning")
        else:
            self.check = outlook_of(request, cold=not self.running.runner.has_open(request))
            self.form.show_check(self.check, request.regions)
        self.region.show_guide()
        self.form.set_running(self.running.worker is not None, ready=self.check.ready)

    def draw_region(self) -> None:
        """Make or choose the layer of rectangles, ready to draw one."""
        self.region.draw()

    def start(self) -> None:
        """Start the segmentation, after asking whether a bundle from outside may run.

        Nothing starts while the last run still ends, while the check has an error, or when trust is refused; a message
        says which.
        """
        if not self.running.free():
            return
        self.refresh()
        try:
            request = self.request()
            problems = [finding.text for finding in self.check.findings if finding.severity == "error"]
            if problems:
                raise InputError(problems[0])
            trusted = self._may_run(request.bundle)
        except AttnError as error:
            show_error(str(error))
            return
        if not trusted:
            self.form.status.setText("Not run: the bundle (model) is not trusted.")
            return
        self.tour.restart()
        images = self.form.images.chosen().values()
        self.running.start(replace(request, trust=True), self.check.estimate, images)

    def jump(self) -> None:
        """Fly to the least certain piece of the mask, at the next click to the one after it."""
        try:
            self.form.status.setText(self.tour.next())
        except AttnError as error:
            show_error(str(error))

    def _reference(self) -> Image:
        layer = next(iter(self.form.images.chosen().values()), None)
        if layer is None or layer not in self.viewer.layers:
            raise InputError("Open an image first, with File > Open or the panel Open; it is then offered here.")
        return layer

    def _suit_bundle(self) -> None:
        """Choose the bundle that takes the images that are open, until the user has chosen one."""
        before, self._suited = self._suited, image_layers(list(self.viewer.layers))
        if self._bundle_by_hand or not self._suited:
            return
        names = [self.form.bundles.itemText(row) for row in range(len(shipped()))]
        likely = likely_bundle(names, self._suited, before, self.form.bundles.currentText())
        with QSignalBlocker(self.form.bundles):
            self.form.bundles.setCurrentText(likely)

    def _choose_bundle(self) -> None:
        if not self.bundle:  # "Get more…": the bundle before comes back
            return
        try:
            bundle = describe_bundle(self.bundle)
        except AttnError as error:
            self.form.show_problem(str(error))
            return
        images = image_layers(list(self.viewer.layers))
        self.form.show_bundle(bundle)
        self.form.images.offer(bundle, images, choose_images(bundle, images))
        self.region.suit(bundle)
        self._settle.start()

    def _layers_changed(self, event: Any = None) -> None:  # noqa: ARG002
        self._suit_bundle()
        self._choose_bundle()

    def _chosen_by_hand(self) -> None:
        if self.bundle:
            self._bundle_by_hand = True
        else:
            self.offered.get_more(self, self.add_bundle)

    def _ask_folder(self) -> None:
        if folder := QFileDialog.getExistingDirectory(self, "Folder of a MONAI bundle (model)"):
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


def _let_go(viewer: Any, callback: Callable[..., None], running: Running, *_: object) -> None:
    """When the panel is deleted: stop what runs, and listen to the viewer no more."""
    running.let_go()
    for emitter in _layer_events(viewer):
        emitter.disconnect(callback)


def _layer_events(viewer: Any) -> tuple[Any, ...]:
    """When layers come, go or get another name."""
    events = viewer.layers.events
    return events.inserted, events.removed, events.renamed
