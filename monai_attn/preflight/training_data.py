"""What training cases look like in numbers, computed from their images and labels.

Called by `monai_attn.preflight.refresh`, which writes the result into metadata.json. Every training case is read
once, image by image; this takes minutes for a large data set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from monai_attn.cases import ImageFile, ImageInput
from monai_attn.cases.labelled import LabelFile
from monai_attn.errors import InputError
from monai_attn.io import read
from monai_attn.labels import LabelTable
from monai_attn.measure.blocks import label_array
from monai_attn.preflight.figures import StructureFigures, size_mm, structure_figures, values_of
from monai_attn.preflight.made_for import ImageRange, MadeFor, Range, StructureRange
from monai_attn.volume import Volume

__all__ = ["MadeForSoFar", "made_for"]

Size = tuple[float, float, float]


class MadeForSoFar:
    """The ranges of images and structures, for cases that come one after the other.

    Grey values count for the images that have a unit. A structure that a label map does not have is left out for that
    case. A case without one of the images is left out of the range of that image.
    """

    def __init__(self, inputs: Sequence[ImageInput], table: LabelTable) -> None:
        self.inputs = {one.name: one for one in inputs}
        self.table = table
        self.cases = 0
        self._images: dict[str, list[tuple[Size, Range, dict[str, float]]]] = {}
        self._structures: dict[int, list[StructureFigures]] = {}

    def add(self, images: Mapping[str, Volume], labels: Volume) -> None:
        """Count one case: its images by name, and its label map."""
        self.cases += 1
        for name, volume in images.items():
            figures = (size_mm(volume), _ends(volume.spacing_mm), values_of(volume))
            self._images.setdefault(name, []).append(figures)
        found = structure_figures(Volume(label_array(labels), labels.affine), self.table)
        for value, structure in found.items():
            self._structures.setdefault(value, []).append(structure)

    def made_for(self, inputs: Sequence[ImageInput] | None = None) -> MadeFor:
        """The ranges of all cases so far; numbers are rounded to four digits. Raises `InputError` without a case.

        `inputs` are the images with the units that became known since, by default those given at the start.
        """
        units = {one.name: one.unit for one in inputs or self.inputs.values()}
        if not self.cases:
            raise InputError("There is no training case, so nothing can be said about them.")
        return MadeFor(
            self.cases,
            {name: _image_range(rows, values=bool(units[name])) for name, rows in self._images.items()},
            {value: _structure_range(self._structures[value]) for value in sorted(self._structures)},
        )


def made_for(cases: Sequence[Mapping[str, Any]], inputs: Sequence[ImageInput], table: LabelTable) -> MadeFor:
    """The ranges of images and structures over cases such as `{"t1": path, "ct": path, "label": path}`.

    See `MadeForSoFar`. Raises `InputError` without a case, and as `monai_attn.io.read` does.
    """
    ranges = MadeForSoFar(inputs, table)
    for case in cases:
        images = {one.name: _read(case[one.name]) for one in inputs if one.name in case}
        ranges.add(images, _read(case["label"]))
    return ranges.made_for()


def _read(place: str | ImageFile | LabelFile) -> Volume:
    """The volume at a place of a row of a config."""
    return place.read() if isinstance(place, ImageFile | LabelFile) else read(place)


def _image_range(rows: Sequence[tuple[Size, Range, dict[str, float]]], *, values: bool) -> ImageRange:
    """The smallest and the largest of sizes and spacings over the cases of one image, with `values` of percentiles."""
    edges = [_ends(edge) for edge in zip(*(size for size, _, _ in rows), strict=True)]
    percentiles = {name: _ends(row[2][name] for row in rows) for name in rows[0][2]} if values else {}
    size = (tuple(edge[0] for edge in edges), tuple(edge[1] for edge in edges))
    return ImageRange(size, _ends(edge for _, spacing, _ in rows for edge in spacing), percentiles)


def _structure_range(rows: Sequence[StructureFigures]) -> StructureRange:
    """The smallest and the largest of volume, largest piece and border over the cases of one structure."""
    return StructureRange(
        volume_ml=_ends(row.volume_ml for row in rows),
        largest_piece=_ends(row.largest_piece for row in rows),
        border=_ends(row.border for row in rows),
    )


def _ends(numbers: Iterable[float]) -> Range:
    """The smallest and the largest of some numbers, rounded to four digits.

    >>> _ends([2.0, 1.23456])
    (1.235, 2.0)
    """
    known = [float(f"{number:.4g}") for number in numbers]
    return min(known), max(known)
