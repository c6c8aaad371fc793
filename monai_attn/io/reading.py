"""`read`: any image file or DICOM folder to a volume.

The reader of each format lies in a file of its own; here the content and the ending of a file decide on the reader.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from monai_attn.errors import FileError, InputError
from monai_attn.io.dicom import read_dicom
from monai_attn.io.dicom.folders import begins_like_dicom, has_preamble
from monai_attn.io.dicom.units import times_suv_factor
from monai_attn.io.foreign import no_foreign_errors
from monai_attn.io.metaimage import metaimage_volumes, read_metaimage
from monai_attn.io.names import named_path, suffix_of
from monai_attn.io.nifti import nifti_volumes, read_nifti
from monai_attn.io.nrrd import nrrd_volumes, read_nrrd
from monai_attn.io.picture import PICTURES, is_picture, picture_volumes, read_picture
from monai_attn.volume import Volume

__all__ = ["count_volumes", "read"]

READERS: dict[str, Callable[..., Volume]] = {
    ".nii": read_nifti,
    ".nii.gz": read_nifti,
    ".hdr": read_nifti,
    ".img": read_nifti,
    ".nrrd": read_nrrd,
    ".nhdr": read_nrrd,
    ".mha": read_metaimage,
    ".mhd": read_metaimage,
}
"""The reader of each ending. A file that begins as DICOM does is read as DICOM, whatever its ending."""

COUNTERS: dict[Callable[..., Volume], Callable[[Path], int]] = {
    read_nifti: nifti_volumes,
    read_nrrd: nrrd_volumes,
    read_metaimage: metaimage_volumes,
}
"""What counts the volumes of a file, by the file's reader."""


@no_foreign_errors
def read(
    path: str | Path, *, series: str | None = None, volume: int | None = None, suv_factor: float | None = None
) -> Volume:
    """The image at a path: `(I, J, K)`, RAS+ millimetres; CT in HU, PET in SUV where the header allows.

    The path is a NIfTI (.nii, .nii.gz, .hdr/.img), NRRD (.nrrd, .nhdr) or MetaImage (.mha, .mhd) file, or DICOM. A
    DICOM folder is searched with its subfolders; a DICOM file stands for its whole series. Pictures in two dimensions
    (PNG, JPEG, TIFF, BMP) are read too, see `read_picture`.

    `series` chooses among the series of a folder as `list_series` shows them: "#2", a UID or its beginning, a
    description, a number or a modality. `volume` chooses, from 0, among time points, echoes or channels.
    `suv_factor` turns the values of a PET into SUV where the PET's header does not say how. For Bq/ml the factor is
    1000 x weight in kg / dose in Bq at the start of the scan.

    Whatever had to be decided is said in `notes`. What cannot be decided is refused with `FileError`,
    `GeometryError` or `InputError`; docs/coordinates.md lists the rules.

    >>> import numpy as np
    >>> from monai_attn import write
    >>> from tempfile import TemporaryDirectory

    >>> with TemporaryDirectory() as folder:
    ...     write(Volume(np.zeros((4, 5, 6), np.int16)), f"{folder}/t1.nii.gz")
    ...     read(f"{folder}/t1.nii.gz")
    Volume(4 x 5 x 6 voxels of 1 x 1 x 1 mm, RAS)
    """
    path = named_path(path)
    if not path.exists():
        raise FileError(f"{path.name} does not exist. Check the path.")
    suffix = suffix_of(path)
    if not path.is_dir() and not path.is_file():
        raise FileError(f"{path.name} is no plain file but a pipe or a device. Copy its content to a file first.")
    if path.is_dir() or (has_preamble(path) if suffix in READERS else begins_like_dicom(path)):
        return read_dicom(path, series=series, volume=volume, suv_factor=suv_factor)
    if suffix not in READERS and is_picture(path) and path.stat().st_size:
        if series is not None or suv_factor is not None:
            raise InputError(f"{path.name} is a picture: it has neither series nor SUV.")
        return read_picture(path, volume=volume)
    if suffix not in READERS:
        if path.stat().st_size == 0:
            raise FileError(f"{path.name} is empty (0 bytes). Copy or export it again.")
        raise FileError(
            f"{path.name} is neither DICOM nor one of {', '.join((*READERS, *PICTURES))}. "
            "Export the image in one of these."
        )
    if series is not None:
        raise InputError(f"{path.name} is a file of one image; series={series!r} chooses within a DICOM folder.")
    image = READERS[suffix](path, volume=volume)
    if suv_factor is None:
        return image
    array, unit, notes = times_suv_factor(image.array, suv_factor)
    return replace(image, array=array, modality="PT", unit=unit, notes=image.notes + notes)


@no_foreign_errors
def count_volumes(path: str | Path) -> int:
    """How many time points, echoes or channels a NIfTI, NRRD or MetaImage file holds; only its header is read.

    A picture in colour holds three.

    Raises `FileError` for another file, or a damaged one.
    """
    path = named_path(path)
    suffix = suffix_of(path)
    if suffix not in READERS and is_picture(path) and path.is_file():
        return picture_volumes(path)
    if suffix not in READERS or not path.is_file():
        raise FileError(f"{path.name} is no file of the kinds {', '.join(READERS)}.")
    return COUNTERS[READERS[suffix]](path)
