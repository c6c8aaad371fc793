"""Images for the tests of finders: the MNI152 brain at 3 mm, moved or stored in another way."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from monai_attn.bundle.locate import read_metadata, shipped
from monai_attn.errors import InputError
from monai_attn.finders import Finder, finder_of
from monai_attn.io import read
from monai_attn.io.samples import brain_file
from monai_attn.volume import Volume

MIDDLES = {"left": (-25.0, -23.5, -12.5), "right": (25.0, -23.5, -12.5)}
"""The middle of each hippocampus of the MNI152 brain in mm, RAS+, from masks that were looked at."""

HIPPOCAMPUS = np.array([24.0, 35.0, 35.0])
"""The edges of the box around one hippocampus of the MNI152 brain, in mm."""


@cache
def finder() -> Finder:
    root = shipped()["hippocampus_mri"]
    found = finder_of(read_metadata(root)["finder"], root)
    assert found is not None
    return found


@cache
def brain() -> Volume:
    """The brain of nilearn at 3 mm, each voxel the mean of 27."""
    try:
        whole = read(brain_file())
    except InputError as error:
        pytest.skip(str(error))
    i, j, k = (size // 3 for size in whole.shape)
    array = whole.array[: 3 * i, : 3 * j, : 3 * k].astype(np.float32).reshape(i, 3, j, 3, k, 3).mean(axis=(1, 3, 5))
    affine = whole.affine @ np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] += 1.0
    return Volume(array, affine)


def moved(volume: Volume, matrix: np.ndarray) -> Volume:
    """The same voxels elsewhere in space: `matrix` `(4, 4)` leads from old to new mm."""
    return Volume(volume.array, matrix @ volume.affine)


def holds(box, middle, slack_mm: float = 0.0) -> bool:
    """Whether a box holds a hippocampus of the size of the MNI152 brain's around its middle."""
    lower, upper = np.array(middle) - HIPPOCAMPUS / 2, np.array(middle) + HIPPOCAMPUS / 2
    return bool(
        (lower >= np.array(box.lower_mm) - slack_mm).all() and (upper <= np.array(box.upper_mm) + slack_mm).all()
    )
