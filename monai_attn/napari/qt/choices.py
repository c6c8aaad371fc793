"""Boxes to choose a layer in, which follow the viewer's list of layers.

The panels that measure, compare, correct and save choose their layers in a `LayerBox`, so that all boxes behave alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QWidget

from monai_attn.errors import GeometryError
from monai_attn.napari.layers.images import by_preference, is_map, suggested
from monai_attn.napari.layers.volumes import grid_of, origin_of
from monai_attn.napari.qt.calm import CalmComboBox
from monai_attn.volume import same_grid

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

__all__ = ["LayerBox", "is_mask", "offer_images", "on_its_grid"]


class LayerBox(CalmComboBox):
    """The layers of a viewer that `fits` accepts, the newest first; `chosen` tells when it is another one.

    The newest is chosen until the user chooses. Maps of a network come after what was read. `none` is the text of an
    entry for no layer; without it there is none while a layer fits. With `images` the rule is that of `layers.images`:
    what was chosen stays when newer ones come, and a map is chosen by the user alone. Call `follow` first.
    """

    chosen = Signal()

    def __init__(
        self,
        viewer: ViewerModel,
        fits: Callable[[Layer], bool],
        *,
        none: str = "",
        images: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._fits, self._none, self._images = viewer, fits, none, images
        self._layers: list[Layer | None] = []
        self._last: Layer | None = None
        self._touched = False
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.activated.connect(self._on_activated)
        events = viewer.layers.events
        self._events = (events.inserted, events.removed, events.renamed)

    @property
    def layer(self) -> Layer | None:
        """The layer that is chosen; None when the entry for no layer is chosen or no layer fits."""
        return self._last

    def choose(self, layer: Layer | None) -> None:
        """Choose a layer of the list; a layer that is not in the list, or None, leaves nothing chosen.

        From now on new layers do not replace the choice. Emits `chosen` when the layer differs from the one before.
        """
        self._touched = True
        self._select(layer if layer in self._layers else None)

    def refresh(self, event: object = None) -> None:  # noqa: ARG002 - napari's events bring one
        """Read the viewer's layers again; the choice stays while its layer is there.

        Where the chosen layer is gone, the box chooses by itself again, and `chosen` is emitted.
        """
        newest = [layer for layer in reversed(self._viewer.layers) if self._fits(layer)]
        fitting = by_preference(newest[::-1]) if self._images else sorted(newest, key=is_map)
        self._layers = [*fitting, None] if self._none else list(fitting)
        with self.quiet():
            self.clear()
            self.addItems([layer.name if layer is not None else self._none for layer in self._layers])
        self._touched = self._touched and self._last in self._layers
        if self._touched or (self._images and self._last in fitting):
            self._select(self._last)
        else:
            self._select(suggested(fitting) if self._images else next(iter(fitting), None))

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """A context in which Qt's signals of the box, `chosen` among them, are held back."""
        before = self.blockSignals(True)
        try:
            yield
        finally:
            self.blockSignals(before)

    def follow(self) -> None:
        """Follow the viewer from now on.

        Fills the box first, without emitting `chosen`.
        """
        for event in self._events:
            event.connect(self.refresh)
        with self.quiet():
            self.refresh()

    def release(self) -> None:
        """Stop following the viewer.

        To be called once, when the panel is closed; the entries stay as they are.
        """
        for event in self._events:
            event.disconnect(self.refresh)

    def _on_activated(self, row: int) -> None:
        """The user chose a row."""
        self.choose(self._layers[row])

    def _select(self, layer: Layer | None) -> None:
        """Show a layer as the current entry; emit `chosen` when it is another layer."""
        self.setCurrentIndex(self._layers.index(layer) if layer in self._layers else -1)
        if layer is not self._last:
            self._last = layer
            self.chosen.emit()


def offer_images(box: QComboBox, images: Sequence[Image]) -> None:
    """Let a box offer these images, without a signal; the one that was chosen stays so if it is among them.

    Each entry carries its layer as data. Where the chosen image is not among them, `layers.images.suggested` chooses;
    nothing is chosen where there are only maps.
    """
    chosen = box.currentData()
    chosen = chosen if chosen in images else suggested(images)
    with QSignalBlocker(box):
        box.clear()
        for image in images:
            box.addItem(image.name, image)
        box.setCurrentIndex(images.index(chosen) if chosen is not None else -1)


def is_mask(layer: Layer) -> bool:
    """Whether a layer holds structures: labels, but neither a map of errors nor what was resliced for display."""
    origin = origin_of(layer)
    shown_only = origin is not None and origin.display_only
    return bool(layer._type_string == "labels") and not is_map(layer) and not shown_only


def on_its_grid(mask: Layer, image: Layer, layers: Iterable[Layer]) -> bool:
    """Whether an image can be measured in a mask: both have the same voxels in the same places.

    False for images that monai-attn did not open, for images resliced for display, for a mask whose grid is not known,
    and where one of both was moved in napari.
    """
    origin = origin_of(image)
    if origin is None or origin.display_only:
        return False
    try:
        return same_grid(grid_of(mask, layers), grid_of(image, layers))
    except GeometryError:
        return False
