"""The part of the panel "Correct" that holds the brush to a range of intensities of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGroupBox

from monai_attn.napari.qt.choices import offer_images
from monai_attn.napari.qt.controls import check_box, spin
from monai_attn.napari.qt.fields import combo_box
from monai_attn.napari.qt.page import narrow_form

if TYPE_CHECKING:
    from napari.layers import Image

__all__ = ["RangeBox"]


class RangeBox(QGroupBox):
    """Emits `changed` when the range or its image changes. `range` is None while the brush paints everywhere."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__("Range of intensities")
        self.gated = check_box("only intensities", "Paint only voxels of the image whose intensity is in the range.")
        self.low = spin(0.0, (-1e6, 1e6), "", "The lowest intensity that is painted, in the image's own unit.")
        self.high = spin(0.0, (-1e6, 1e6), "", "The highest intensity that is painted, in the image's own unit.")
        self.image = combo_box(())
        self.image.setToolTip("The image, on the grid of the mask, whose intensities are meant.")
        for number in (self.low, self.high):
            number.valueChanged.connect(self._tell)
        self.gated.toggled.connect(self._tell)
        self.gated.toggled.connect(self._suggest)
        self.image.currentIndexChanged.connect(self._tell)
        form = narrow_form(self)
        form.addRow(self.gated)
        form.addRow("from", self.low)
        form.addRow("to", self.high)
        form.addRow("of", self.image)

    @property
    def range(self) -> tuple[float, float] | None:
        """The lowest and the highest intensity, in the unit of the image."""
        return (self.low.value(), self.high.value()) if self.gated.isChecked() else None

    def offer(self, images: Sequence[Image]) -> None:
        """Offer the images on the grid of the mask; the chosen one stays where it is among them."""
        offer_images(self.image, images)
        self._tell()

    def _tell(self) -> None:
        gated = self.gated.isChecked()
        for part in (self.low, self.high, self.image):
            part.setEnabled(gated)
        if gated:
            self.high.setMinimum(self.low.value())
        self.changed.emit()

    def _suggest(self, on: bool) -> None:
        """Begin with what the image's window shows."""
        image = self.image.currentData()
        if on and image is not None and self.low.value() == self.high.value() == 0:
            low, high = image.contrast_limits
            self.high.setValue(high)
            self.low.setValue(low)
