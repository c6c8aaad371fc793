"""A second look: each region that a finder saw is moved so that the structure in it lies as in the training images.

A registration is some millimetres off. A first mask says where the structure is, and the region is moved by that. Then
the region is segmented again. `Segmenter` and `monai.bundle run` both ask here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from monai_attn.bundle.case import cut_case
from monai_attn.finders import FinderEntry, Found, box_around, share_inside
from monai_attn.finders.registered import HELD
from monai_attn.volume import Box, Volume

__all__ = ["Centroid", "centred"]

Centroid = Callable[[Mapping[str, list[Volume]]], NDArray[np.float64] | None]
"""The centroid `(3,)` in mm (RAS+) of what a bundle sees in the images of a region; None where it sees nothing."""

LEAST_MM = 2.0
"""A region that is off by no more along R, A and S stays: the mask is the same."""

MOST_MM = 16.0
"""A structure that is further off than this from its place was hardly seen: the region stays."""


def centred(found: Found, entry: FinderEntry, images: Mapping[str, list[Volume]], centroid: Centroid) -> Found:
    """The regions of a finder, moved to the structures; unchanged for a finder that is not sure of its regions.

    Only regions whose entry says where the structure's centroid lies (`centroid_mm`) are moved. A region stays where it
    would leave the image, by the finder's own rule. `measures` gets the largest move in mm. Raises what `centroid`
    raises.
    """
    if found.problems:
        return found
    regions: dict[str, Box] = {}
    moves = [0.0]
    for name, box in found.regions.items():
        usual = entry.regions[name].centroid_mm
        seen = None if usual is None else centroid(cut_case(images, box))
        middle = (np.array(box.lower_mm) + box.upper_mm) / 2
        move = np.zeros(3) if seen is None or usual is None else np.round(seen - np.array(usual) - middle)
        moved = box_around(middle + move, entry.size_mm)
        reference = images[next(iter(images))][0]
        wanted = LEAST_MM < np.abs(move).max() <= MOST_MM and share_inside(moved, reference) >= HELD
        regions[name] = moved if wanted else box
        moves += [float(np.linalg.norm(move))] if wanted else []
    return replace(found, regions=regions, measures={**found.measures, "centred_by_mm": round(max(moves), 1)})
