"""Numbers in sentences: "1 voxel is", "3 voxels are"."""

from __future__ import annotations

__all__ = ["counted"]


def counted(number: int, one: str, several: str = "") -> str:
    """A number and what it counts: `one` after 1, else `several`, which is `one` with an "s" where it is left out.

    A verb that changes with the number goes into both texts. Zero takes the plural.

    >>> counted(1, "voxel"), counted(3, "voxel"), counted(0, "contour is", "contours are")
    ('1 voxel', '3 voxels', '0 contours are')
    """
    return f"{number} {one if number == 1 else several or one + 's'}"
