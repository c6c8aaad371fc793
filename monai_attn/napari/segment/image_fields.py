"""A field for each image that a bundle asks for, in which a layer is chosen: part of the panel "Segment"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QComboBox

from monai_attn.bundle.describe import BundleDescription
from monai_attn.napari.qt.fields import combo_box
from monai_attn.napari.qt.page import narrow_form

if TYPE_CHECKING:
    from napari.layers import Image

__all__ = ["ImageFields"]

NONE = "—"


class ImageFields(QObject):
    """Emits `changed` when the user has chosen. `combos` holds each list of layers, by the bundle's name of the image.

    `layout` is to be put into the panel.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.layout = narrow_form()
        self.combos: dict[str, QComboBox] = {}
        self._left_out: set[str] = set()  # the images for which the user has chosen no layer

    def chosen(self) -> dict[str, Image]:
        """The layers chosen, by name of the bundle's image; an image that is left open is left out."""
        layers = {slot: combo.currentData() for slot, combo in self.combos.items()}
        return {slot: layer for slot, layer in layers.items() if layer is not None}

    def offer(self, bundle: BundleDescription, layers: Sequence[Image], likely: Mapping[str, Image]) -> None:
        """A choice of layers for each image of the bundle; what was chosen stays, else the likely one.

        Where the user has chosen no layer this stays too, until there are no layers any more.
        """
        same = list(self.combos) == [one.name for one in bundle.images]
        before = self.chosen() if same else {}
        if not same or not layers:
            self._left_out.clear()
        while self.layout.rowCount():
            self.layout.removeRow(0)
        self.combos = {}
        for one in bundle.images:
            combo = combo_box([NONE] if bundle.optional or not layers else [])
            for layer in layers:
                combo.addItem(layer.name, layer)
            combo.setToolTip(" ".join(part for part in (one.description, one.modality) if part))
            chosen = before.get(one.name)
            if chosen not in layers:
                chosen = likely.get(one.name) if one.name not in self._left_out else None
            combo.setCurrentIndex(max(0, combo.findText(chosen.name if chosen is not None else NONE)))
            combo.currentIndexChanged.connect(partial(self._choose, one.name))
            self.combos[one.name] = combo
            self.layout.addRow(f"{one.name} ({one.modality})" if one.modality else one.name, combo)

    def _choose(self, slot: str, _: int) -> None:
        """The user has chosen a layer for an image of the bundle, or none."""
        if self.combos[slot].currentData() is None:
            self._left_out.add(slot)
        else:
            self._left_out.discard(slot)
        self.changed.emit()
