"""PET over CT: one slider fades the image that is drawn over another one.

A PET is opened in a hot colour map and added to what lies below. This file is the part of the panel "Look" that shows
and sets how strongly. Nothing but the opacity of a layer is changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QGroupBox, QVBoxLayout

from monai_attn.napari.layers.links import Links, closing
from monai_attn.napari.layers.volumes import origin_of
from monai_attn.napari.qt.calm import CalmSlider
from monai_attn.napari.qt.fields import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = ["FusionBox", "fused_images"]


def fused_images(layers: Sequence[Layer]) -> tuple[Layer, Layer] | None:
    """The topmost visible PET and the topmost visible image of another kind below it; None without such a pair."""
    images = [layer for layer in layers if layer._type_string == "image" and layer.visible and _is_image(layer)]
    over = next((layer for layer in reversed(images) if _is_pet(layer)), None)
    under = next((layer for layer in reversed(images) if not _is_pet(layer)), None)
    return (over, under) if over is not None and under is not None else None


class FusionBox(QGroupBox):
    """A slider from 0 (the lower image alone) to 100 (the PET at full strength); hidden without a PET over an image.

    `over` is the PET that the slider fades, None where there is none.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__("Fusion")
        self.viewer = viewer
        self.over: Layer | None = None
        self.said, self.slider = words(), CalmSlider()
        self.slider.setRange(0, 100)
        self.slider.setToolTip("How strongly the PET is drawn over the image below it.")
        self.slider.valueChanged.connect(self._fade)
        layout = QVBoxLayout(self)
        layout.addWidget(self.said)
        layout.addWidget(self.slider)
        self.links, self.layer_links = Links(), Links()
        self.destroyed.connect(closing(self.links, self.layer_links))

    def follow(self) -> None:
        """Follow the viewer from now on."""
        events = self.viewer.layers.events
        self.links.close()
        self.links.follow(self._look, events.inserted, events.removed, events.reordered, events.renamed)
        self._look()

    def release(self) -> None:
        """Stop following the viewer."""
        self.links.close()
        self.layer_links.close()

    def _look(self, _event: Any = None) -> None:
        """Find the pair, and show how it is drawn now."""
        self.layer_links.close()
        for layer in self.viewer.layers:
            if layer._type_string == "image":
                self.layer_links.follow(self._look, layer.events.visible)
        pair = fused_images(self.viewer.layers)
        self.over = pair[0] if pair is not None else None
        self.setVisible(pair is not None)
        if pair is not None:
            self.layer_links.follow(self._show, pair[0].events.opacity)
            self.said.setText(f"{pair[0].name} over {pair[1].name}")
            self._show()

    def _show(self, _event: Any = None) -> None:
        if self.over is not None:
            with QSignalBlocker(self.slider):
                self.slider.setValue(round(100 * float(self.over.opacity)))

    def _fade(self, percent: int) -> None:
        if self.over is not None:
            self.over.opacity = percent / 100


def _is_image(layer: Layer) -> bool:
    origin = origin_of(layer)
    return origin is not None and origin.role == "image"


def _is_pet(layer: Layer) -> bool:
    origin = origin_of(layer)
    return origin is not None and origin.grid.modality == "PT"
