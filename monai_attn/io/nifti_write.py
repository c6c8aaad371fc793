"""Writing NIfTI.

Only `monai_attn.io.write` calls it, under a temporary name, and compares the file with the volume afterwards.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from monai_attn.io.nifti_labels import CARET, label_extension
from monai_attn.labels import LabelTable
from monai_attn.volume import Volume, same_grid

__all__ = ["write_nifti"]

SCANNER = 1
"""The form code for scanner coordinates (NIFTI_XFORM_SCANNER_ANAT)."""

GZIP_LEVEL = 1
"""Five times as fast as the default 9 of gzip, for files some per cent larger."""

MAX_SIDE = 32767
"""NIfTI-1 keeps sizes in 16 bit; larger images are written as NIfTI-2."""


def write_nifti(volume: Volume, path: Path, table: LabelTable | None = None) -> None:
    """Write a volume whose array has a NIfTI type, unscaled, in millimetres RAS+.

    The sform holds the affine, rounded to 32 bit. The qform says the same where it can: it knows no shear. For a
    sheared volume the qform code is 0, and the sform alone counts. A path that ends in `.gz` is compressed.

    The names of a `table` are kept in an extension of the header, where Connectome Workbench keeps them. An image
    longer than `MAX_SIDE` voxels along an axis is written as NIfTI-2.
    """
    import nibabel

    kind = nibabel.Nifti1Image if max(volume.shape) <= MAX_SIDE else nibabel.Nifti2Image
    image = kind(np.asarray(volume.array), None, dtype=volume.array.dtype)  # the affine follows, with its codes
    image.header.set_xyzt_units("mm")
    image.set_sform(volume.affine, code=SCANNER)
    image.set_qform(volume.affine, code=SCANNER, strip_shears=True)
    if not same_grid(Volume(volume.array, image.get_qform()), volume):
        image.set_qform(None, code=0)
    if table is not None and len(table):
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension(CARET, label_extension(table)))
    with path.open("wb") as stream:
        if path.name.lower().endswith(".gz"):
            # No file name and no time in the gzip header: the same image gives the same bytes.
            with gzip.GzipFile("", "wb", GZIP_LEVEL, stream, mtime=0) as zipped:
                image.to_stream(zipped)
        else:
            image.to_stream(stream)
