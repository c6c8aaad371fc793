"""Writing NRRD (`.nrrd`) and MetaImage (`.mha`, `.mhd`) through SimpleITK.

Only `monai_attn.io.write` calls it, and compares the file with the volume afterwards. Reading does not use SimpleITK.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from monai_attn.errors import GeometryError
from monai_attn.io.atomic import take_name
from monai_attn.io.segment_keys import segment_keys
from monai_attn.labels import LabelTable
from monai_attn.volume import RAS_TO_LPS, Volume

if TYPE_CHECKING:
    from SimpleITK import Image

__all__ = ["itk_image", "write_itk"]


def itk_image(volume: Volume) -> Image:
    """A volume as an image of SimpleITK, in ITK's LPS+ millimetres. Raises `RuntimeError` for a sheared grid.

    >>> itk_image(Volume(np.zeros((2, 3, 4), np.int16), np.diag([1.0, 1.0, 2.0, 1.0]))).GetSpacing()
    (1.0, 1.0, 2.0)
    """
    import SimpleITK

    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(volume.array.T))  # (K, J, I)
    lps = RAS_TO_LPS @ volume.affine
    image.SetSpacing(volume.spacing_mm)
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / np.array(volume.spacing_mm)).ravel().tolist())
    return image


def write_itk(volume: Volume, path: Path, table: LabelTable | None = None) -> None:
    """Write a volume whose array has an ITK type, compressed (gzip, level 1). No shear: `GeometryError`.

    The affine goes from RAS+ to ITK's LPS+, and is stored as spacing in mm, origin in mm and direction. The array
    `(I, J, K)` is given to SimpleITK as `(K, J, I)`, and I is the first axis of the file.

    An NRRD keeps the names of a `table` as 3D Slicer does; MetaImage has no place for names.
    """
    import SimpleITK

    if volume.is_sheared:
        raise GeometryError(
            f"{path.name}: the voxel axes are not at right angles, which this format does not promise to keep. "
            "Write .nii.gz, or resample the image first."
        )
    image = itk_image(volume)
    if table is not None and path.name.lower().endswith(".nrrd"):
        for key, value in segment_keys(table, volume.shape).items():
            image.SetMetaData(key, value)
    small = path.with_suffix(path.suffix.lower())  # SimpleITK does not know endings in capital letters
    writer = SimpleITK.ImageFileWriter()
    writer.SetFileName(str(small))
    writer.SetUseCompression(True)
    writer.SetCompressionLevel(1)
    writer.Execute(image)
    if small != path:
        take_name(small, path, overwrite=True)
