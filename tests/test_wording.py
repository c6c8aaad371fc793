"""Numbers in sentences: no message counts "1 voxels"."""

from __future__ import annotations

from monai_attn.wording import counted


def test_one_takes_the_singular_and_everything_else_the_plural():
    assert [counted(number, "slice") for number in (0, 1, 2)] == ["0 slices", "1 slice", "2 slices"]
    assert counted(1, "contour is", "contours are") == "1 contour is"
    assert counted(2, "contour is", "contours are") == "2 contours are"
