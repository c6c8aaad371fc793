"""What training cases look like in numbers, computed from their images and labels.

Called by `monai_attn.preflight.refresh`, which writes the result into metadata.json. Every training case is read
once, image by image; this takes minutes for a large data set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from monai_attn.cases import ImageInput
from monai_attn.errors import InputError
from monai_attn.io import read
from monai_attn.labels import LabelTable
from monai_attn.measure.blocks import label_array
from monai_attn.preflight.figures import StructureFigures, size_mm, structure_figures, values_of
from monai_attn.preflight.made_for import ImageRange, MadeFor, Range, StructureRange
from monai_attn.volume import Volume

__all__ = ["made_for"]

Size = tuple[float, float, float]


def made_for(cases: Sequence[Mapping[str, str]], inputs: Sequence[ImageInput], table: LabelTable) -> MadeFor:
    """The ranges of images and structures over cases such as `{"t1": path, "ct": path, "label": path}`.

    Grey values count for the images that have a unit. A structure that a label does not have is left out for that case.
    Raises `InputError` without a case, and as `monai_attn.io.read` does.

    Numbers are rounded to four digits. A case without one of the images is left out of the range of that image.
    """
    if not cases:
        raise InputError("There is no training case, so nothing can be said about them.")
    images: dict[str, list[tuple[Size, Range, dict[str, float]]]] = {}
    structures: dict[int, list[StructureFigures]] = {}
    for case in cases:
        for one in inputs:
            if one.name in case:
                volume = read(case[one.name])
                figures = (size_mm(volume), _ends(volume.spacing_mm), values_of(volume) if one.unit else {})
                images.setdefault(one.name, []).append(figures)
        labels = read(case["label"])
        found = structure_figures(Volume(label_array(labels), labels.affine), table)
        for value, structure in found.items():
            structures.setdefault(value, []).append(structure)
    return MadeFor(
        len(cases),
        {name: _image_range(rows) for name, rows in images.items()},
        {value: _structure_range(structures[value]) for value in sorted(structures)},
    )


def _image_range(rows: Sequence[tuple[Size, Range, dict[str, float]]]) -> ImageRange:
    """The smallest and the largest of sizes, spacings and percentiles over the cases of one image."""
    edges = [_ends(edge) for edge in zip(*(size for size, _, _ in rows), strict=True)]
    values = {name: _ends(row[2][name] for row in rows) for name in rows[0][2]}
    size = (tuple(edge[0] for edge in edges), tuple(edge[1] for edge in edges))
    return ImageRange(size, _ends(edge for _, spacing, _ in rows for edge in spacing), values)


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
