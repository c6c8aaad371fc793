"""DICOM images as volumes: which series lie in a folder, and one series in patient space (RAS+, millimetres)."""

from __future__ import annotations

from monai_attn.io.dicom.files import is_dicom
from monai_attn.io.dicom.reading import list_series, read_dicom, read_series, read_slices, series_of_file
from monai_attn.io.dicom.series import Series

__all__ = ["Series", "is_dicom", "list_series", "read_dicom", "read_series", "read_slices", "series_of_file"]
