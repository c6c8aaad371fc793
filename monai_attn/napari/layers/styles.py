"""How each structure of a labels layer is shown, and its name: kept on the layer, drawn through its colormap.

The styles belong to the session: opacity, lock and visibility are not saved. Names and colours stand in the label
table, which is written beside the mask. The Structures panel calls these functions, and every panel reads
`layer_table`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from monai_attn.errors import InputError
from monai_attn.labels import Label, LabelTable, default_colour
from monai_attn.napari.layers.colours import ready_to_draw
from monai_attn.napari.layers.volumes import META, UNNAMED_COLOUR, Origin, grid_of, label_features, origin_of

if TYPE_CHECKING:
    from napari.layers import Labels, Layer
    from napari.utils.colormaps import DirectLabelColormap

__all__ = [
    "STYLES",
    "Style",
    "adopt",
    "extended",
    "layer_table",
    "locked_values",
    "recolour",
    "rename",
    "restyle",
    "shown_values",
    "style_of",
    "styled_colormap",
]

STYLES = "monai_attn_styles"
"""Key of the styles, by label value, in a layer's metadata."""


@dataclass(frozen=True)
class Style:
    """How one structure is shown; its colour stands in the label table, which is saved with the mask.

    `opacity` is between 0 and 1, beside that of the whole layer. While any structure is `solo`, only such are shown.
    Painting leaves a `locked` one as it is (`_strokes.keep_locked`).

    Raises `InputError` for an opacity outside of 0 to 1.
    """

    visible: bool = True
    solo: bool = False
    locked: bool = False
    opacity: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.opacity <= 1:
            raise InputError(f"An opacity lies between 0 and 1 (0 and 100 %), not {self.opacity}.")


def layer_table(layer: Labels) -> LabelTable:
    """The names and colours of a layer; empty for one that nobody named."""
    origin = origin_of(layer)
    return origin.table or LabelTable() if origin is not None else LabelTable()


def adopt(layer: Labels, values: Iterable[int] = (), layers: Iterable[Layer] = ()) -> LabelTable:
    """Name those of the values that the layer's table lacks, and remember the table on the layer.

    A layer made in napari gets the grid of the image it lies on, and keeps its colours; for others a new label gets
    the colour of its number. Raises `GeometryError` as `grid_of` does.
    """
    origin, table = origin_of(layer), layer_table(layer)
    if origin is None:
        grid = grid_of(layer, layers)
        _keep(layer, Origin(grid, None, extended(table, values, lambda value: _shown(layer, value)), "labels"))
    elif origin.table is None or set(values) - {0, *(label.value for label in table)}:
        _keep(layer, replace(origin, table=extended(table, values)))
    return layer_table(layer)


def extended(table: LabelTable, values: Iterable[int], colour_of: Callable[[int], str] = default_colour) -> LabelTable:
    """A table that names all of the values, those it lacks "label N".

    Background (0) gets no name. A name that is taken already gets an apostrophe.

        >>> [label.name for label in extended(LabelTable.of_names({1: "liver"}), [0, 1, 7])]
        ['liver', 'label 7']
    """
    taken = {label.name for label in table}
    new = set(values) - {0, *(label.value for label in table)}
    added = (Label(value, _free(f"label {value}", taken), colour_of(value)) for value in sorted(new))
    return LabelTable((*table, *added))


def rename(layer: Labels, value: int, name: str) -> None:
    """Give a structure another name. Raises `LabelError` for an empty name and one that is taken.

    Blanks around the name are dropped. Only the table of the layer changes, not a file.
    """
    _change_label(layer, value, name=name.strip())


def recolour(layer: Labels, value: int, colour: str) -> None:
    """Give a structure another colour, `#rrggbb`.

    Drawn at once. Raises `LabelError` for a text that is no colour.
    """
    _change_label(layer, value, colour=colour)


def restyle(layer: Labels, value: int, **changes: Any) -> None:
    """Change fields of a structure's `Style`, and show it so.

    `changes` are fields of `Style`. A lock changes nothing that is seen, so that the layer is not drawn again for a
    lock.
    """
    styles = {**_styles(layer), value: replace(style_of(layer, value), **changes)}
    layer.metadata[STYLES] = styles
    if set(changes) != {"locked"}:
        layer.colormap = ready_to_draw(styled_colormap(layer_table(layer), styles), layer.data.dtype)


def style_of(layer: Labels, value: int) -> Style:
    """How a structure is shown; one that nobody touched is visible, opaque and free."""
    return _styles(layer).get(value, Style())


def locked_values(layer: Labels) -> frozenset[int]:
    """The structures that painting leaves alone.

    Empty where nothing is locked. The lock is obeyed by `strokes.keep_locked`.
    """
    return frozenset(value for value, style in _styles(layer).items() if style.locked)


def shown_values(table: LabelTable, styles: Mapping[int, Style]) -> list[int]:
    """The labels of a table that are shown: those visible, or where any is solo, only such.

    >>> table = LabelTable.of_names({1: "liver", 2: "spleen"})
    >>> shown_values(table, {1: Style(visible=False)}), shown_values(table, {1: Style(solo=True)})
    ([2], [1])
    """
    alone = any(style.solo for style in styles.values())
    chosen = ((label.value, styles.get(label.value, Style())) for label in table)
    return [value for value, style in chosen if (style.solo if alone else style.visible)]


def styled_colormap(table: LabelTable, styles: Mapping[int, Style]) -> DirectLabelColormap:
    """The colours of a table with the opacity of each style; what is not shown is clear.

    Labels that the table does not name are grey, or clear while any structure is `solo`.
    """
    from napari.utils.colormaps import DirectLabelColormap

    shown = set(shown_values(table, styles))
    colours: dict[int | None, Any] = {None: UNNAMED_COLOUR, 0: "transparent"}
    if any(style.solo for style in styles.values()):
        colours[None] = "transparent"
    for label in table:
        alpha = styles.get(label.value, Style()).opacity if label.value in shown else 0.0
        colours[label.value] = np.array([*label.rgb, alpha], np.float32)
    return DirectLabelColormap(color_dict=colours)


def _styles(layer: Labels) -> dict[int, Style]:
    """The styles on a layer by label value; {} where there are none, or where another plugin used our key."""
    styles = layer.metadata.get(STYLES, {})
    return styles if isinstance(styles, dict) else {}


def _change_label(layer: Labels, value: int, **changes: str) -> None:
    """Put one changed label into the layer's table. Raises `LabelError` where the new label does not fit the table."""
    origin, table = origin_of(layer), layer_table(layer)
    changed = replace(table[value], **changes)  # type: ignore[arg-type]
    table = LabelTable(tuple(changed if label.value == value else label for label in table))
    if origin is not None:
        _keep(layer, replace(origin, table=table))


def _keep(layer: Labels, origin: Origin) -> None:
    """Remember where a layer comes from, and show the names and colours of its table."""
    table = origin.table or LabelTable()
    layer.metadata[META] = origin
    layer.features = label_features(table)
    layer.colormap = ready_to_draw(styled_colormap(table, _styles(layer)), layer.data.dtype)


def _shown(layer: Labels, value: int) -> str:
    """The colour, `#rrggbb`, in which napari draws a label now."""
    rgba = layer.get_color(value)
    if rgba is None:
        return default_colour(value)
    return "#" + "".join(f"{round(255 * float(part)):02x}" for part in rgba[:3])


def _free(name: str, taken: set[str]) -> str:
    """A name with as many apostrophes as it takes to differ from those taken."""
    while name in taken:
        name += "'"
    return name
