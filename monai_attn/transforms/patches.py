"""Random patches for training: place, zoom, rotation and mirroring in one interpolation of the patch alone.

MONAI crops first and deforms afterwards. There a patch is copied and interpolated several times, and a larger patch is
cropped than is used. On two processor cores that costs as much as the step of a small network.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from monai.data import MetaTensor
from monai.transforms import MapTransform, RandomizableTransform
from numpy.typing import NDArray
from torch import Tensor

from monai_attn.errors import InputError

__all__ = ["LabelPlacesd", "RandPatchd", "sample_patch", "swap_labels"]

PLACES = "places"
"""The key at which `LabelPlacesd` leaves the places of the structures."""

JITTER = 0.15
"""How far the chosen voxel lies from the middle of its patch, as a share of the patch's edges."""


class LabelPlacesd(MapTransform):  # type: ignore[misc]  # MONAI has no type hints
    """Notes voxels of each structure at the key "places", so that `RandPatchd` finds them at once.

    "places" is a tensor `(n, 4)` of int16: a label value, then the indices of a voxel along I, J and K. Of each
    structure at most `limit` voxels are kept, evenly spaced. A label map of background alone gives no row.

    `key` holds the label map `(1, I, J, K)`.
    """

    def __init__(self, key: str = "label", *, limit: int = 1000) -> None:
        super().__init__(key)
        self.limit = limit

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The case with the places of the structures."""
        out = dict(data)
        label = _plain(out[self.keys[0]])[0].numpy()  # (I, J, K)
        inside = np.argwhere(label)  # (n, 3)
        values = label[tuple(inside.T)]
        rows = [np.empty((0, 4), np.int16)]
        for value in np.unique(values):
            found = inside[values == value]
            kept = found[:: max(-(-len(found) // self.limit), 1)]
            rows.append(np.column_stack([np.full(len(kept), value), kept]).astype(np.int16))
        out[PLACES] = torch.from_numpy(np.concatenate(rows))
        return out


class RandPatchd(RandomizableTransform, MapTransform):  # type: ignore[misc]
    """A random patch of an image and its label map, placed, zoomed, rotated and mirrored.

    - `spatial_size`: the size of the patch in voxels along I, J and K.
    - `pixdim`: the voxel edges in mm, so that a rotation keeps angles on anisotropic grids.
    - `foreground`: the share of patches that hold a voxel of a structure, chosen by "places" (`LabelPlacesd`). Each
      structure of the case is chosen equally often. All other patches lie anywhere in the image.
    - `prob`: the share of patches that are zoomed and rotated. `zoom`: the smallest and the largest factor by which
      structures grow. `stretch`: how much more or less each axis grows besides, as a share. `rotate`: the largest angle
      about each axis, in radians.
    - `mirror`: axes that are mirrored in half of the patches.
    - `pairs`: label values that exchange their places when axis 0 is mirrored, such as left and right parotid. So do
      the marks `(C,)` of what was drawn, at `marks`.

    The image at `image_key` is `(C, I, J, K)` of any float type, the label map at `label_key` `(1, I, J, K)`. The patch
    is `(C, *spatial_size)` and `(1, *spatial_size)`, both float32, without metadata. The image is interpolated
    linearly, the label map takes the nearest voxel. Both repeat their outermost voxels outside the image. "places" is
    taken out of the case.

    Raises `InputError` for a zoom below 0 and for a mirrored axis that does not exist.
    """

    def __init__(
        self,
        spatial_size: Sequence[int],
        *,
        image_key: str = "image",
        label_key: str = "label",
        pixdim: Sequence[float] = (1.0, 1.0, 1.0),
        foreground: float = 0.67,
        prob: float = 0.8,
        zoom: Sequence[float] = (0.8, 1.25),
        stretch: float = 0.1,
        rotate: Sequence[float] = (0.2, 0.2, 0.2),
        mirror: Sequence[int] = (),
        pairs: Sequence[Sequence[int]] = (),
        marks: Sequence[str] = ("drawn",),
    ) -> None:
        MapTransform.__init__(self, (image_key, label_key))
        RandomizableTransform.__init__(self, 1.0)
        if not 0 < zoom[0] <= zoom[1]:
            raise InputError(f"zoom is the smallest and the largest factor, both above 0; not {list(zoom)}.")
        if not set(mirror) <= {0, 1, 2}:
            raise InputError(f"mirror lists axes of the image, 0, 1 or 2; not {list(mirror)}.")
        self.image_key, self.label_key = image_key, label_key
        self.spatial_size = tuple(spatial_size)
        self.pixdim = np.asarray(pixdim, dtype=float)
        self.foreground = foreground
        self.deformed = prob
        self.zoom = tuple(zoom)
        self.stretch = stretch
        self.rotate = tuple(rotate)
        self.mirror = tuple(mirror)
        self.pairs = [(int(one), int(other)) for one, other in pairs]
        self.marks = tuple(marks)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The case with a patch in place of its image and label map."""
        out = dict(data)
        image, label = _plain(out[self.image_key]), _plain(out[self.label_key])
        centre = self._centre(tuple(image.shape[1:]), out.pop(PLACES, None))
        signs = np.array([-1.0 if axis in self.mirror and self.R.rand() < 0.5 else 1.0 for axis in range(3)])
        matrix = self._matrix() * signs  # (3, 3): voxels of the patch to voxels of the image
        out[self.image_key] = sample_patch(image, centre, matrix, self.spatial_size)
        patch = sample_patch(label, centre, matrix, self.spatial_size, mode="nearest")
        out[self.label_key] = swap_labels(patch, self.pairs) if signs[0] < 0 else patch
        for key in self.marks if signs[0] < 0 else ():
            if key in out:
                out[key] = _swapped_marks(np.asarray(out[key]), self.pairs)
        return out

    def _centre(self, shape: Sequence[int], places: Tensor | None) -> NDArray[np.float64]:
        """The middle of the patch in voxels of the image."""
        size, edges = np.array(self.spatial_size), np.array(shape)
        if places is not None and len(places) and self.R.rand() < self.foreground:
            rows = places.numpy()
            rows = rows[rows[:, 0] == self.R.choice(np.unique(rows[:, 0]))]
            chosen = rows[self.R.randint(len(rows)), 1:] + self.R.uniform(-JITTER, JITTER, 3) * size
        else:
            chosen = self.R.uniform(0, edges)
        low = np.minimum(size, edges) / 2  # along an axis that fits into the patch the whole image is shown
        first = np.round(np.clip(chosen, low, edges - low) - size / 2)
        return np.asarray(first + (size - 1) / 2, dtype=np.float64)

    def _matrix(self) -> NDArray[np.float64]:
        """A random matrix from voxels of the patch to voxels of the image, without mirroring."""
        if self.R.rand() >= self.deformed:
            return np.eye(3)
        growth = np.exp(self.R.uniform(*np.log(self.zoom))) * (1 + self.R.uniform(-self.stretch, self.stretch, 3))
        turn = np.eye(3)
        for axis, most in enumerate(self.rotate):
            turn = turn @ _rotation(axis, self.R.uniform(-most, most))
        in_mm = turn @ np.diag(1 / growth)
        return np.asarray(in_mm * self.pixdim / self.pixdim[:, None], dtype=np.float64)


def sample_patch(
    image: Tensor, centre: Sequence[float] | NDArray[np.float64], matrix: Any, size: Sequence[int], mode: str = "linear"
) -> Tensor:
    """The values of an image `(C, I, J, K)` at the voxels of a patch, `(C, *size)` float32.

    - `centre`: the middle of the patch, in voxels of the image.
    - `matrix`: `(3, 3)`, from steps in the patch to steps in the image.
    - `mode`: "linear" or "nearest".

    Outside the image its outermost voxels are repeated.

    >>> image = torch.arange(4.0).reshape(1, 4, 1, 1)
    >>> sample_patch(image, [1.5, 0, 0], np.eye(3), [2, 1, 1]).flatten().tolist()
    [1.0, 2.0]
    """
    matrix, centre = np.asarray(matrix, dtype=float), np.asarray(centre, dtype=float)
    reach = np.abs(matrix) @ ((np.array(size) - 1) / 2)
    edges = np.array(image.shape[1:])
    first = np.clip(np.floor(centre - reach), 0, edges - 1).astype(int)
    last = np.clip(np.ceil(centre + reach), 0, edges - 1).astype(int)
    block = image[(slice(None), *(slice(a, b + 1) for a, b in zip(first, last, strict=True)))].float()
    scale = 2 / np.maximum(last - first, 1)  # torch counts from -1 to 1 between the middles of the outermost voxels
    steps = [torch.arange(edge, dtype=torch.float32) - (edge - 1) / 2 for edge in size]
    grid = torch.empty(1, *size, 3)
    for axis in range(3):
        start = (centre[axis] - first[axis]) * scale[axis] - 1
        along = [steps[other] * float(matrix[axis, other] * scale[axis]) for other in range(3)]
        grid[0, ..., 2 - axis] = along[0][:, None, None] + along[1][:, None] + along[2] + start  # torch: K, J, I
    kind = "bilinear" if mode == "linear" else "nearest"  # bilinear means trilinear here
    return F.grid_sample(block[None], grid, mode=kind, padding_mode="border", align_corners=True)[0]


def swap_labels(label: Tensor, pairs: Sequence[Sequence[int]]) -> Tensor:
    """A label map in which the two values of each pair have changed places.

    >>> swap_labels(torch.tensor([0, 1, 2, 3]), [(1, 2)]).tolist()
    [0, 2, 1, 3]
    """
    swapped = label.clone() if pairs else label
    for one, other in pairs:
        swapped[label == one] = other
        swapped[label == other] = one
    return swapped


def _swapped_marks(marks: NDArray[np.generic], pairs: Sequence[tuple[int, int]]) -> NDArray[np.generic]:
    """Marks `(C,)` of the classes in which the two values of each pair have changed places."""
    order = np.arange(len(marks))
    for one, other in pairs:
        order[[one, other]] = other, one
    return marks[order]


def _rotation(axis: int, angle: float) -> NDArray[np.float64]:
    """The rotation about one axis, `(3, 3)`."""
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.eye(3)
    i, j = (axis + 1) % 3, (axis + 2) % 3
    turn[i, i], turn[i, j], turn[j, i], turn[j, j] = cosine, -sine, sine, cosine
    return turn


def _plain(image: Tensor) -> Tensor:
    """The tensor without metadata."""
    return image.as_tensor() if isinstance(image, MetaTensor) else image
