"""Where the voxels of a NIfTI file lie: sform, qform, or neither.

A NIfTI header can place the voxels twice: by a matrix (sform) and by a rotation with voxel sizes (qform). The
standard's file nifti1.h calls the sform method 3, the qform method 2, and voxel sizes alone method 1. NIfTI speaks
RAS+, as `Volume` does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import GeometryError
from monai_attn.io.units import convert_lengths, mm_per
from monai_attn.volume import UPPER

__all__ = ["nifti_affine"]

UNITS = {0: "", 1: "metres", 2: "mm", 3: "microns"}
"""The low three bits of xyzt_units. Unknown is millimetre by custom."""

FORM_TOLERANCE_MM = 0.1
"""How far apart sform and qform may put a corner before that is worth a note."""


def nifti_affine(header: Any, shape: tuple[int, ...], name: str) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Voxel index to millimetres RAS+, `(4, 4)`, and notes on what had to be decided.

    - The sform counts when its code is not 0, else the qform when its code is not 0. An sform without three
      directions, such as one of zeros, gives way to a qform, with a note.
    - Both there, and a corner of the image more than 0.1 mm apart: the sform counts, with a note.
    - Neither: voxel sizes from pixdim, axes right, anterior, superior, the centre of the image at 0, with a note.
    - Lengths in metres or microns become millimetres, with a note; an unknown unit (code 0) is millimetres.

    `shape` is the size of the volume, and `name` the file's name for messages. Raises `GeometryError` for a qform
    that is no rotation where no sform replaces it. Raises it too for an undefined unit, and where the unit makes the
    image wider than 25 m.
    """
    from nibabel.spatialimages import HeaderDataError

    header, notes = header.copy(), []
    header["pixdim"][0] = -1 if header["pixdim"][0] < 0 else 1  # qfac: only its sign counts (nifti1.h, method 2)
    try:
        sform, qform = header.get_sform(coded=True)[0], header.get_qform(coded=True)[0]
        if qform is not None and not all(size > 0 for size in header["pixdim"][1:4]):
            raise HeaderDataError("voxel sizes")
    except (HeaderDataError, ValueError) as error:
        why = "is not a rotation"
        if not all(size > 0 for size in header["pixdim"][1:4]):
            why = f"has voxel sizes that are not positive ({', '.join(f'{size:g}' for size in header['pixdim'][1:4])})"
        if not header["sform_code"]:
            raise GeometryError(f"{name}: the qform {why}. Export the image again.") from error
        sform, qform = header.get_sform(), None
        notes.append(f"The qform of the header {why}; the sform is used.")
    if sform is not None and qform is not None and not _spans(sform[:3, :3]):
        notes.append("The sform of the header spans no volume; the qform is used.")
        sform = None
    affine = sform if sform is not None else qform
    if affine is None:
        sizes = np.abs(np.asarray(header["pixdim"][1:4], dtype=np.float64))
        affine = np.diag([*sizes, 1.0])
        affine[:3, 3] = -(np.array(shape) - 1) / 2 * sizes
        notes.append(
            "The header has no orientation (sform and qform codes are 0): left and right, and where the image lies, "
            "are not known. Voxel axes are taken as right, anterior, superior, centred on the origin."
        )
    affine = np.array(affine, dtype=np.float64)
    unit = UNITS.get(int(header["xyzt_units"]) & 7)
    if unit is None:
        raise GeometryError(f"{name}: xyzt_units is {int(header['xyzt_units'])}, which is no unit of length.")
    notes += convert_lengths(affine, shape, [unit] * 3, name)
    if sform is not None and qform is not None:
        corners = np.column_stack([UPPER * (np.array(shape) - 1), np.ones(8)])
        shifts = corners @ (sform - qform).T
        apart = float(np.linalg.norm(shifts[:, :3], axis=1).max()) * mm_per(unit, name)
        if apart > FORM_TOLERANCE_MM:
            notes.append(
                f"sform and qform of the header disagree by up to {apart:.1f} mm; the sform is used. "
                "Other programs may use the qform and show the image elsewhere."
            )
    return affine, tuple(notes)


def _spans(axes: NDArray[np.float64]) -> bool:
    """Whether three finite directions span a volume."""
    return bool(np.isfinite(axes).all()) and int(np.linalg.matrix_rank(axes)) == 3
