"""The canvas as a picture, with a strip beside it that says what is seen.

For the buttons "Picture" and "Key images" of the Structures panel. Writing the picture is the part of `exports`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monai_attn.napari.look.canvas import canvas_notes
from monai_attn.napari.look.legend import CanvasPicture, with_legend
from monai_attn.napari.look.seen import legend_of, values_seen
from monai_attn.napari.structures.inspection import Inspection
from monai_attn.napari.structures.keyimages import sentences_of

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["canvas_picture", "picture_with_legend"]


def canvas_picture(viewer: napari.viewer.Viewer) -> CanvasPicture:
    """The canvas without its own legend: a picture gets a legend beside it, which covers nothing.

    The size is that of the canvas on the screen, in its pixels. The legend in the window comes back afterwards.
    """
    notes = canvas_notes(viewer)
    shown, notes.legend = notes.legend, False
    try:
        picture: CanvasPicture = viewer.screenshot(canvas_only=True, flash=False)
    finally:
        notes.legend = shown
    return picture


def picture_with_legend(viewer: napari.viewer.Viewer, inspection: Inspection | None) -> CanvasPicture:
    """The canvas, and beside it the window of the image and the structures that are seen; without a mask neither.

    Structures count as seen when they have a voxel in the shown slice; in 3-D all structures of the mask do.
    """
    picture = canvas_picture(viewer)
    if inspection is None:
        return with_legend(picture, ())
    labels = legend_of(inspection.layer, values_seen(inspection.layer, viewer.dims))
    return with_legend(picture, labels, sentences_of(inspection))
