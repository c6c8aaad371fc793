"""A `Segmentation` as a DICOM file: the one function for the command line, the window and many cases.

`monai_attn.io` writes the files; this module says who made the labels, and whether a hand had a part in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from monai_attn.io import write_dicom_seg, write_rtstruct
from monai_attn.segmentation import Segmentation

__all__ = ["DicomKind", "write_dicom"]

DicomKind = Literal["SEG", "RTSTRUCT"]
"""Voxels (DICOM Segmentation) or contours (RT Structure Set)."""


def write_dicom(
    segmentation: Segmentation,
    source: str | Path,
    path: str | Path,
    kind: DicomKind = "SEG",
    *,
    series: str | None = None,
    volume: int | None = None,
    algorithm_type: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write a segmentation as a DICOM SEG or RTSTRUCT of the series it lies on; the file names the patient.

    - `source`: the folder or file of the series. `series` and `volume` choose among several, as in
      `monai_attn.io.read`.
    - `kind`: "SEG" for voxels, "RTSTRUCT" for contours.

    Name, version and type of the algorithm come from the provenance, see `Segmentation.algorithm_type`. The argument
    `algorithm_type` says another: "AUTOMATIC", "SEMIAUTOMATIC" or "MANUAL". The file is read back and compared.

    Raises `GeometryError` for another grid than that of the series, and `LabelError` for an empty mask. Raises
    `FileError` for a file in the way, and `InputError` for a series whose headers cannot be repeated. Nothing is
    written then. Sources: `write_dicom_seg`, `write_rtstruct`.

    >>> write_dicom(Segmentation.load("case_1_seg.nii.gz"), "ct_series", "case_1_seg.dcm")  # doctest: +SKIP
    """
    name, version = segmentation.algorithm
    write = write_rtstruct if kind == "RTSTRUCT" else write_dicom_seg
    write(
        segmentation.labels,
        segmentation.table,
        source,
        path,
        algorithm=name,
        algorithm_version=version,
        algorithm_type=algorithm_type or segmentation.algorithm_type,
        series=series,
        volume=volume,
        overwrite=overwrite,
    )
