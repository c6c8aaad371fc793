"""Which part of the image is segmented: boxes placed by clicks, a drawn rectangle, the view, or the whole image.

`RegionChoice` joins the fields of the form with the boxes on the canvas. It asks for a box by itself where the image is
far larger than what the bundle was made for. Once the user has chosen a kind of region, the choice stays until the last
image is closed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from napari.qt.threading import create_worker
from napari.utils.notifications import show_info, show_warning
from qtpy.QtCore import QObject

from monai_attn.bundle.describe import BundleDescription
from monai_attn.errors import AttnError, InputError
from monai_attn.finders import Finder, Found
from monai_attn.napari.layers.links import Links, closing
from monai_attn.napari.layers.volumes import grid_of
from monai_attn.napari.qt.jobs import named
from monai_attn.napari.segment.boxes import BoxTool
from monai_attn.napari.segment.drawing import chosen_region, draw_region, keep_last
from monai_attn.napari.segment.form import SegmentForm
from monai_attn.napari.segment.guide import DEFAULT_SIZE_MM, named_boxes, needs_box, trained_size_mm
from monai_attn.napari.segment.sources import image_layers
from monai_attn.volume import Box, Volume

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image

__all__ = ["RegionChoice"]


class RegionChoice(QObject):
    """The region of the panel "Segment". `reference` gives the image, `changed` is called when the region may differ.

    `boxes` are the boxes on the canvas. `suit` is called with the bundle whenever bundle or image have changed.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        form: SegmentForm,
        reference: Callable[[], Image],
        changed: Callable[[], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self.viewer, self.form, self._reference, self._changed = viewer, form, reference, changed
        self.boxes = BoxTool(viewer, self._grid, lambda: self._size_mm, self._boxes_changed)
        self._by_hand = False
        self._size_mm = DEFAULT_SIZE_MM
        self._thickness_mm = form.thickness.value()
        self._finder: Finder | None = None
        self._searched_grid: Volume | None = None
        self.worker: Any = None
        self._links = Links()
        self._links.follow(self._turned, viewer.dims.events.ndisplay)
        self._links.follow(self._removed, viewer.layers.events.removed)
        form.click.toggled.connect(self.boxes.switch)
        form.click.clicked.connect(self._click_by_hand)
        form.clear.clicked.connect(self.boxes.clear)
        form.find.clicked.connect(self.find)
        form.region.activated.connect(self._kind_by_hand)
        parent.destroyed.connect(closing(self._links, self.boxes))

    @property
    def kind(self) -> str:
        """A key of `form.REGIONS`."""
        return str(self.form.region.currentData())

    @property
    def waiting(self) -> bool:
        """Whether the next thing to do is to place a box: no fault, but an invitation."""
        return self.kind == "boxes" and not self.boxes.boxes

    def regions(self) -> dict[str, Box]:
        """The chosen regions by name; {} for the whole image, "" as the name of the only one.

        Raises `AttnError` where the region is not known, with what to do next while it is `waiting` for a box.
        """
        if self.kind == "whole":
            return {}
        if self.kind == "boxes":
            boxes = self.boxes.boxes
            if not boxes:
                raise InputError(self._invitation())
            return {"": boxes[0]} if len(boxes) == 1 else named_boxes(boxes, grid_of(self._reference()))
        return {"": chosen_region(self.viewer, self.kind, self._reference(), self.form.thickness_mm())}

    def draw(self) -> None:
        """Make or choose the layer of rectangles, ready to draw one; in 3-D only say that a plane is needed."""
        if self.viewer.dims.ndisplay == 3:
            show_info("Rectangles are drawn in 2-D: show a plane first (tab Look), then click on Draw.")
            return
        self._by_hand = True
        draw_region(self.viewer, self._drawn)
        self.show("shape")

    def show(self, kind: str) -> None:
        """Choose a kind of region; with boxes the mouse places them."""
        self.form.region.setCurrentIndex(self.form.region.findData(kind))
        self.form.click.setChecked(kind == "boxes")

    def suit(self, bundle: BundleDescription) -> None:
        """Ask for a box of the bundle's trained size where the image is far larger; else take the whole image.

        While boxes are placed they are the region, whichever layers come: also for the run after the first one. When no
        image is open any more, the boxes are forgotten: the next image may be of another patient.
        """
        if not image_layers(list(self.viewer.layers)):
            self._forget()
        self._size_mm = trained_size_mm(bundle)
        grid = self._grid()
        if self.form.thickness.value() == self._thickness_mm:  # the user has not set another
            self._thickness_mm = self._size_mm[2]
            self.form.thickness.setValue(self._thickness_mm)
        far_larger = grid is not None and needs_box(bundle, grid)
        self._finder = bundle.finder if far_larger else None
        self.form.find.setVisible(self._finder is not None)
        if not self._by_hand and not self.boxes.boxes and grid is not None:
            self.show("boxes" if far_larger and bundle.finder is None else "whole")
            self.form.click.setChecked(far_larger)

    def find(self) -> None:
        """Look for the structures in a thread, and show a box around each; say why where they are not found."""
        grid, finder = self._grid(), self._finder
        if grid is None or finder is None or self.worker is not None:
            return
        self._searched_grid = grid
        self.form.show_problem("Looking for the structure ...", "note")
        self.worker = create_worker(named("finding the structure", _find, finder, grid), _start_thread=False)
        self.worker.returned.connect(self._found)
        self.worker.finished.connect(self._searched)
        self.worker.start()

    def _found(self, outcome: tuple[Found | None, str]) -> None:
        """Show the boxes that were found, unless another image was chosen meanwhile."""
        if self._grid() is not self._searched_grid:
            return
        found, refusal = outcome
        problems = [refusal] if found is None else list(found.problems)
        if found is not None and found.regions:
            self._by_hand = True
            self.boxes.set(list(found.regions.values()))
        if problems:
            show_warning("Look at the boxes before you use them. " + " ".join(problems))

    def _searched(self) -> None:
        self.worker = None
        self._changed()

    def show_guide(self) -> None:
        """Say how boxes are changed, once there are some; without any their layer goes."""
        some = bool(self.boxes.boxes)
        if not some:
            self.boxes.take_away()
        self.form.guide.setText(
            "Drag a face to resize a box, its inside to move it. Click elsewhere for a second box." if some else ""
        )
        self.form.guide.setVisible(some)
        self.form.clear.setEnabled(some)

    def _invitation(self) -> str:
        """What to do while there is no box."""
        if self.viewer.dims.ndisplay == 3:
            return "Boxes are placed in 2-D: show a plane first (tab Look), then click on the structure."
        edges = " x ".join(f"{edge:.0f}" for edge in self._size_mm)
        return f"Click on the structure in the image: a box of {edges} mm appears there. Click on each side for both."

    def _kind_by_hand(self) -> None:
        self._by_hand = True
        self.form.click.setChecked(self.kind == "boxes")

    def _click_by_hand(self, on: bool) -> None:
        self._by_hand = True
        if on:
            self.show("boxes")

    def _boxes_changed(self) -> None:
        if self.boxes.boxes and self.kind != "boxes":
            self.show("boxes")
        self._changed()

    def _drawn(self, event: Any = None) -> None:  # noqa: ARG002
        keep_last(self.viewer)
        self._changed()

    def _turned(self, event: Any = None) -> None:  # noqa: ARG002
        self._changed()

    def _removed(self, event: Any) -> None:
        """Forget the boxes whose layer was removed, as by napari's button: nothing on the canvas shows them."""
        if event.value is self.boxes.layer:
            self._forget()
            self._changed()

    def _forget(self) -> None:
        """Forget the boxes and what the user chose."""
        self._by_hand = False
        self.boxes.forget()

    def _grid(self) -> Volume | None:
        """The grid of the reference image; None while there is no image."""
        try:
            return grid_of(self._reference())
        except AttnError:
            return None


def _find(finder: Finder, image: Volume) -> Generator[None, None, tuple[Found | None, str]]:
    """What the finder sees, or why it cannot look: of an exception a worker would show the traceback."""
    yield  # here a window that is being closed stops it
    try:
        return finder.find(image), ""
    except AttnError as error:
        return None, str(error)
