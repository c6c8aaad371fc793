"""Colours of labels that are ready to be drawn: napari need not load a compiler for them.

napari finds the colour of each value of 8 or 16 bits once per colormap, and keeps them. With numba it compiles
for two seconds to do so, in the window's thread; with NumPy it takes a millisecond.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.utils.colormaps import DirectLabelColormap

__all__ = ["ready_to_draw"]

FEW = 2**16
"""So many values napari keeps the colours of. For larger labels it compiles, as ever."""


def ready_to_draw(colours: DirectLabelColormap, kind: Any) -> DirectLabelColormap:
    """The same colormap, which knows the colours of all values of a type of array, `kind`.

    For a type of more than 16 bits, or with a sign, nothing is done. The colours are those that napari would find.
    """
    from napari.utils.colormap_backend import ColormapBackend, set_backend

    largest = max((abs(value) for value in colours.color_dict if value is not None), default=0)
    if np.dtype(kind) not in (np.uint8, np.uint16) or largest >= FEW:
        return colours
    before = set_backend(ColormapBackend.pure_python)
    try:
        colours.map(np.zeros(1, kind))
    finally:
        set_backend(before)
    return colours
