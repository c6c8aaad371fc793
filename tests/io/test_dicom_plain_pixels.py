"""Pixels that are stored plainly are those that pydicom decodes; everything else is left to pydicom."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from monai_attn.io.dicom.plain_pixels import stored_plainly


def image(bits: int = 16, stored: int = 16, *, signed: bool = False, frames: int = 1, syntax=ExplicitVRLittleEndian):
    """Random bits, also above those that count."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 5, 3, 1
    dataset.PhotometricInterpretation, dataset.PixelRepresentation = "MONOCHROME2", int(signed)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, stored, stored - 1
    if frames > 1:
        dataset.NumberOfFrames = frames
    data = np.random.default_rng(bits + stored).bytes(15 * frames * bits // 8)
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OW"
    return dataset


@pytest.mark.parametrize(("bits", "stored"), [(8, 8), (8, 5), (16, 16), (16, 12), (16, 1), (32, 32), (32, 20)])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("frames", [1, 4])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_plain_pixels_are_those_of_pydicom(bits, stored, signed, frames, syntax):
    dataset = image(bits, stored, signed=signed, frames=frames, syntax=syntax)
    expected, given = dataset.pixel_array, stored_plainly(dataset)
    assert given is not None
    assert given.dtype == expected.dtype
    np.testing.assert_array_equal(given, expected.ravel())


def colour(ds):
    ds.SamplesPerPixel, ds.PlanarConfiguration, ds.PhotometricInterpretation = 3, 0, "RGB"


@pytest.mark.parametrize(
    "change",
    [
        colour,
        lambda ds: setattr(ds.file_meta, "TransferSyntaxUID", ExplicitVRBigEndian),
        lambda ds: setattr(ds.file_meta, "TransferSyntaxUID", RLELossless),
        lambda ds: setattr(ds, "PhotometricInterpretation", "PALETTE COLOR"),
        lambda ds: setattr(ds, "BitsAllocated", 12),
        lambda ds: setattr(ds, "BitsStored", 17),
        lambda ds: setattr(ds, "BitsStored", 0),
        lambda ds: setattr(ds, "Rows", 6),  # too few pixels
        lambda ds: setattr(ds, "Rows", 4),  # too many
        lambda ds: delattr(ds, "PixelRepresentation"),
        lambda ds: delattr(ds, "BitsStored"),
        lambda ds: delattr(ds, "PixelData"),
    ],
)
def test_what_is_unusual_is_left_to_pydicom(change):
    dataset = image()
    change(dataset)
    assert stored_plainly(dataset) is None
