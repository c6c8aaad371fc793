"""A small picture of an image or a label map, for notebooks."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["PIXELS", "image_thumbnail", "label_thumbnail", "outline_thumbnail"]

PIXELS = 128
"""The longest edge of each plane in the picture."""

OUTLINED = 240
"""The longest edge of each plane in a picture with outlines, which a person looks at more closely."""

GAP = 4
"""Black pixels between the planes."""

HU_WINDOW = (-160.0, 240.0)
"""Soft tissue in CT, in Hounsfield units: centre 40, width 400."""

PERCENTILES = (1.0, 99.0)
"""What is drawn black and white where the unit says nothing."""

SAMPLES = 200_000
"""The percentiles are taken of about so many voxels, evenly spread over the image."""

PLANES = ((2, 0, 1), (1, 0, 2), (0, 1, 2))
"""Axial, coronal and sagittal: the axis of RAS+ that is cut, the axis drawn leftwards, the axis drawn upwards."""


def image_thumbnail(array: NDArray[np.generic], affine: NDArray[np.float64], unit: str = "") -> bytes:
    """The middle axial, coronal and sagittal plane of an image as PNG, side by side.

    `array` is `(I, J, K)`; `affine` takes voxel indices to millimetres in RAS+. Radiological convention: the patient's
    right is on the left of the picture. CT in Hounsfield units (`unit` "HU") is drawn in a soft-tissue window.
    Other images are drawn from the 1st to the 99th percentile. An image without a finite value is black.
    """
    ras, spacing_mm = _to_ras(array, affine)
    lower, upper = HU_WINDOW if unit == "HU" else _percentiles(ras)
    planes = []
    for axes in PLANES:
        plane = _plane(ras, axes, ras.shape[axes[0]] // 2).astype(np.float64)
        grey = np.clip(np.nan_to_num((plane - lower) / (upper - lower)), 0, 1)
        planes.append(np.repeat((255 * grey).astype(np.uint8)[..., None], 3, axis=2))
    return _png(planes, spacing_mm)


def label_thumbnail(
    array: NDArray[np.generic], affine: NDArray[np.float64], colours: Mapping[int, tuple[float, float, float]]
) -> bytes:
    """The axial, coronal and sagittal plane with most labelled voxels as PNG, in the colours of the labels.

    `array` holds whole numbers `(I, J, K)`; `colours` gives red, green and blue between 0 and 1 for each label value.
    A label map without a labelled voxel is black.
    """
    ras, spacing_mm = _to_ras(array, affine)
    planes = []
    for axes in PLANES:
        counts = np.count_nonzero(ras, axis=tuple({0, 1, 2} - {axes[0]}))
        plane = _plane(ras, axes, int(counts.argmax()))
        picture = np.zeros((*plane.shape, 3), np.uint8)
        for value, colour in colours.items():
            picture[plane == value] = np.rint(255 * np.array(colour))
        planes.append(picture)
    return _png(planes, spacing_mm)


def outline_thumbnail(
    array: NDArray[np.generic],
    labels: NDArray[np.generic],
    affine: NDArray[np.float64],
    colours: Mapping[int, tuple[float, float, float]],
    unit: str = "",
) -> bytes:
    """The planes of an image with most labelled voxels as PNG, with the outline of each label in its colour.

    `array` and `labels` are `(I, J, K)` on one grid; the other values are those of `image_thumbnail` and
    `label_thumbnail`. Without a labelled voxel the middle planes are shown.
    """
    ras, spacing_mm = _to_ras(array, affine)
    turned, _ = _to_ras(labels, affine)
    lower, upper = HU_WINDOW if unit == "HU" else _percentiles(ras)
    planes, outlines = [], []
    for axes in PLANES:
        counts = np.count_nonzero(turned, axis=tuple({0, 1, 2} - {axes[0]}))
        index = int(counts.argmax()) if counts.any() else ras.shape[axes[0]] // 2
        plane = _plane(ras, axes, index).astype(np.float64)
        grey = np.clip(np.nan_to_num((plane - lower) / (upper - lower)), 0, 1)
        planes.append(np.repeat((255 * grey).astype(np.uint8)[..., None], 3, axis=2))
        outlines.append(_plane(turned, axes, index))
    return _png(planes, spacing_mm, outlines, colours)


def _to_ras(
    array: NDArray[np.generic], affine: NDArray[np.float64]
) -> tuple[NDArray[np.generic], tuple[float, float, float]]:
    """The voxels with their axes turned to the closest of R, A and S, and the spacing along these axes."""
    from nibabel.orientations import apply_orientation, io_orientation

    turns = io_orientation(affine)  # (3, 2): for each voxel axis the patient axis, and its sign
    edges = np.linalg.norm(affine[:3, :3], axis=0)
    r, a, s = (float(edges[list(turns[:, 0]).index(axis)]) for axis in range(3))
    return np.asarray(apply_orientation(array, turns)), (r, a, s)


def _plane(ras: NDArray[np.generic], axes: tuple[int, int, int], index: int) -> NDArray[np.generic]:
    """Rows from top to bottom, columns from left to right, as the picture shows them."""
    where: list[int | slice] = [slice(None)] * 3
    where[axes[0]] = index
    return np.asarray(ras[tuple(where)].T[::-1, ::-1])


def _percentiles(array: NDArray[np.generic]) -> tuple[float, float]:
    step = max(1, round((array.size / SAMPLES) ** (1 / 3)))
    values = array[::step, ::step, ::step].astype(np.float64)
    values = values[np.isfinite(values)]
    lower, upper = (float(x) for x in np.percentile(values, PERCENTILES)) if values.size else (0.0, 1.0)
    return lower, upper if upper > lower else lower + 1.0


def _outline(
    picture: Image.Image, labels: NDArray[np.generic], colours: Mapping[int, tuple[float, float, float]]
) -> Image.Image:
    """A picture with the outlines of the labels, one pixel of the picture wide."""
    from PIL import Image

    drawn = np.asarray(picture).copy()
    for value, colour in colours.items():
        mask = Image.fromarray(np.uint8(255) * (labels == value)).resize(picture.size, Image.Resampling.NEAREST)
        inside = np.pad(np.asarray(mask) > 0, 1)
        core = inside[1:-1, 1:-1] & inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
        drawn[inside[1:-1, 1:-1] & ~core] = np.rint(255 * np.array(colour))
    return Image.fromarray(drawn)


def _png(
    planes: list[NDArray[np.uint8]],
    spacing_mm: tuple[float, float, float],
    labels: list[NDArray[np.generic]] | None = None,
    colours: Mapping[int, tuple[float, float, float]] | None = None,
) -> bytes:
    """The planes side by side, each with pixels that are square in millimetres; with outlines of labels if given."""
    from PIL import Image

    sizes_mm = [
        (plane.shape[1] * spacing_mm[axes[1]], plane.shape[0] * spacing_mm[axes[2]])
        for plane, axes in zip(planes, PLANES, strict=True)
    ]
    scale = (PIXELS if labels is None else OUTLINED) / max(edge for size in sizes_mm for edge in size)
    tiles = [
        Image.fromarray(plane).resize(
            (max(1, round(across * scale)), max(1, round(up * scale))), Image.Resampling.NEAREST
        )
        for plane, (across, up) in zip(planes, sizes_mm, strict=True)
    ]
    if labels is not None:
        tiles = [_outline(tile, plane, colours or {}) for tile, plane in zip(tiles, labels, strict=True)]
    sheet = Image.new("RGB", (sum(tile.width for tile in tiles) + 2 * GAP, max(tile.height for tile in tiles)))
    left = 0
    for tile in tiles:
        sheet.paste(tile, (left, 0))
        left += tile.width + GAP
    stream = io.BytesIO()
    sheet.save(stream, "PNG", optimize=True)
    return stream.getvalue()
