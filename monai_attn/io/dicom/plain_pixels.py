"""Pixels that lie in a DICOM file as they are: whole numbers, one after the other, of one channel, not compressed.

Most CT and MRI are stored so. pydicom decodes them too, and everything else. It takes long to find out that there is
nothing to decode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.io.dicom.files import number, text

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["stored_plainly"]

PLAIN = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1"}
"""Implicit and Explicit VR Little Endian."""

GREY = {"MONOCHROME1", "MONOCHROME2"}

WORDS = {(8, 0): "u1", (8, 1): "i1", (16, 0): "<u2", (16, 1): "<i2", (32, 0): "<u4", (32, 1): "<i4"}
"""NumPy's types, by BitsAllocated and PixelRepresentation."""


def stored_plainly(dataset: Dataset) -> NDArray[Any] | None:
    """The pixels of all frames in one row; None where anything is unusual, and pydicom shall decode.

    As pydicom does, bits above BitsStored are cut off, and the sign is restored below them.
    """
    if str(dataset.file_meta.TransferSyntaxUID) not in PLAIN or text(dataset, "PhotometricInterpretation") not in GREY:
        return None
    keywords = ("BitsAllocated", "PixelRepresentation", "BitsStored", "Rows", "Columns", "SamplesPerPixel")
    bits, signed, stored, rows, columns, samples = (number(dataset, keyword) or 0 for keyword in keywords)
    word, data = WORDS.get((int(bits), int(signed))), dataset.get("PixelData")
    if word is None or not isinstance(data, bytes) or samples != 1 or not 1 <= stored <= bits:
        return None
    if (
        number(dataset, "PixelRepresentation") is None
        or "FloatPixelData" in dataset
        or "DoubleFloatPixelData" in dataset
    ):
        return None
    count = int(rows) * int(columns) * int(number(dataset, "NumberOfFrames") or 1)
    size = count * int(bits) // 8
    if not count or len(data) != size + size % 2:  # with a byte more where the number is odd
        return None
    values: NDArray[Any] = np.frombuffer(data, word, count)
    unused = int(bits - stored)
    return values << unused >> unused if unused else values
