"""One way in for what DICOM keeps structures in.

The command line and napari open structures here, whichever kind of file they have. The kind is taken from the content
of the file, not from its name; only `.nrrd` goes by the suffix.
"""

from __future__ import annotations

from pathlib import Path

from monai_attn.errors import FileError, GeometryError
from monai_attn.io.dicom.files import is_dicom
from monai_attn.io.dicomseg.masks import Masks
from monai_attn.io.dicomseg.objects import HOLDING, LABEL_MAP, SEGMENTATION, STRUCTURE_SET, class_of
from monai_attn.io.dicomseg.rt_read import read_rtstruct
from monai_attn.io.dicomseg.seg_read import read_dicom_seg
from monai_attn.io.dicomseg.source import silent
from monai_attn.io.foreign import foreign_errors, no_foreign_errors
from monai_attn.io.names import suffix_of
from monai_attn.io.segment_keys import holds_layers, read_layers
from monai_attn.volume import Volume

__all__ = ["holds_structures", "read_masks"]


@no_foreign_errors
def read_masks(path: str | Path, *, like: Volume | None = None) -> Masks:
    """A DICOM SEG or RTSTRUCT as masks, whichever it is: see `read_dicom_seg` and `read_rtstruct`.

    The segments of a `.seg.nrrd` of 3D Slicer are read too: see `monai_attn.io.segment_keys.read_layers`.

    Contours have no grid of their own: raises `GeometryError` for an RTSTRUCT without `like`, its image.

    `like` is the image that was segmented; the masks lie on its grid. Raises `FileError` for a file that is none of
    these kinds or damaged, and whatever else the reader of that kind raises.
    """
    path = Path(path)
    if path.name.lower().endswith(".nrrd"):
        return read_layers(path, like=like)
    if _sop_class(path) != STRUCTURE_SET:
        return read_dicom_seg(path, like=like)
    if like is None:
        raise GeometryError(f"{path.name} holds contours, which have no grid. Give the image they were drawn on.")
    return read_rtstruct(path, like)


@no_foreign_errors
def holds_structures(path: str | Path) -> bool:
    """Whether a file holds structures that may overlap: a DICOM SEG or RTSTRUCT, or a `.seg.nrrd` of several layers.

    Only the header is read.

    False for an image, a folder, a missing file, and a DICOM file whose header is damaged.
    """
    path = Path(path)
    if path.is_file() and suffix_of(path) == ".nrrd":
        return holds_layers(path)
    return _sop_class(path) in (SEGMENTATION, LABEL_MAP, STRUCTURE_SET)


def _sop_class(path: Path) -> str:
    """The SOP class UID of a DICOM file from its header; "" for any other file, and for a damaged one."""
    if not is_dicom(path):
        return ""
    from pydicom import dcmread

    tags = ["SOPClassUID", *HOLDING]
    try:
        with foreign_errors(path), silent():
            return class_of(dcmread(path, force=True, stop_before_pixels=True, specific_tags=tags))
    except FileError:
        return ""
