"""What a finder gives: named boxes in the patient, and what speaks for and against them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from monai_attn.finders.entry import FinderEntry
from monai_attn.volume import Box, Volume

__all__ = ["Finder", "Found"]


@dataclass(frozen=True)
class Found:
    """The regions that a finder saw in an image.

    `regions` maps names to boxes in mm (RAS+) of the patient. `problems` are sentences that say why the boxes are not
    to be trusted; empty where nothing speaks against them. `measures` are plain numbers about the search.

    Nothing found: no regions, and at least one problem.

    >>> Found({}, ("The image shows no head.",)).regions
    {}
    """

    regions: Mapping[str, Box]
    problems: tuple[str, ...] = ()
    measures: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Regions, problems and measures in plain values, for the record of a mask."""
        return {
            "regions_mm": {name: [list(box.lower_mm), list(box.upper_mm)] for name, box in self.regions.items()},
            **self.measures,
            **({"problems": list(self.problems)} if self.problems else {}),
        }


class Finder(Protocol):
    """What finds the regions of a bundle in a whole image."""

    @property
    def entry(self) -> FinderEntry:
        """What the bundle's metadata say about the regions."""
        ...

    def find(self, image: Volume) -> Found:
        """The regions in the reference image of a case. Nothing is raised for an image that shows something else."""
        ...
