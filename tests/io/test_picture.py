"""Pictures of other programs: byte orders, transparency, and pictures that viewers turn."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK
from PIL import Image

from monai_attn import read, write
from monai_attn.errors import FileError

PIXELS = np.arange(12, dtype=np.uint16).reshape(3, 4)


def test_a_big_endian_tiff_is_read_and_can_be_written(tmp_path):
    Image.fromarray((1000 * PIXELS).astype(">u2")).save(tmp_path / "imagej.tif")
    back = read(tmp_path / "imagej.tif")
    assert back.array.dtype.isnative
    np.testing.assert_array_equal(back.array[:, :, 0], 1000 * PIXELS.T)
    write(back, tmp_path / "copy.nii.gz")
    np.testing.assert_array_equal(read(tmp_path / "copy.nii.gz").array, back.array)


def test_a_grey_picture_with_transparency_is_grey(tmp_path):
    Image.fromarray((20 * PIXELS).astype(np.uint8)).convert("LA").save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read(tmp_path / "grey.png").array[:, :, 0], 20 * PIXELS.T)


def test_a_picture_that_viewers_turn_says_so(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray((20 * PIXELS).astype(np.uint8)).save(tmp_path / "phone.jpg", exif=exif)
    back = read(tmp_path / "phone.jpg")
    assert back.shape == (4, 3, 1)
    assert any("EXIF" in note for note in back.notes)


def test_a_colour_picture_of_16_bits_is_refused(tmp_path):
    colours = np.stack([12000 * np.arange(4, dtype=np.uint16).reshape(2, 2)] * 3, axis=-1)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(colours, isVector=True), str(tmp_path / "deep.png"))
    with pytest.raises(FileError, match=r"deep\.png has 16 bits for each colour, and 8 would be left"):
        read(tmp_path / "deep.png", volume=0)
