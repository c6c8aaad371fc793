"""Key images: a whole case, one structure, one lesion, in three planes with contours.

The case page asks for `overview` once and for `key_picture` of each structure and lesion. `save_picture` is for the
demo. All pictures follow the radiological convention and carry a scale bar, the position in mm and the window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.io import write_bytes_atomic
from monai_attn.labels import LabelTable
from monai_attn.measure import Lesion, Structure
from monai_attn.measure.blocks import Block, Mask, label_counts
from monai_attn.notice import RESEARCH_USE
from monai_attn.report.drawing import Scene, annotate, contour, on_bright, plain, scale_bar, sheet, show, to_png, view
from monai_attn.report.planes import PLANES, Plane, cut, fullest, position, tilt_deg, to_ras
from monai_attn.report.window import window_of
from monai_attn.volume import Volume

__all__ = ["Target", "key_picture", "overview", "save_picture"]

MARGIN_MM = 15.0
"""The margin around a structure in an enlarged picture."""

SMALLEST_FIELD_MM = 50.0
"""The shortest edge of an enlarged picture, so that the anatomy around the structure is recognised."""

TILT_WORTH_SAYING_DEG = 0.5
"""The picture says the angle of a tilted plane from this angle on."""

NAMES_IN_A_LINE = 4
"""The legend of a picture has so many names in a line."""

NAMES = 39
"""The legend names so many structures; of more it names the largest, and counts the rest in one place more."""

REFERENCE = "#ffffff"
"""The colour of contours of the reference: white, dashed."""

FOOTER = (
    "Radiological convention: the patient's right is on the left of axial and coronal planes.   "
    + RESEARCH_USE.rstrip(".")
)


@dataclass(frozen=True)
class Target:
    """What a picture is about: a mask in its block, with axes right, forward, up, and the way to draw the mask.

    `start` is where the block begins in the scene's grid.

    `mask` is the block alone. `axial_lines_mm` holds the two ends of each diameter in mm of the patient (RAS+); it is
    empty for a structure that is no lesion.
    """

    mask: Mask
    start: tuple[int, int, int]
    value: int
    colour: str
    axial_lines_mm: tuple[tuple[Any, Any], ...] = ()

    @classmethod
    def of(cls, scene: Scene, labels: Volume, block: Block, mask: Mask, measured: Structure) -> Target:
        """The target of a mask in a block of the label map, before the label map was turned for the scene."""
        part = to_ras(labels.crop(block).with_array(mask))
        i, j, k = (int(x) for x in np.rint(scene.image.to_index(part.to_world([0, 0, 0]))))
        lines = (measured.axial_ends_mm, measured.perpendicular_ends_mm) if isinstance(measured, Lesion) else ()
        turned = np.asarray(part.array, dtype=bool)
        return cls(turned, (i, j, k), measured.value, scene.table[measured.value].colour, lines)


def save_picture(
    path: str | Path, image: Volume, labels: Volume, table: LabelTable, *, title: str, overwrite: bool = False
) -> None:
    """Write `overview` as a PNG, with a title.

    Raises `FileError` when the file exists without `overwrite`, and `InputError` without matplotlib.
    """
    scene = Scene.of(image, labels, table, window_of(image))
    write_bytes_atomic(path, overview(scene, title), overwrite=overwrite)


def overview(scene: Scene, title: str = "", *, reference: bool = False) -> bytes:
    """A PNG of axial, coronal and sagittal planes, whole above and enlarged below, with contours of all labels.

    Each plane lies where the labels cover most of the plane, and in the middle of the image when there are no labels.
    The planes are those of the voxel grid. For an oblique image the letters name the closest direction, and the tilt is
    written into the picture. With `reference` the labels of the scene's reference are drawn too, dashed and white.
    """
    top = 0.95 if title else 0.995
    handles = _legend(scene)
    bottom = 0.045 + 0.027 * math.ceil(len(handles) / NAMES_IN_A_LINE)
    high = (top - bottom) / 2
    rows = (top - high, bottom)
    figure, axes = sheet(12, 8.2, [(column / 3, row, 1 / 3, high - 0.01) for row in rows for column in range(3)])
    if title:
        figure.text(0.5, 0.975, plain(title), color="white", fontsize=13, ha="center", va="center")
    middle, field_mm = _around(scene.labels.array, (0, 0, 0), scene.image)
    edges = np.array(scene.image.spacing_mm)
    whole_mm = float(max(scene.image.shape * edges))
    for column, plane in enumerate(PLANES):
        index = fullest(scene.labels.array, plane.cuts)
        whole, enlarged = axes[column], axes[3 + column]
        centre = (np.array(scene.image.shape) - 1) / 2
        centre[plane.cuts] = index
        for axis, at_mm, size_mm in ((whole, centre * edges, whole_mm), (enlarged, middle, field_mm)):
            show(axis, scene, plane, index)
            view(axis, at_mm[[plane.across, plane.up]], size_mm)
            _contours(axis, scene, plane, index)
            if reference:
                _reference_contours(axis, scene, plane, index)
            scale_bar(axis)
        annotate(whole, plane, *_about(scene, plane, centre))
        annotate(enlarged, plane)
    figure.legend(
        handles=handles,
        loc="lower center",
        ncols=NAMES_IN_A_LINE,
        frameon=False,
        labelcolor="white",
        title=FOOTER,
        title_fontproperties={"size": 9},
    ).get_title().set_color("white")
    return to_png(figure, dpi=110)


def _legend(scene: Scene) -> list[Any]:
    """A line for each structure in the order of the table; of many the largest, and how many more there are."""
    if len(scene.table) <= NAMES:
        return [_line(label.colour, label.name) for label in scene.table]
    voxels = label_counts(scene.labels.array)
    largest = sorted((label.value for label in scene.table), key=lambda value: -voxels.get(value, 0))[:NAMES]
    named = [_line(label.colour, label.name) for label in scene.table if label.value in set(largest)]
    return [*named, _line("none", f"and {len(scene.table) - NAMES} more")]


def key_picture(scene: Scene, target: Target) -> bytes:
    """A PNG of one structure or lesion where its section is largest, in three planes at one scale.

    The contour of the structure is thick, and contours of other labels are thin. The same label in the reference has a
    dashed white contour. The diameters of a lesion are drawn where they were measured in the largest axial section.
    """
    figure, axes = sheet(12.6, 4.2, [(column / 3 + 0.001, 0, 1 / 3 - 0.002, 1) for column in range(3)])
    middle, field_mm = _around(target.mask, target.start, scene.image)
    for axis, plane in zip(axes, PLANES, strict=True):
        within = _section(scene, target, plane)
        index = within + target.start[plane.cuts]
        show(axis, scene, plane, index)
        view(axis, middle[[plane.across, plane.up]], field_mm)
        _contours(axis, scene, plane, index, target)
        start = target.start[plane.across], target.start[plane.up]
        inside = cut(target.mask, plane, within).astype(bool)
        contour(axis, inside, _spacing(scene, plane), target.colour, start=start, linewidths=1.8)
        if plane.name == "axial":
            _diameters(axis, scene, plane, index, target)
        section = np.argwhere(inside.T).mean(axis=0)
        centre = np.insert(section, plane.cuts, within) + target.start
        annotate(axis, plane, *_about(scene, plane, centre))
        scale_bar(axis)
    return to_png(figure)


def _contours(axis: Any, scene: Scene, plane: Plane, index: int, target: Target | None = None) -> None:
    """Draw all labels; with a target only the other labels, thin, and the target's label in the reference."""
    drawn = cut(scene.labels.array, plane, index)
    spacing = _spacing(scene, plane)
    for label in scene.table:
        if target is None or label.value != target.value:
            contour(axis, drawn == label.value, spacing, label.colour, linewidths=1.4 if target is None else 0.7)
    if target is None:
        return
    same = (drawn == target.value) & ~_inside(target, plane, index, drawn.shape)
    contour(axis, same, spacing, target.colour, linewidths=0.7)  # other lesions of the label
    if scene.reference is not None:
        expected = cut(scene.reference.array, plane, index) == target.value
        contour(axis, expected, spacing, REFERENCE, dark_edge=True, linewidths=1.5, linestyles="dashed")


def _reference_contours(axis: Any, scene: Scene, plane: Plane, index: int) -> None:
    """Draw the labels of the reference in one slice; nothing where the scene has no reference."""
    if scene.reference is not None:
        drawn = cut(scene.reference.array, plane, index)
        for label in scene.table:
            one, spacing = drawn == label.value, _spacing(scene, plane)
            contour(axis, one, spacing, REFERENCE, dark_edge=True, linewidths=0.9, linestyles="dashed")


def _inside(target: Target, plane: Plane, index: int, shape: tuple[int, ...]) -> Mask:
    """The target in a whole slice of the scene, `(rows, columns)`."""
    part = cut(target.mask, plane, index - target.start[plane.cuts]).astype(bool)
    row, column = target.start[plane.up], target.start[plane.across]
    whole = np.zeros(shape, bool)
    whole[row : row + part.shape[0], column : column + part.shape[1]] = part
    return whole


def _section(scene: Scene, target: Target, plane: Plane) -> int:
    """The slice of the target's block with the largest section; of several, the slice of the diameters if possible."""
    within = fullest(target.mask, plane.cuts)
    if plane.name != "axial" or not target.axial_lines_mm:
        return within
    ends = scene.image.to_index(target.axial_lines_mm[0])
    measured = int(np.rint(ends[0, plane.cuts])) - target.start[plane.cuts]
    sections = np.count_nonzero(target.mask, axis=(plane.across, plane.up))
    same = 0 <= measured < sections.size and sections[measured] == sections[within]
    return measured if same else within


def _diameters(axis: Any, scene: Scene, plane: Plane, index: int, target: Target) -> None:
    """Draw the diameters of a lesion where this slice is the slice in which they were measured."""
    for ends in target.axial_lines_mm:
        points = scene.image.to_index(ends)  # (2, 3)
        if np.abs(points[:, plane.cuts] - index).max() < 0.5:
            x, y = (points[:, direction] * scene.image.spacing_mm[direction] for direction in (plane.across, plane.up))
            axis.plot(x, y, color="white", linewidth=1.3, marker="+", markersize=6, path_effects=on_bright(2.6))


def _around(mask: NDArray[np.generic], start: tuple[int, int, int], grid: Volume) -> tuple[Any, float]:
    """Millimetres of the middle of a mask along the axes, and the edge of the square that shows it with a margin."""
    ends = []
    for axis in range(3):
        found = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))
        first, last = (found[0], found[-1]) if found.size else (0, mask.shape[axis] - 1)
        ends.append((np.array([first, last]) + start[axis]) * grid.spacing_mm[axis])
    sides = np.array([high - low for low, high in ends])
    return np.array([(low + high) / 2 for low, high in ends]), max(
        float(sides.max()) + 2 * MARGIN_MM, SMALLEST_FIELD_MM
    )


def _about(scene: Scene, plane: Plane, index: Any) -> list[str]:
    """Plane and place, the window, and how far the plane is from the patient's own."""
    tilt = tilt_deg(scene.image, plane)
    oblique = [f"tilted {tilt:.0f}°"] if tilt >= TILT_WORTH_SAYING_DEG else []
    return [f"{plane.name}  {position(scene.image, plane, index)}", scene.window.text, *oblique]


def _spacing(scene: Scene, plane: Plane) -> tuple[float, float]:
    """Millimetres between two columns and between two rows of a plane."""
    return scene.image.spacing_mm[plane.across], scene.image.spacing_mm[plane.up]


def _line(colour: str, name: str) -> Any:
    """A line of the legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, label=plain(name))
