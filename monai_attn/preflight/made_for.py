"""What a bundle was made for: the ranges of its training images and structures, as its metadata.json states them.

`python -m monai_attn.preflight.refresh` writes the key from the training data; the checks of this room read the key.
There are only ranges in it, no image and no name of a case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from monai_attn.errors import BundleError

__all__ = ["ImageRange", "MadeFor", "Range", "StructureRange", "choice_key"]

Range = tuple[float, float]
"""The smallest and the largest value that the training cases have."""

VALUES = ("p1", "p50", "p99")
"""Percentiles of the grey values of an image."""


@dataclass(frozen=True)
class ImageRange:
    """The ranges of one image over the training cases.

    `size_mm` holds the edge lengths along right-left, anterior-posterior and superior-inferior, the smallest and the
    largest ones. `spacing_mm` holds the shortest and the longest edge of a voxel. `values` holds the ranges of the
    percentiles "p1", "p50" and "p99" of the grey values, and is empty for images without a unit, such as MRI.

    Sizes and spacings are in mm; `values` have the unit of the image.
    """

    size_mm: tuple[tuple[float, ...], tuple[float, ...]]
    spacing_mm: Range
    values: Mapping[str, Range] = field(default_factory=dict)


@dataclass(frozen=True)
class StructureRange:
    """The ranges of one structure over the labels of the training cases.

    `largest_piece` is the share of the structure's voxels that its largest connected piece holds. `border` is the share
    of the structure's voxels that lie in the outermost layer of the image.

    `certainty` is the mean of the winner's probability over the structure's voxels (see
    `monai_attn.transforms.certainty`), by the choice of images that were given (`choice_key`). It is of cases that were
    segmented, not of labels, and empty where it was not computed.

    `volume_interval` holds two factors for a choice of images. A measured volume times them encloses the volume of the
    reference in 90 of 100 patients that training never saw. It is empty where nobody measured that.

    Volumes are in ml, the others are shares from 0 to 1.
    """

    volume_ml: Range
    largest_piece: Range
    border: Range
    certainty: Mapping[str, Range] = field(default_factory=dict)
    volume_interval: Mapping[str, Range] = field(default_factory=dict)


@dataclass(frozen=True)
class MadeFor:
    """The training data of a bundle in numbers; `images` by name, `structures` by label value.

    `cases` is the number of training cases.

    >>> liver = StructureRange(volume_ml=(900.0, 2100.0), largest_piece=(0.9, 1.0), border=(0.0, 0.1))
    >>> MadeFor(2, {}, {1: liver}).to_json()["structures"]["1"]["volume_ml"]
    [900.0, 2100.0]
    >>> MadeFor.from_json({}) is None
    True
    """

    cases: int
    images: Mapping[str, ImageRange]
    structures: Mapping[int, StructureRange]

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> MadeFor | None:
        """The key `made_for` of metadata.json; None where it is empty, as in bundles of others.

        Raises `BundleError` when a number is missing or no number.
        """
        if not content:
            return None
        try:
            images = {name: _image(row) for name, row in content["images"].items()}
            structures = {int(value): _structure(row) for value, row in content["structures"].items()}
            return cls(int(content["cases"]), images, structures)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise BundleError(
                f"The key made_for of metadata.json cannot be used: {type(error).__name__}: {error}. "
                "Write it again with: python -m monai_attn.preflight.refresh BUNDLE --dataset_dir DATA."
            ) from error

    def with_certainty(self, ranges: Mapping[int, Mapping[str, Range]]) -> MadeFor:
        """The same with the certainty of each structure, by label value; structures that it does not know are left out.

        A structure that `ranges` lacks loses its certainty.

        >>> liver = StructureRange((900.0, 2100.0), (0.9, 1.0), (0.0, 0.1))
        >>> MadeFor(2, {}, {1: liver}).with_certainty({1: {"ct": (0.9, 0.95)}}).structures[1].certainty
        {'ct': (0.9, 0.95)}
        """
        return self._each(lambda value, one: replace(one, certainty=dict(ranges.get(value, {}))))

    def with_volume_interval(self, factors: Mapping[int, Mapping[str, Range]]) -> MadeFor:
        """The same with the volume interval of each structure, by label value; see `StructureRange`.

        A structure that `factors` lacks loses its interval.

        >>> liver = StructureRange((900.0, 2100.0), (0.9, 1.0), (0.0, 0.1))
        >>> MadeFor(2, {}, {1: liver}).with_volume_interval({1: {"ct": (0.9, 1.2)}}).volume_factors(["ct"])
        {1: (0.9, 1.2)}
        """
        return self._each(lambda value, one: replace(one, volume_interval=dict(factors.get(value, {}))))

    def _each(self, change: Callable[[int, StructureRange], StructureRange]) -> MadeFor:
        """The same with each structure changed."""
        return replace(self, structures={value: change(value, one) for value, one in self.structures.items()})

    def volume_factors(self, images: Iterable[str]) -> dict[int, Range]:
        """The factors of the volume interval by label value, for the images that were given; see `StructureRange`."""
        key = choice_key(images)
        return {value: one.volume_interval[key] for value, one in self.structures.items() if key in one.volume_interval}

    def to_json(self) -> dict[str, Any]:
        """The inverse of `from_json`.

        Tuples become lists, and label values become text, as JSON wants them.
        """
        return {
            "cases": self.cases,
            "images": {
                name: {
                    "size_mm": [list(corner) for corner in one.size_mm],
                    "spacing_mm": list(one.spacing_mm),
                    **_unless_empty("values", {key: list(span) for key, span in one.values.items()}),
                }
                for name, one in self.images.items()
            },
            "structures": {
                str(value): {
                    "volume_ml": list(one.volume_ml),
                    "largest_piece": list(one.largest_piece),
                    "border": list(one.border),
                    **_unless_empty("certainty", {key: list(span) for key, span in one.certainty.items()}),
                    **_unless_empty("volume_interval", {key: list(span) for key, span in one.volume_interval.items()}),
                }
                for value, one in self.structures.items()
            },
        }


def _unless_empty(key: str, content: dict[str, Any]) -> dict[str, Any]:
    """A key of a JSON object that is left out where it holds nothing."""
    return {key: content} if content else {}


def _image(row: Mapping[str, Any]) -> ImageRange:
    """The ranges of an image from JSON. Raises `ValueError` for sizes without three edges."""
    least, most = (tuple(float(edge) for edge in corner) for corner in row["size_mm"])
    if len(least) != 3 or len(most) != 3:
        raise ValueError(f"size_mm {row['size_mm']} has not twice three edges")
    values = row.get("values") or {}
    return ImageRange((least, most), _range(row["spacing_mm"]), {key: _range(values[key]) for key in VALUES if values})


def _structure(row: Mapping[str, Any]) -> StructureRange:
    """The ranges of a structure from JSON. Raises `KeyError` for a missing key."""
    certainty, interval = (
        {str(key): _range(span) for key, span in (row.get(name) or {}).items()}
        for name in ("certainty", "volume_interval")
    )
    volume, piece, border = (_range(row[name]) for name in ("volume_ml", "largest_piece", "border"))
    return StructureRange(volume, piece, border, certainty, interval)


def choice_key(names: Iterable[str]) -> str:
    """The images that were given, in the order of the bundle, as a key of `StructureRange.certainty`.

    >>> choice_key(["t1", "pet"])
    't1+pet'
    """
    return "+".join(names)


def _range(pair: Any) -> Range:
    """Two numbers from JSON, the smaller first. Raises `ValueError` where the order is wrong, also for NaN."""
    least, most = (float(value) for value in pair)
    if not least <= most:
        raise ValueError(f"{pair} is no range")
    return least, most
