"""`write`: a volume to a file, complete or not at all, read back and compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import AttnError, FileError
from monai_attn.io.atomic import atomic_path, check_free, flush, hidden_folder, take_name
from monai_attn.io.itk import write_itk
from monai_attn.io.names import suffix_of
from monai_attn.io.nifti_write import write_nifti
from monai_attn.io.reading import read
from monai_attn.io.values import storable
from monai_attn.labels import LabelTable
from monai_attn.volume import Volume, same_grid

__all__ = ["write", "write_aside"]

WRITERS: dict[str, Callable[[Volume, Path, LabelTable | None], None]] = {
    ".nii": write_nifti,
    ".nii.gz": write_nifti,
    ".nrrd": write_itk,
    ".mha": write_itk,
    ".mhd": write_itk,
}
"""The writer of each ending. Each writes to a temporary path; the check and the name are the work of `write`."""


def write(volume: Volume, path: str | Path, *, table: LabelTable | None = None, overwrite: bool = False) -> None:
    """Write a volume; the suffix says how: .nii, .nii.gz, .nrrd, .mha or .mhd.

    Values keep their type, except that booleans become uint8, float16 becomes float32, and 64-bit integers become
    the smallest integer type that holds them. The file is read back before it gets its name. Its geometry
    (`same_grid`) and every value must be those of the volume. Missing folders are made. A write that fails leaves
    nothing behind. Modality, unit and notes are not stored.

    With a `table` of labels, their names are stored in the header of NIfTI and NRRD, where Connectome Workbench and
    3D Slicer look for names. MetaImage has no place for names.

    Raises `FileError` when the file exists and `overwrite` is not set, when no plain file is in its place, or when it
    reads back differently. Raises `GeometryError` for a sheared volume in NRRD or MetaImage, and `InputError` for
    values that no file can hold.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(Volume(np.ones((4, 5, 6), np.uint8)), f"{folder}/mask.nrrd")
    ...     Path(f"{folder}/mask.nrrd").is_file()
    True
    """
    path = Path(path)
    stored = _stored(volume, path)
    if suffix_of(path) == ".mhd":
        _write_pair(stored, path, overwrite=overwrite)
        return
    with atomic_path(path, overwrite=overwrite) as temporary:
        _write_checked(stored, temporary, path.name, table)


def write_aside(volume: Volume, path: Path, table: LabelTable | None = None) -> None:
    """Write a volume in a hidden folder, under the name that the file will have; the file is checked as by `write`.

    For `monai_attn.results.commit`, which gives files their places once all of them are on the disk, and removes what
    a failure leaves. `path` has one of the endings of `write`, and names no file yet. Raises as `write` does.
    """
    _write_checked(_stored(volume, path), path, path.name, table)


def _stored(volume: Volume, path: Path) -> Volume:
    """The volume with values of a type that a file can hold. Raises `FileError` for an ending that has no writer."""
    if suffix_of(path) not in WRITERS:
        raise FileError(f"{path.name}: a volume is written as {', '.join(WRITERS)}. Choose one of these endings.")
    return Volume(storable(volume.array), volume.affine)


def _write_checked(volume: Volume, temporary: Path, name: str, table: LabelTable | None = None) -> None:
    """Write to a temporary path, read the file back, and compare grid, type and every value with the volume.

    float64 is compared in the type that `read` gives for it, often float32. Raises `FileError` when anything differs
    or the disk refuses; messages speak of `name`, the file's final name.
    """
    try:
        WRITERS[suffix_of(temporary)](volume, temporary, table)
        back = read(temporary)
    except AttnError as error:  # it may speak of the file by its temporary name
        raise type(error)(str(error).replace(temporary.name, name)) from error
    except Exception as error:
        why = getattr(error, "strerror", None) or "the disk or the format refuses"
        raise FileError(f"{name} cannot be written: {why}. Nothing was kept.") from error
    if back.shape != volume.shape or not same_grid(volume, back):
        raise FileError(f"{name}: the geometry read back differs from what was written. Nothing was kept.")
    same_type = back.array.dtype == volume.array.dtype or volume.array.dtype == np.float64
    if not same_type or not _same_values(back.array, volume.array.astype(back.array.dtype, copy=False)):
        raise FileError(f"{name}: the values read back differ from what was written. Nothing was kept.")


def _same_values(one: NDArray[np.generic], other: NDArray[np.generic]) -> bool:
    """NaN equals NaN. As `np.array_equal(equal_nan=True)`, which takes 250 times as long on Fortran-ordered labels."""
    differ = one != other
    if one.dtype.kind in "fc":
        differ &= ~(np.isnan(one) & np.isnan(other))
    return not differ.any()


def _write_pair(volume: Volume, path: Path, *, overwrite: bool) -> None:
    """A `.mhd` header and its `.zraw` voxels: the voxels get their name first, the header last."""
    voxels = path.with_suffix(".zraw")
    check_free(voxels, overwrite=overwrite)
    # The header names its voxels, so both are written under their final names in a folder of their own.
    with atomic_path(path, overwrite=overwrite) as temporary, hidden_folder(path.parent) as folder:
        header = folder / path.name
        _write_checked(volume, header, path.name)
        written = header.with_suffix(".zraw")
        flush(written)
        temporary.write_bytes(header.read_bytes())
        take_name(written, voxels, overwrite=overwrite)
