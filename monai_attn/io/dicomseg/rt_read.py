"""RTSTRUCT contours to masks.

First come the regions and their points (`rt_items`), then the axis across the slices (`rt_axis`). Then each slice is
filled (`rt_planes`, `combine`, `contours`), and the masks are put on the grid of the image.
"""

from __future__ import annotations

from pathlib import Path

from monai_attn.errors import GeometryError
from monai_attn.io.dicomseg.codes import unique_table
from monai_attn.io.dicomseg.masks import Masks, Part, check_mask_memory, empty_grid
from monai_attn.io.dicomseg.objects import STRUCTURE_SET, read_object
from monai_attn.io.dicomseg.rt_axis import is_outside, slice_axis
from monai_attn.io.dicomseg.rt_items import structures_of
from monai_attn.io.dicomseg.rt_planes import filled, gaps_of, usual_gap
from monai_attn.io.dicomseg.source import silent
from monai_attn.io.foreign import no_foreign_errors
from monai_attn.volume import Volume
from monai_attn.wording import counted

__all__ = ["read_rtstruct"]


@no_foreign_errors
def read_rtstruct(path: str | Path, like: Volume) -> Masks:
    """The regions of an RTSTRUCT filled on the grid of `like`, the image they were drawn on; they may overlap.

    A voxel is inside when its centre is (see `contours.fill`). A contour of a region within another contour of the
    same slice is a hole, one within the hole an island. A contour that is in the file twice counts once. What two
    contours that overlap in part hold is inside; only CLOSEDPLANAR_XOR combines by exclusive or. Where a region is
    drawn on every n-th slice, the slices between are interpolated; other gaps stay empty.

    Contours must lie in the slices of `like`, at most an eighth of a slice off. The axes of `like` may be in any
    order. What reaches beyond the image is cut off. Regions of points or open lines, and of another frame of
    reference than the image, are left out. Regions without contours are empty. All of this stands in `notes`.
    Values are the ROI numbers.

    Raises `FileError`, or `GeometryError` when contours lie in other planes, or all of them outside the image.

    Masks are boolean, `(I, J, K)` on the grid of `like`. Source: DICOM PS3.3 A.19, C.8.8.5 and C.8.8.6.
    """
    path = Path(path)
    with silent():
        return _read(path, like)


def _read(path: Path, like: Volume) -> Masks:
    dataset = read_object(path, {STRUCTURE_SET}, "DICOM RTSTRUCT")
    structures, notes = structures_of(dataset, like, path.name)
    every = [contour for structure in structures for contour in structure.contours]
    if structures and not every:
        notes += ("No region has a contour: all are empty.",)
    axis = slice_axis(every, like, path.name)
    others = usual_gap(gap for structure in structures for gap in gaps_of(structure, axis)) or 1
    parts: dict[int, Part] = {}
    for structure in structures:
        part, said = filled(structure, like, axis, others)
        notes += said
        if part is not None:
            parts[structure.label.value] = part
            check_mask_memory((one.shape for _, one in parts.values()), 1, path.name)
    if every and not parts and all(is_outside(contour, like) for contour in every):
        raise GeometryError(
            f"{path.name}: {counted(len(every), 'contour, and it lies', 'contours, and all lie')} outside the "
            f"image, which spans {like.bounds}. Give the image they were drawn on."
        )
    table, name_notes = unique_table((structure.label for structure in structures), "regions")
    return Masks(empty_grid(like), table, parts, notes=notes + name_notes)
