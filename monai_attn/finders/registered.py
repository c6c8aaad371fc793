"""Regions by registration: a template that travels with the bundle is laid over the image, and its boxes with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from monai_attn.errors import BundleError
from monai_attn.finders.entry import FinderEntry
from monai_attn.finders.found import Finder, Found
from monai_attn.finders.points import box_around, share_inside
from monai_attn.finders.registration import Match, match_template
from monai_attn.finders.template import Template
from monai_attn.io import read
from monai_attn.volume import Volume

__all__ = ["RegistrationFinder", "finder_of"]

SIMILARITY = 0.12
"""Least mutual information (nats) of a match with a head."""

DISTINCT = 1.8
"""The match is at least so many times as similar as the template moved away from it."""

SCALES = (0.65, 1.5)
"""Stretch of the template along any direction: heads of adults lie well within."""

STRETCH = 1.5
"""The largest stretch divided by the smallest."""

HELD = 0.9
"""Each box lies in the image with at least this share of its volume."""

BRAIN_INSIDE = 0.5
"""Share of the template's brain that lies within the image."""


@dataclass(frozen=True)
class RegistrationFinder:
    """Finds the regions of a bundle by laying its template over the image.

    A region has the size that the metadata state, whatever the size of the head, because the network was trained on
    boxes of that size. Its middle is rounded to whole mm.

    `file` is the template: a NIfTI image along R, A and S with cubic voxels and 0 as background.
    """

    entry: FinderEntry
    file: Path

    @cached_property
    def template(self) -> Template:
        """The template, read when it is first used. Raises `FileError` or `BundleError` for one that cannot be used."""
        volume = read(self.file)
        if volume.orientation != "RAS" or volume.oblique_deg > 1e-3 or np.ptp(volume.spacing_mm) > 1e-3:
            raise BundleError(
                f"The template {self.file.name} needs cubic voxels along R, A and S, not {volume.summary}."
            )
        return Template(volume)

    def find(self, image: Volume) -> Found:
        """The regions in an image, boxes in mm (RAS+).

        Where the registration is not to be trusted, `problems` say why, and the boxes are those of the best attempt.
        A region that does not lie in the image is left out. An image that shows nothing gives no boxes.
        """
        match = match_template(image, self.template)
        if match is None:
            return Found({}, ("The image shows nothing that the template could be laid over.",))
        regions = {
            name: box_around(np.round(match.place(region.centre_mm)), self.entry.size_mm)
            for name, region in self.entry.regions.items()
        }
        held = {name: share_inside(box, image) for name, box in regions.items()}
        problems = (*_of_match(match), *_of_boxes(held))
        return Found({name: box for name, box in regions.items() if held[name] >= HELD}, problems, _measures(match))


def finder_of(content: Mapping[str, Any], root: Path) -> Finder | None:
    """The finder that a bundle's metadata name under `finder`; None where they name none.

    `root` is the folder of the bundle. Raises `BundleError` for an entry that cannot be used, and for a template that
    is missing.
    """
    entry = FinderEntry.from_json(content)
    if entry is None:
        return None
    file = root / entry.template
    if not file.is_file():
        raise BundleError(f"The template {entry.template} is missing in the bundle {root.name}. Install it again.")
    return RegistrationFinder(entry, file)


def _of_match(match: Match) -> Iterator[str]:
    """Why a match is not to be trusted, a sentence each."""
    if match.similarity < SIMILARITY or match.similarity < DISTINCT * match.elsewhere:
        yield (
            f"The image hardly resembles the template (mutual information {match.similarity:.2f}, and "
            f"{match.elsewhere:.2f} beside the place found; expected are at least {SIMILARITY:.2f}, and {DISTINCT:g} "
            "times as much as beside it). It may show no head, or not the contrast of a T1 image."
        )
    largest, smallest = match.scales[0], match.scales[2]
    if largest > SCALES[1] or smallest < SCALES[0]:
        yield (
            f"The template had to be scaled by {smallest:.2f} to {largest:.2f}; heads are expected between "
            f"{SCALES[0]:g} and {SCALES[1]:g} times its size."
        )
    elif match.stretch > STRETCH:
        yield f"The template had to be stretched {match.stretch:.2f} times as much in one direction as in another."
    if match.inside < BRAIN_INSIDE:
        yield f"Only {100 * match.inside:.0f} % of the brain would lie in the image."


def _of_boxes(held: Mapping[str, float]) -> Iterator[str]:
    """A sentence for each region that does not lie in the image; `held` is the share of its volume inside."""
    for name, share in held.items():
        if share < HELD:
            yield f"The region {name!r} lies in the image with {100 * share:.0f} % of its volume only."


def _measures(match: Match) -> dict[str, float]:
    """The numbers about a match that the record of a mask keeps."""
    return {
        "similarity": round(match.similarity, 4),
        "similarity_elsewhere": round(match.elsewhere, 4),
        "smallest_scale": round(match.scales[2], 4),
        "largest_scale": round(match.scales[0], 4),
        "head_scale": round(match.volume_scale, 4),
        "brain_inside": round(match.inside, 4),
    }
