"""Structures in DICOM: SEG and RTSTRUCT to masks, label maps to SEG and RTSTRUCT. See docs/dicom.md.

Structures in DICOM lie in the patient (LPS+, mm), not in an image. `Masks` is the form that all readers give: one mask
for each structure, on the grid of an image. Writers need the series that was segmented, since the file repeats its
patient and study.
"""

from __future__ import annotations

from monai_attn.io.dicomseg.masks import Masks
from monai_attn.io.dicomseg.reading import holds_structures, read_masks
from monai_attn.io.dicomseg.rt_read import read_rtstruct
from monai_attn.io.dicomseg.rt_write import write_rtstruct
from monai_attn.io.dicomseg.seg_read import read_dicom_seg
from monai_attn.io.dicomseg.seg_write import write_dicom_seg

__all__ = [
    "Masks",
    "holds_structures",
    "read_dicom_seg",
    "read_masks",
    "read_rtstruct",
    "write_dicom_seg",
    "write_rtstruct",
]
