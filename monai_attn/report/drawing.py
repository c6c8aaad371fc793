"""One plane of an image on matplotlib axes: grey values, contours, letters, scale bar, and what they are.

`monai_attn.report.pictures` composes pictures from these parts, and `monai_attn.report.plots` takes the empty figure
and the PNG. Nothing here decides which slice is shown; nothing resamples an image.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import InputError
from monai_attn.labels import LabelTable
from monai_attn.report.planes import Plane, cut, to_ras
from monai_attn.report.window import GreyWindow
from monai_attn.volume import Volume

__all__ = [
    "Scene",
    "annotate",
    "check_matplotlib",
    "contour",
    "new_figure",
    "on_bright",
    "plain",
    "scale_bar",
    "sheet",
    "show",
    "to_png",
    "view",
]

BAR_LENGTHS_MM = (1, 2, 5, 10, 20, 50, 100, 200)
"""The round lengths that a scale bar may have."""

FINE = 5
"""A contour leaves the edge of a voxel by less than one part in so many."""

SMALL_VOXELS = 200
"""With more voxels than this across a picture, voxels are about as small as pixels, and their corners do not show."""

INK = {"color": "#ffe34d", "fontsize": 10, "fontweight": "bold"}
"""How letters and texts look in a picture: bold and light yellow."""


@dataclass(frozen=True)
class Scene:
    """What the pictures of one case show: image, label map and reference, all with axes right, forward, up.

    Directions are those of the closest patient axes: the voxels are reordered and flipped, never interpolated. The
    grid of an oblique image stays oblique.
    """

    image: Volume
    labels: Volume
    table: LabelTable
    window: GreyWindow
    reference: Volume | None = None

    @classmethod
    def of(
        cls, image: Volume, labels: Volume, table: LabelTable, window: GreyWindow, reference: Volume | None = None
    ) -> Scene:
        """The scene of volumes of any orientation, all on one grid.

        The caller has checked the grids; nothing is checked again.
        """
        return cls(to_ras(image), to_ras(labels), table, window, to_ras(reference) if reference is not None else None)


def check_matplotlib() -> None:
    """Raise `InputError` where matplotlib is missing, and say how to get it."""
    if find_spec("matplotlib") is None:
        raise InputError('The report needs matplotlib. Install it with: pip install "monai_attn[report]"')


def new_figure(width_inches: float, height_inches: float, **options: Any) -> Any:
    """A figure that needs no window and leaves matplotlib's global state alone.

    The size is in inches, and `options` go to matplotlib's `Figure`. Raises `InputError` without matplotlib.
    """
    check_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_inches, height_inches), **options)
    FigureCanvasAgg(figure)
    return figure


Place = tuple[float, float, float, float]
"""Left, bottom, width and height of axes, as shares of the figure."""

_SHEETS = threading.local()
"""The sheets of each thread: making axes takes as long as drawing on them."""


def sheet(width_inches: float, height_inches: float, places: Sequence[Place]) -> tuple[Any, list[Any]]:
    """A black figure with empty axes at some places, which is emptied and given again for the next picture.

    Raises `InputError` without matplotlib.
    """
    known = _SHEETS.__dict__
    key = f"{width_inches} x {height_inches}, {len(places)}"
    if key not in known:
        figure = new_figure(width_inches, height_inches, facecolor="black")
        known[key] = figure, [figure.add_axes(place) for place in places]
    figure, axes = known[key]
    for owner in (figure, *axes):
        for artist in (*owner.images, *owner.lines, *owner.texts, *getattr(owner, "collections", ())):
            artist.remove()
    for legend in list(figure.legends):
        legend.remove()
    for axis, place in zip(axes, places, strict=True):
        axis.set_position(place)
    return figure, axes


def plain(text: str) -> str:
    """A name for matplotlib, which would take what stands between two dollar signs for a formula.

    >>> plain("PTV $5$")
    'PTV \\\\$5\\\\$'
    """
    return text.replace("$", r"\$")


def to_png(figure: Any, dpi: int = 100) -> bytes:
    """The figure as a PNG file, without date and version, so that the same input gives the same file.

    `dpi` is the number of pixels in an inch of the figure.
    """
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, metadata={"Software": None}, pil_kwargs={"compress_level": 3})
    return stream.getvalue()


def show(axis: Any, scene: Scene, plane: Plane, index: int) -> None:
    """Draw the grey values of a slice; axes are millimetres from the first voxel's centre. A NaN is black.

    `index` counts along the axis that the plane cuts. The axis that is drawn across runs leftwards, as radiologists
    look at images. Voxels have their true proportions in mm.
    """
    picture = cut(scene.image.array, plane, index)
    rows, columns = picture.shape
    dx, dy = (scene.image.spacing_mm[direction] for direction in (plane.across, plane.up))
    limits = (-dx / 2, (columns - 0.5) * dx, -dy / 2, (rows - 0.5) * dy)
    window = scene.window
    axis.imshow(
        np.nan_to_num(picture.astype(np.float32), nan=window.lower, posinf=window.upper, neginf=window.lower),
        cmap="gray",
        vmin=window.lower,
        vmax=window.upper,
        extent=limits,
        origin="lower",
        interpolation="antialiased",
    )
    axis.set_xlim(limits[1], limits[0])
    axis.set_ylim(limits[2], limits[3])
    axis.set_axis_off()


def view(axis: Any, centre_mm: Iterable[float], field_mm: float) -> None:
    """Limit the axis to a square around a point of the plane; centre and edge length of the square are in mm.

    `centre_mm` has two numbers, across and up, counted from the centre of the first voxel of the grid.
    """
    x, y = centre_mm
    axis.set_xlim(x + field_mm / 2, x - field_mm / 2)
    axis.set_ylim(y - field_mm / 2, y + field_mm / 2)


def contour(
    axis: Any,
    inside: NDArray[np.bool_],
    spacing_mm: tuple[float, float],
    colour: str,
    *,
    start: tuple[int, int] = (0, 0),
    dark_edge: bool = False,
    **style: Any,
) -> None:
    """Draw the outline of a mask `(rows, columns)` along the edges of its voxels; nothing where no voxel is in view.

    `start` is the column and row of the mask's first pixel, and `spacing_mm` the spacing of columns and rows. `style`
    is passed to matplotlib's `contour`. Set the view of the axis before, because only the part in view is computed.

    `colour` is `#rrggbb`. With `dark_edge` a dark line lies under the contour, for light colours on bright tissue.
    """
    limits = axis.get_xlim(), axis.get_ylim()
    seen = [_seen(limit, step, first) for limit, step, first in zip(limits, spacing_mm, start, strict=True)]
    inside = inside[seen[1], seen[0]]
    if not inside.any():
        return
    rows, columns = (np.flatnonzero(inside.any(axis=other)) for other in (1, 0))
    tight = inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    closed = np.pad(tight, 1)  # so that the outline of a mask cut by the image's edge closes
    parts = FINE if max(closed.shape) <= SMALL_VOXELS else 1
    fine = closed.repeat(parts, axis=0).repeat(parts, axis=1)  # else the outline cuts the corners of voxels
    corner = columns[0] + seen[0].start + start[0], rows[0] + seen[1].start + start[1]
    x, y = (
        (first - 1.5 + (np.arange(size) + 0.5) / parts) * step
        for first, size, step in zip(corner, fine.shape[::-1], spacing_mm, strict=True)
    )
    drawn = axis.contour(x, y, fine, levels=[0.5], colors=[colour], **style)
    if dark_edge:
        drawn.set_path_effects(on_bright(2.6))


def _seen(limit: tuple[float, float], step_mm: float, start: int) -> slice:
    """The pixels within the limits of an axis, and two more on either side, where a cut does not show."""
    low, high = (edge / step_mm - start for edge in sorted(limit))
    return slice(max(0, int(np.floor(low)) - 2), max(0, int(np.ceil(high)) + 3))


def annotate(axis: Any, plane: Plane, *lines: str) -> None:
    """Letters at the four edges, and lines of text at the upper left.

    The letters are those of the plane: R, L, A, P, S, I.
    """
    edges = {plane.left: (0.03, 0.5), plane.right: (0.97, 0.5), plane.bottom: (0.5, 0.03), plane.top: (0.5, 0.97)}
    middle: dict[str, Any] = {"ha": "center", "va": "center"}
    texts = [(letter, x, y, middle) for letter, (x, y) in edges.items()]
    texts.append(("\n".join(lines), 0.02, 0.98, {"ha": "left", "va": "top", "linespacing": 1.3}))
    for text, x, y, where in texts:
        axis.text(x, y, text, transform=axis.transAxes, path_effects=on_bright(), **where, **INK)


def scale_bar(axis: Any) -> None:
    """A bar of a round length, at most a quarter of the picture, at its lower left.

    The lengths are `BAR_LENGTHS_MM`. In a picture narrower than 4 mm the bar has 1 mm.
    """
    (x0, x1), (y0, y1) = axis.get_xlim(), axis.get_ylim()
    length_mm = max((length for length in BAR_LENGTHS_MM if length <= abs(x1 - x0) / 4), default=BAR_LENGTHS_MM[0])
    x, y = x0 + 0.05 * (x1 - x0), y0 + 0.05 * (y1 - y0)
    bar = [x, x + np.sign(x1 - x0) * length_mm]
    axis.plot(bar, [y, y], color="white", linewidth=2.5, solid_capstyle="butt", path_effects=on_bright(4.5))
    label = f"{length_mm} mm"
    axis.text(x, y + 0.015 * (y1 - y0), label, color="white", fontsize=9, va="bottom", path_effects=on_bright())


def on_bright(width: float = 2.0) -> list[Any]:
    """A dark edge that keeps light lines and letters readable on bright tissue."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=width, foreground="black")]
