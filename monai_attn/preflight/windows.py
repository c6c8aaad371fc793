"""How many windows a bundle's inferer will lay over an image, counted without running anything.

For the estimate. The count rests on the same `lay_windows` that `StreamingInferer` uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from monai_attn.bundle.describe import BundleDescription
from monai_attn.inferers.windows import lay_windows
from monai_attn.volume import Volume

__all__ = ["count_windows", "network_shape"]


def network_shape(bundle: BundleDescription, image: Volume) -> tuple[int, int, int]:
    """The size of an image in voxels along R, A, S after the bundle has resampled the image.

    It is the image's own size where the bundle does not say its spacing.

    The numbers are those of the resampled grid before padding to a window; each is at least 1.
    """
    letters = image.orientation
    axes = [next(n for n, letter in enumerate(letters) if letter in pair) for pair in ("RL", "AP", "SI")]
    shape = np.array([image.shape[axis] for axis in axes])
    if bundle.spacing_mm:
        new = np.array(bundle.spacing_mm)
        new = np.where(new > 0, new, [image.spacing_mm[axis] for axis in axes])
        # As MONAI's Spacing: the new axes are at right angles, and the new grid reaches from the centre of the first
        # voxel to that of the last one; of a sheared grid so far that all its corners lie within.
        columns = (image.affine[:3, axes] * [1 if letters[axis] in "RAS" else -1 for axis in axes]).astype(float)
        upright = np.linalg.cholesky(columns.T @ columns).T
        corners = upright @ np.array(list(product(*((0, size - 1) for size in shape)))).T / new[:, None]
        shape = np.round(np.ptp(corners, axis=1) + 1)
    r, a, s = (max(1, int(size)) for size in shape)
    return r, a, s


def count_windows(bundle: BundleDescription, shape: Sequence[int], *, runs: int | None = None) -> int | None:
    """The windows that MONAI's sliding window and `StreamingInferer` lay over an image of this size.

    Each window counts as often as the network sees it: `runs` times, by default as often as the bundle does for mirror
    images. Windows of background alone count too, even where the inferer will skip them. None where the bundle's
    inferer lays no windows.

    `shape` is that of `network_shape`. An image smaller than a window has one window.
    """
    if bundle.window is None:
        return None
    return len(lay_windows(shape, bundle.window, bundle.overlap)) * (bundle.runs if runs is None else runs)
