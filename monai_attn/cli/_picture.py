"""A label map on its image, in three planes, as one PNG."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.io import atomic_path
from monai_attn.volume import Volume

if TYPE_CHECKING:
    from monai_attn.labels import LabelTable

__all__ = ["PLANES", "Plane", "save_picture", "to_ras"]

MARGIN_MM = 15.0
"""Around the structures, in the enlarged row."""

FOOTER = (
    "Radiological convention: the patient's right is on the left of axial and coronal planes.   "
    "Research use only, not a medical device"
)


@dataclass(frozen=True)
class Plane:
    """How a plane of an RAS+ array is looked at: the axis it cuts, the axes drawn rightwards and upwards.

    `left`, `right`, `top` and `bottom` are the letters at its edges; `mirrored` where the drawn axis runs leftwards.
    """

    name: str
    cuts: int
    across: int
    up: int
    mirrored: bool
    left: str
    right: str
    bottom: str
    top: str


PLANES = (
    Plane("axial", cuts=2, across=0, up=1, mirrored=True, left="R", right="L", bottom="P", top="A"),
    Plane("coronal", cuts=1, across=0, up=2, mirrored=True, left="R", right="L", bottom="I", top="S"),
    Plane("sagittal", cuts=0, across=1, up=2, mirrored=True, left="A", right="P", bottom="I", top="S"),
)
"""Radiological convention: seen from the patient's feet, front and left."""


def save_picture(
    path: str | Path, image: Volume, labels: Volume, table: LabelTable, *, title: str, overwrite: bool = False
) -> None:
    """Write a PNG of axial, coronal and sagittal planes, whole above and enlarged below, with contours of the labels.

    Each plane is where the labels cover most of it; the middle when there are none. The planes are those of the
    voxel grid, so for an oblique image the letters name the closest direction.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 8.2), facecolor="black", layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, color="white", fontsize=13)
    axes = figure.subplots(2, 3)
    image, labels = to_ras(image), to_ras(labels)
    for column, plane in enumerate(PLANES):
        _draw(axes[0, column], plane, image, labels, table)
        _draw(axes[1, column], plane, image, labels, table)
        _enlarge(axes[1, column], plane, labels)
        axes[0, column].set_title(plane.name, color="white", fontsize=11)
        _scale_bar(axes[0, column], 50)
        _scale_bar(axes[1, column], 10)
    figure.legend(
        handles=[_line(label.colour, label.name) for label in table],
        loc="outside lower center",
        ncols=4,
        frameon=False,
        labelcolor="white",
        title=FOOTER,
        title_fontproperties={"size": 9},
    ).get_title().set_color("white")
    with atomic_path(path, overwrite=overwrite) as temporary:
        figure.savefig(temporary, dpi=110)


def to_ras(volume: Volume) -> Volume:
    """The same voxels with the axes reordered and flipped so that I, J, K point right, forward and up."""
    order = [next(i for i, letter in enumerate(volume.orientation) if letter in pair) for pair in ("RL", "AP", "SI")]
    flip = [volume.orientation[i] in "LPI" for i in order]
    step = np.zeros((4, 4))
    step[3, 3] = 1
    for new, (old, flipped) in enumerate(zip(order, flip, strict=True)):
        step[old, new] = -1 if flipped else 1
        step[old, 3] = volume.shape[old] - 1 if flipped else 0
    array = np.flip(volume.array.transpose(order), tuple(axis for axis, flipped in enumerate(flip) if flipped))
    return Volume(array, volume.affine @ step, volume.modality, volume.unit)


def _draw(axis: Any, plane: Plane, image: Volume, labels: Volume, table: LabelTable) -> None:
    spacing = image.spacing_mm
    index = _fullest(labels.array, plane.cuts)
    picture = _cut(image.array, plane, index)
    rows, columns = picture.shape
    dx, dy = spacing[plane.across], spacing[plane.up]
    limits = (-dx / 2, (columns - 0.5) * dx, -dy / 2, (rows - 0.5) * dy)  # pixel centres at whole multiples of dx, dy
    top = float(np.percentile(image.array.astype(np.float32), 99.8))
    axis.imshow(picture, cmap="gray", vmin=0, vmax=top or 1, extent=limits, origin="lower", interpolation="nearest")
    drawn = _cut(labels.array, plane, index)
    for label in table:
        if (drawn == label.value).any():
            where = np.arange(columns) * dx, np.arange(rows) * dy
            axis.contour(*where, drawn == label.value, levels=[0.5], colors=label.colour, linewidths=1.4)
    axis.set_xlim(*(limits[1::-1] if plane.mirrored else limits[:2]))
    axis.set_ylim(*limits[2:])
    axis.set_axis_off()
    edges = {plane.left: (0.03, 0.5), plane.right: (0.97, 0.5), plane.bottom: (0.5, 0.03), plane.top: (0.5, 0.97)}
    for letter, (x, y) in edges.items():
        axis.text(x, y, letter, color="yellow", transform=axis.transAxes, ha="center", va="center", fontsize=11)


def _enlarge(axis: Any, plane: Plane, labels: Volume) -> None:
    """Show only the structures and a margin around them."""
    for direction, (lower, upper) in ((plane.across, axis.get_xlim()), (plane.up, axis.get_ylim())):
        found = np.flatnonzero(labels.array.any(axis=tuple({0, 1, 2} - {direction})))
        if found.size == 0:
            continue
        ends = found[[0, -1]] * labels.spacing_mm[direction] + [-MARGIN_MM, MARGIN_MM]
        ends = ends[::-1] if lower > upper else ends
        (axis.set_xlim if direction == plane.across else axis.set_ylim)(*ends)


def _scale_bar(axis: Any, length_mm: float) -> None:
    (x0, x1), (y0, y1) = axis.get_xlim(), axis.get_ylim()
    x, y = x0 + 0.06 * (x1 - x0), y0 + 0.06 * (y1 - y0)
    axis.plot([x, x + np.sign(x1 - x0) * length_mm], [y, y], color="white", linewidth=2.5, solid_capstyle="butt")
    axis.text(x, y + 0.015 * (y1 - y0), f"{length_mm:g} mm", color="white", fontsize=9, ha="left", va="bottom")


def _fullest(labels: NDArray[np.generic], axis: int) -> int:
    """The index along an axis whose plane holds most labelled voxels; the middle without any."""
    counts = np.count_nonzero(labels, axis=tuple({0, 1, 2} - {axis}))
    return int(np.argmax(counts)) if counts.any() else labels.shape[axis] // 2


def _cut(array: NDArray[np.generic], plane: Plane, index: int) -> NDArray[np.generic]:
    """The plane as rows (upwards) and columns (rightwards in the array, leftwards on the page when mirrored)."""
    cut: NDArray[np.generic] = np.take(array, index, axis=plane.cuts)
    return cut.T


def _line(colour: str, name: str) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, label=name)
