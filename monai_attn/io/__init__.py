"""Image files to volumes and back: NIfTI, NRRD, MetaImage, DICOM.

Geometry is converted here and nowhere else. nibabel, SimpleITK and pydicom are loaded when a file needs them.

`read` gives a `Volume` `(I, J, K)` in RAS+ millimetres, and `write` stores one. `read_masks` gives the structures of
a DICOM SEG or RTSTRUCT. Every rule on what a header may say stands in docs/coordinates.md.

>>> import tempfile, numpy as np
>>> from monai_attn.volume import Volume
>>> with tempfile.TemporaryDirectory() as folder:
...     write(Volume(np.zeros((40, 50, 30), np.int16)), f"{folder}/t1.nii.gz")
...     read(f"{folder}/t1.nii.gz").shape
(40, 50, 30)
"""

from __future__ import annotations

from monai_attn.io.atomic import atomic_path, write_bytes_atomic
from monai_attn.io.dicom import Series, is_dicom, list_series, read_series, read_slices, series_of_file
from monai_attn.io.dicomseg import (
    Masks,
    holds_structures,
    read_dicom_seg,
    read_masks,
    read_rtstruct,
    write_dicom_seg,
    write_rtstruct,
)
from monai_attn.io.names import stem
from monai_attn.io.reading import count_volumes, read
from monai_attn.io.writing import write

__all__ = [
    "Masks",
    "Series",
    "atomic_path",
    "count_volumes",
    "holds_structures",
    "is_dicom",
    "list_series",
    "read",
    "read_dicom_seg",
    "read_masks",
    "read_rtstruct",
    "read_series",
    "read_slices",
    "series_of_file",
    "stem",
    "write",
    "write_bytes_atomic",
    "write_dicom_seg",
    "write_rtstruct",
]
