"""Pictures in two dimensions: PNG, JPEG, TIFF and BMP, in grey or in colour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import FileError, InputError
from monai_attn.volume import Volume

__all__ = ["PICTURES", "is_picture", "picture_volumes", "read_picture"]

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")

COLOURS = ("R", "G", "B")

UPRIGHT = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Columns run to the patient's left and rows to the posterior, so that viewers show a picture as it is."""

ORIENTATION = 0x0112
"""The tag of EXIF that says how a picture is to be turned; 1 is not at all."""

TURNED = "Viewers turn this picture, as its EXIF says. Its pixels are taken as they are stored; draw masks on these."

NO_SIZE = "A picture says nothing of its size in mm: a pixel counts as 1 mm, and all sizes are in pixels."


def is_picture(path: str | Path) -> bool:
    """Whether a path has the ending of a picture; the file is not opened.

    >>> is_picture("frame_1.PNG"), is_picture("t1.nii.gz")
    (True, False)
    """
    return Path(path).suffix.lower() in PICTURES


def picture_volumes(path: Path) -> int:
    """How many channels a picture has: 1 in grey, 3 in colour. Raises `FileError` for a damaged picture."""
    return int(_pixels(path)[0].shape[-1])


def read_picture(path: Path, *, volume: int | None = None) -> Volume:
    """One channel of a picture, `(columns, rows, 1)`: grey, or the red, green or blue that `volume` 0, 1 or 2 chooses.

    A channel for transparency is left out. A picture has no place in a patient, and no size in mm; a note says so.
    Pixels are taken as they are stored, and a note says where viewers turn the picture (EXIF).
    Raises `FileError` for a damaged picture, and for several pages. Raises `InputError` for a colour picture without a
    choice.
    """
    pixels, turned = _pixels(path)
    count = pixels.shape[-1]
    if volume is None and count > 1:
        raise InputError(
            f"{path.name} is a picture in colour. Choose red, green or blue with volume=0, 1 or 2, "
            "or take a bundle that segments pictures in colour."
        )
    if volume is not None and not 0 <= volume < count:
        raise InputError(f"{path.name} has {count} channel{'s' if count > 1 else ''}, the first is 0, not {volume}.")
    return Volume(pixels[:, :, volume or 0, None], UPRIGHT, notes=(NO_SIZE, *([TURNED] if turned else [])))


def _pixels(path: Path) -> tuple[NDArray[np.generic], bool]:
    """The pixels of a picture, `(columns, rows, channels)`, grey or in colour, and whether viewers turn it.

    Numbers are in the byte order of the machine.
    """
    from PIL import Image

    with Image.open(path) as picture:
        pages = int(getattr(picture, "n_frames", 1))
        if pages > 1:
            raise FileError(f"{path.name} holds {pages} pages, and a picture is one. Save the pages apart.")
        grey = picture.mode in ("1", "L", "LA", "La", "I", "F") or picture.mode.startswith("I;16")
        as_it_is = grey and picture.mode not in ("1", "LA", "La")
        if not as_it_is and any(";16" in str(tile) for tile in picture.tile):  # Pillow would keep the upper 8 bits
            raise FileError(
                f"{path.name} has 16 bits for each colour, and 8 would be left. Save each colour as a grey picture."
            )
        plain: Any = picture if as_it_is else picture.convert("L" if grey else "RGB")
        array = np.asarray(plain)
        turned = picture.getexif().get(ORIENTATION, 1) != 1
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    return np.ascontiguousarray(np.swapaxes(array.reshape(*array.shape[:2], -1), 0, 1)), turned
