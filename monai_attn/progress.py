"""What is called while an image is segmented: for a progress bar, and for a mask that grows on the screen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["Finished", "Progress"]

Progress = Callable[[int, int | None], None]
"""`progress(done, total)`: windows done so far, and all windows of the run; None where their number is not known."""

Finished = Callable[[NDArray[np.generic], tuple[slice, ...]], None]
"""`finished(labels, box)`: the label map so far, and the box of voxels just finished, a slice along each axis."""
