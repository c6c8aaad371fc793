"""What a bundle's metadata.json says about finding its regions: the key `finder`, as a value.

The entry names the regions of a whole image, the label values of each region in the joined mask, and how the regions
are found. docs/bundles.md describes the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from monai_attn.errors import BundleError, LabelError
from monai_attn.labels import Label, LabelTable

__all__ = ["FinderEntry", "RegionEntry"]

KINDS = ("registration",)
"""How regions can be found."""


@dataclass(frozen=True)
class RegionEntry:
    """One region of the finder: where its middle lies in the template, and the labels of the region in a joined mask.

    `centre_mm` is in mm (RAS+) of the template's space. `labels` maps a label value of the bundle to the label that
    the structure has in the mask of several regions.

    `centroid_mm` says where the centroid of all labels lies, counted from the middle of the region along R, A and S. A
    region is then moved until a first mask lies there (`monai_attn.preflight.centring`); None leaves it where it is.
    """

    centre_mm: tuple[float, float, float]
    labels: Mapping[int, Label]
    centroid_mm: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class FinderEntry:
    """The key `finder` of a bundle's metadata: its kind, its template, the size of a region, and the regions by name.

    `template` is a file below the bundle's folder. `size_mm` holds the edges of each region along R, A and S, in mm.

    >>> FinderEntry.from_json({}) is None
    True
    """

    kind: str
    template: str
    size_mm: tuple[float, float, float]
    regions: Mapping[str, RegionEntry]

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> FinderEntry | None:
        """The key `finder` of metadata.json; None where it is empty, as in bundles without a finder.

        Raises `BundleError` when something is missing or is not what it should be.
        """
        if not content:
            return None
        try:
            kind, template = str(content["kind"]), str(content["template"])
            if kind not in KINDS:
                raise ValueError(f"the kind {kind!r} is not known; this version knows {', '.join(KINDS)}")
            regions = {str(name): _region(row) for name, row in content["regions"].items()}
            LabelTable(tuple(label for region in regions.values() for label in region.labels.values()))
            return cls(kind, template, _point(content["size_mm"]), regions)
        except (KeyError, TypeError, ValueError, AttributeError, LabelError) as error:
            raise BundleError(
                f"The key finder of metadata.json cannot be used: {type(error).__name__}: {error}. "
                "docs/bundles.md describes the key."
            ) from error


def _region(row: Mapping[str, Any]) -> RegionEntry:
    """One region from JSON. Raises `KeyError`, `TypeError`, `ValueError` or `LabelError`."""
    rows = [{**one, "colour": str(one.get("colour") or "").replace("::", "#")} for one in row["labels"]]
    labels = LabelTable.from_json(rows)  # MONAI turns the "#" of colours into "::" in a running config
    values = [int(one["of"]) for one in sorted(rows, key=lambda one: int(one["value"]))]
    if len(set(values)) < len(values):
        raise ValueError(f"two labels of one region are of one structure, {values}")
    centroid = None if row.get("centroid_mm") is None else _point(row["centroid_mm"])
    return RegionEntry(_point(row["centre_mm"]), dict(zip(values, labels, strict=True)), centroid)


def _point(numbers: Any) -> tuple[float, float, float]:
    """Three numbers in mm from JSON. Raises `ValueError` for others."""
    r, a, s = (float(number) for number in numbers)
    return r, a, s
