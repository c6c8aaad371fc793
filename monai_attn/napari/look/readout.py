"""What stands on the canvas as text: where the cursor is in the patient, what is there, and how the picture is drawn.

Works on a `ViewerModel`, without a window. Every sentence is made by a function of layers and a point.

`look.canvas` puts the texts on the canvas. Nothing is measured or rounded for use elsewhere: the texts are to be read.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from monai_attn.napari.layers.provenance import warnings_of
from monai_attn.napari.layers.volumes import (
    GROWING,
    compatible,
    is_moved,
    oblique_degrees,
    origin_of,
    patient_point,
    ras_of,
)
from monai_attn.napari.look.planes import shown_plane
from monai_attn.report.planes import LETTERS
from monai_attn.volume import Volume

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = [
    "coordinates",
    "cursor_text",
    "honesty_text",
    "place_text",
    "plane_place",
    "shown_grid",
    "shown_image",
    "value_text",
    "warning_banner",
    "window_text",
]

OBLIQUE_FROM_DEG = 0.1
"""Below this a grid counts as straight: headers in float32 turn a straight one by some thousandths of a degree."""

CUTS = {"axial": 2, "coronal": 1, "sagittal": 0}
"""The patient axis (R, A, S) that a plane cuts."""

BANNER_LETTERS, BANNER_LINES = 52, 6
"""The most letters of a line and the most lines of the warnings on the canvas, so that the image stays in view."""

UNIT_PREFIX = {"g/ml": "SUV "}
UNIT_SUFFIX = {"g/ml": ""}
"""SUV is the field's word for g/ml; other units follow the value."""


def shown_image(layers: Sequence[Layer]) -> Layer | None:
    """The image layer that a window applies to: the active one, else the topmost visible one; None without any.

    A PET that is added to an image below counts only where there is no other image.
    """
    active = getattr(getattr(layers, "selection", None), "active", None)
    images = [layer for layer in layers if layer._type_string == "image" and not layer.rgb]
    if active in images:
        return active
    visible = [layer for layer in images if layer.visible and _role(layer) == "image"]
    visible = [layer for layer in visible if str(layer.blending) != "additive"] or visible
    return (visible or [layer for layer in images if layer.visible] or [None])[-1]


def shown_grid(layers: Sequence[Layer]) -> Volume | None:
    """The grid by which coordinates are read: that of `shown_image`, else of the topmost visible layer that has one."""
    image = shown_image(layers)
    visible = [layer for layer in layers if layer.visible]
    origins = [origin_of(layer) for layer in [*visible, *([image] if image is not None else [])]]
    return next((origin.grid for origin in reversed(origins) if origin is not None), None)


def coordinates(point_ras_mm: Sequence[float]) -> str:
    """A point of the patient as one reads it: "R 12.3 A 4.0 I 55.1 mm".

    `point_ras_mm` is (R, A, S) in mm; negative numbers are written as the opposite letter.

        >>> coordinates((-12.34, 4.0, -55.1))
        'L 12.3  A 4.0  I 55.1 mm'
    """
    return "  ".join(_along(axis, point_ras_mm) for axis in range(3)) + " mm"


def value_text(value: float, unit: str) -> str:
    """A value with its unit: "35 HU", "SUV 3.21", "0.125"; "no value" for nan.

    Three digits below 1000, whole numbers from there on. `unit` is that of `Volume.unit`, "" for none.

        >>> value_text(35, "HU"), value_text(3.2149, "g/ml")
        ('35 HU', 'SUV 3.21')
        >>> value_text(999.7, "HU")
        '1000 HU'
    """
    if not math.isfinite(value):
        return "no value"
    number = f"{value:.0f}" if float(value).is_integer() or abs(value) >= 999.5 else f"{value:.3g}"
    return f"{UNIT_PREFIX.get(unit, '')}{number} {UNIT_SUFFIX.get(unit, unit)}".rstrip()


def label_text(layer: Layer, value: int) -> str:
    """The name of a label value, from the layer's features or its table; else "label 7"."""
    features = layer.features
    if "index" in features and "name" in features:
        named = features["name"][features["index"] == value]
        if len(named):
            return str(named.iloc[0])
    origin = origin_of(layer)
    table = origin.table if origin is not None else None
    return next((label.name for label in table or () if label.value == value), f"label {value}")


def cursor_text(viewer: ViewerModel, world: Sequence[float]) -> str:
    """The readout of a place: patient coordinates, then one line per visible layer, topmost first.

    "" in 3-D, where a place of the canvas is none of the patient, and outside of all layers.

    `world` is in napari's axes (S, P, L), in mm. Background and layers that the cursor misses give no line. In an
    oblique image the coordinates are those of the patient, not of the picture drawn upright.
    """
    if viewer.dims.ndisplay == 3 or len(world) < 3 or not len(viewer.layers) or not np.isfinite(world).all():
        return ""
    visible = [layer for layer in viewer.layers if layer.visible and layer._type_string in ("image", "labels")]
    lines = [line for layer in reversed(visible) if (line := _layer_line(layer, world))]
    if not lines:
        return ""
    grid = shown_grid(viewer.layers)
    return "\n".join([coordinates(_patient(grid, world[-3:])), *lines])


def place_text(viewer: ViewerModel) -> str:
    """The plane, where it cuts the patient, and the slab: "axial S 12.5 mm maximum of 10 mm".

    "3-D" in 3-D, and "" for a view along axes that are none of the patient's planes.
    """
    plane = shown_plane(viewer)
    if plane not in CUTS or viewer.dims.ndim < 3:
        return plane
    return plane_place(plane, shown_grid(viewer.layers), viewer.dims.point[-3:]) + _slab(viewer)


def plane_place(plane: str, grid: Volume | None, world: Sequence[float]) -> str:
    """Where a plane, such as "axial", through a place of the world cuts the patient: "axial S 12.5 mm".

    `grid` None means a world along the patient's axes; `world` is (S, P, L) in mm.
    """
    return f"{plane}  {_along(CUTS[plane], _patient(grid, world))} mm"


def window_text(layer: Layer | None) -> str:
    """The window that an image is drawn with: "window 40/400 HU"; "" without an image.

    Centre and width, in the unit of the image; maps of a network have no unit.
    """
    if layer is None:
        return ""
    lower, upper = (float(limit) for limit in layer.contrast_limits)
    origin = origin_of(layer)
    unit = origin.grid.unit if origin is not None and origin.role == "image" else ""
    return f"window {_short((lower + upper) / 2)}/{_short(upper - lower)} {unit}".rstrip()


def honesty_text(layers: Sequence[Layer]) -> str:
    """What the eye cannot see, one line each; "" when there is nothing to say.

    The image is oblique, sheared or resampled, or another layer lies in another direction, or one was moved in napari.
    """
    grid = shown_grid(layers)
    if grid is None:
        return ""
    visible = [(layer, origin) for layer in layers if layer.visible and (origin := origin_of(layer)) is not None]
    lines = [f"{layer.name}: {_for_looking(origin)}" for layer, origin in visible if origin.display_only]
    if oblique_degrees(grid) >= OBLIQUE_FROM_DEG:
        lines.insert(0, f"oblique {oblique_degrees(grid):.1f}°, drawn upright")
    if grid.is_sheared:
        lines.append("slices are sheared (gantry tilt), drawn upright")
    lines += [f"{layer.name}: lies in another direction, does not overlay" for layer in _astray(visible, grid)]
    lines += [
        f"{layer.name}: moved in napari, not where it lies in the patient" for layer, _ in visible if is_moved(layer)
    ]
    return "\n".join(lines)


def warning_banner(layers: Sequence[Layer]) -> str:
    """The warnings on the masks that are visible, for the canvas and its screenshots; "" for none.

    Lines of at most `BANNER_LETTERS`; a text of more than `BANNER_LINES` lines is cut with an ellipsis. Masks with the
    same warnings are named once.
    """
    masks = [layer for layer in layers if layer.visible and layer._type_string == "labels"]
    texts = dict.fromkeys(text for layer in masks for text in warnings_of(layer))
    if not texts:
        return ""
    lines = ["CHECK this mask before it is used"]
    lines += [line for text in texts for line in textwrap.wrap(text, BANNER_LETTERS)]
    return "\n".join(lines if len(lines) <= BANNER_LINES else [*lines[: BANNER_LINES - 1], "..."])


def _along(axis: int, point_ras_mm: Sequence[float]) -> str:
    """One coordinate with its letter: "R 12.3"."""
    value = round(float(point_ras_mm[axis]), 1)
    return f"{LETTERS[axis][int(value >= 0)]} {abs(value):.1f}"


def _patient(grid: Volume | None, world: Sequence[float]) -> Sequence[float]:
    return ras_of(world) if grid is None else patient_point(grid, world)


def _astray(visible: Iterable[tuple[Layer, Any]], grid: Volume) -> list[Layer]:
    """The visible layers that do not overlay on a grid."""
    return [layer for layer, origin in visible if not compatible(origin.grid, grid)]


def _for_looking(origin: Any) -> str:
    return "not finished yet" if origin.role == GROWING else "resampled for display"


def _layer_line(layer: Layer, world: Sequence[float]) -> str:
    """A layer's value at a place; "" outside of it, on background, and for values of other kinds (colours)."""
    value = layer.get_value(world, world=True)
    value = value[1] if isinstance(value, tuple) else value  # (level, value) of a pyramid
    if value is None or np.ndim(value) != 0:
        return ""
    if layer._type_string == "labels":
        return f"{layer.name}: {label_text(layer, int(value))}" if value else ""
    origin = origin_of(layer)
    unit = origin.grid.unit if origin is not None and origin.role == "image" else ""
    return f"{layer.name}: {value_text(float(value), unit)}"


def _slab(viewer: ViewerModel) -> str:
    layer = shown_image(viewer.layers)
    mode = "none" if layer is None else str(layer.projection_mode)
    thickness = sum(viewer.dims.thickness[axis] for axis in viewer.dims.not_displayed[-1:])
    names = {"max": "maximum", "mean": "mean", "min": "minimum"}
    return f"  {names[mode]} of {_short(thickness)} mm" if mode in names and thickness > 0 else ""


def _role(layer: Layer) -> str:
    origin = origin_of(layer)
    return "image" if origin is None else origin.role


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
