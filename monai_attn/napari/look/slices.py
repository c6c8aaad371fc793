"""A plane of a viewer's layers as pictures in millimetres, for the linked views. NumPy only; no Qt, no OpenGL.

Each layer is drawn on its own grid, so that nothing is resampled; axes are S, P, L in mm (`layers.volumes`).

`look.pane` shows the pictures. They serve orientation: measuring and saving never use them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer

__all__ = ["SlicePicture", "extent_mm", "layer_picture", "slice_index", "slice_pictures"]

REDUCE: dict[str, Any] = {"max": np.max, "mean": np.mean, "min": np.min, "sum": np.sum}
"""What napari's projection modes do with the slices of a slab."""

Order = tuple[int, int, int]
"""World axes that are cut, drawn vertically and drawn across (`_planes.PLANES`); the last two in ascending order."""


@dataclass(frozen=True, eq=False)
class SlicePicture:
    """One layer in a plane: colours (rows, columns, 4), 0 to 255, and the edges of the first and last voxels in mm.

    Rows follow the vertical world axis, columns the one across.

    `lower_mm` and `upper_mm` are (vertical, across). `opacity` is that of the layer; `additive` adds its colours to
    what lies below, as PET over CT.
    """

    rgba: NDArray[np.uint8]
    lower_mm: tuple[float, float]
    upper_mm: tuple[float, float]
    opacity: float = 1.0
    additive: bool = False


def slice_pictures(
    layers: Iterable[Layer], order: Order, point: Sequence[float], thickness_mm: float = 0.0
) -> list[SlicePicture]:
    """The visible images and labels where they are cut at a point (S, P, L), lowest first, without those it misses.

    `thickness_mm` is that of the slab around the slice, which only images use; 0 cuts a single slice.
    """
    pictures = (layer_picture(layer, order, point, thickness_mm) for layer in layers if layer.visible)
    return [picture for picture in pictures if picture is not None]


def layer_picture(layer: Layer, order: Order, point: Sequence[float], thickness_mm: float = 0.0) -> SlicePicture | None:
    """One layer in a plane; None where it is not cut, or is not an upright image or label map in 3-D.

    `point` is (S, P, L) in mm. Pyramids, layers in true colours, and layers that are turned or sheared in napari are
    not drawn.
    """
    if not _is_drawn(layer):
        return None
    plane = _plane(layer, order[0], point[order[0]], thickness_mm)
    if plane is None:
        return None
    rgba = _label_colours(layer, plane) if layer._type_string == "labels" else _grey_colours(layer, plane)
    lower, upper = _edges(layer)
    shown = list(order[1:])
    return SlicePicture(
        rgba,
        (float(lower[shown[0]]), float(lower[shown[1]])),
        (float(upper[shown[0]]), float(upper[shown[1]])),
        float(layer.opacity),
        str(layer.blending) == "additive",
    )


def slice_index(layer: Layer, axis: int, position_mm: float) -> int | None:
    """The voxel of a layer at a place along a world axis; None outside.

    The nearest voxel centre counts. More than half a voxel beyond the first or last centre is outside.
    """
    index = round((position_mm - float(layer.translate[axis])) / float(layer.scale[axis]))
    return index if 0 <= index < layer.data.shape[axis] else None


def extent_mm(layers: Iterable[Layer]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """The lower and upper corner, in S, P, L, of the box around all layers that are drawn; None without any.

    The corners are outer edges of voxels, half a voxel beyond the first and last centre.
    """
    edges = [_edges(layer) for layer in layers if layer.visible and _is_drawn(layer)]
    if not edges:
        return None
    return np.min([lower for lower, _ in edges], axis=0), np.max([upper for _, upper in edges], axis=0)


def _is_drawn(layer: Layer) -> bool:
    """Whether a layer is a 3-D image or label map along the world axes."""
    if layer._type_string not in ("image", "labels") or layer.ndim != 3 or layer.multiscale:
        return False
    upright = _is_identity(layer.rotate) and not np.any(layer.shear)
    return bool(upright and _is_identity(layer.affine.affine_matrix) and not getattr(layer, "rgb", False))


def _is_identity(matrix: NDArray[np.float64]) -> bool:
    """Whether a square matrix changes nothing; the exact one, which nearly every layer has, is seen at once."""
    identity = np.eye(len(matrix))
    return np.array_equal(matrix, identity) or bool(np.allclose(matrix, identity))


def _edges(layer: Layer) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper edge of a layer, in mm along S, P, L."""
    scale, first = np.asarray(layer.scale, float), np.asarray(layer.translate, float)
    return first - scale / 2, first + scale * (np.array(layer.data.shape) - 0.5)


def _plane(layer: Layer, axis: int, position_mm: float, thickness_mm: float) -> NDArray[np.generic] | None:
    """The slice, or the slab around it as the layer projects it."""
    index: list[slice | int] = [slice(None)] * 3
    reduce = REDUCE.get(str(layer.projection_mode)) if layer._type_string == "image" else None
    middle = slice_index(layer, axis, position_mm)
    if reduce is None or thickness_mm <= 0:
        if middle is None:
            return None
        index[axis] = middle
        # Across memory the voxels of a slice lie far apart: they are fetched once, not at each step of the drawing.
        return np.ascontiguousarray(layer.data[tuple(index)])
    step, first = float(layer.scale[axis]), float(layer.translate[axis])
    ends = [(position_mm - first + half) / step for half in (-thickness_mm / 2, thickness_mm / 2)]
    lower, upper = max(0, round(ends[0])), min(layer.data.shape[axis] - 1, round(ends[1]))
    if upper < lower:
        return None
    index[axis] = slice(lower, upper + 1)
    return np.asarray(reduce(np.asarray(layer.data[tuple(index)]), axis=axis))


def _grey_colours(layer: Image, plane: NDArray[np.generic]) -> NDArray[np.uint8]:
    """A plane of an image in the layer's window, gamma and colormap; nan is drawn as the lowest grey."""
    lower, upper = (np.float32(limit) for limit in layer.contrast_limits)
    share: NDArray[np.float32] = plane.astype(np.float32)
    share -= lower
    share *= np.float32(255) / (upper - lower)
    np.clip(share, 0, 255, out=share)
    if layer.gamma != 1:
        share = np.float32(255) * (share / np.float32(255)) ** np.float32(layer.gamma)
    grey = np.nan_to_num(share, copy=False).astype(np.uint8)
    return _painted(layer.colormap.map(np.linspace(0, 1, 256)), grey)


def _label_colours(layer: Labels, plane: NDArray[np.generic]) -> NDArray[np.uint8]:
    """A plane of labels in the layer's colours, as outlines of the layer's `contour` width where that is set."""
    shown = np.where(plane == layer.selected_label, plane, 0) if layer.show_selected_label else plane
    if layer.contour > 0:
        shown = shown * _rim(shown, int(layer.contour))
    if shown.dtype in (np.uint8, np.uint16):  # no need to sort the pixels
        values, where = np.flatnonzero(np.bincount(shown.ravel())), shown
    else:
        values, where = np.unique(shown, return_inverse=True)
        where = where.reshape(shown.shape)
    colours = np.zeros((max(256, int(where.max()) + 1), 4))
    colours[values if where is shown else slice(len(values))] = [layer.colormap.map(int(value)) for value in values]
    return _painted(colours, where)


def _painted(colours: NDArray[np.floating[Any]], which: NDArray[Any]) -> NDArray[np.uint8]:
    """Pixels (rows, columns, 4) in colours (n, 4) between 0 and 1; all four bytes of a pixel are fetched at once."""
    table = np.ascontiguousarray(np.round(255 * np.asarray(colours)).astype(np.uint8)).view(np.uint32).ravel()
    return np.take(table, which).view(np.uint8).reshape(*which.shape, 4)


def _rim(labels: NDArray[np.generic], width: int) -> NDArray[np.bool_]:
    """Pixels within `width` of another label, along rows and columns."""
    rim = np.zeros(labels.shape, bool)
    for step in range(1, width + 1):
        for axis in (0, 1):
            one, other = np.moveaxis(labels, axis, 0)[step:], np.moveaxis(labels, axis, 0)[:-step]
            differs, marked = one != other, np.moveaxis(rim, axis, 0)
            marked[step:] |= differs
            marked[:-step] |= differs
    return rim
