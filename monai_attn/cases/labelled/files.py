"""Where a reference mask is, and how its numbers become those of a label table."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from monai_attn.cases.folders import image_files
from monai_attn.cases.images import ImageFile
from monai_attn.errors import GeometryError, InputError, LabelError
from monai_attn.io import holds_structures, read, read_masks
from monai_attn.io.dicomseg.described import described
from monai_attn.io.names import stem, suffix_of
from monai_attn.io.segment_keys import read_segments
from monai_attn.labels import Code
from monai_attn.measure.blocks import label_array, label_values
from monai_attn.volume import Volume, same_grid

__all__ = ["LabelFile", "parts_of", "structures_held"]

HALF = 0.5
"""From this fraction on a voxel belongs to a structure of a fractional DICOM SEG."""

REPEATED = re.compile(r" \(\d+\)$")
"""What the reader of DICOM puts behind a name that the file has more than once."""


@dataclass(frozen=True)
class LabelFile:
    """The place of a reference mask: a label map, structures in a DICOM SEG or RTSTRUCT, or a folder of masks.

    - `values`: the value in the label table by the value in the file; empty where both are the same. A value of the
      file without an entry is an error.
    - `names`: for structures, the value in the label table by the structure's name in small letters. Structures of
      other names are left out. Several of one name, such as lesions, are joined.
    - `like`: for structures in DICOM, the image on whose grid they are read.

    A folder holds a mask for each structure, which is called like its file.

    >>> LabelFile(Path("labelsTr/pt_1.nii.gz")).place
    'labelsTr/pt_1.nii.gz'
    """

    path: Path
    values: Mapping[int, int] = field(default_factory=dict)
    names: Mapping[str, int] = field(default_factory=dict)
    like: ImageFile | None = None

    @property
    def place(self) -> str | LabelFile:
        """The path where it says all, as configs take it; else the value itself, which `LoadVolumed` reads."""
        return self if self.values or self.names else str(self.path)

    def read(self, like: Volume | None = None) -> Volume:
        """The label map with the values of the table, `(I, J, K)`, RAS+ mm.

        `like` is the image of structures, where it is in memory already. Raises `LabelError` for a value of the file
        that `values` does not name, and as `read` and `read_masks` do.
        """
        if self.names:
            return self._structures(like)
        volume = read(self.path)
        if not self.values:
            return volume
        array = label_array(volume)
        unknown = [value for value in label_values(array) if value not in self.values]
        if unknown:
            raise LabelError(
                f"{self.path.name} holds the values {unknown[:5]}, which the data set does not name. "
                "Add them to its labels, or correct the mask."
            )
        mapped = np.zeros(array.shape, np.uint8 if max(self.values.values()) < 256 else np.uint16)
        for value, new in self.values.items():
            mapped[array == value] = new
        return volume.with_array(mapped)

    def _structures(self, like: Volume | None) -> Volume:
        """The structures of `names` as a label map; of two that share a voxel the one with the larger value is kept."""
        if self.path.is_dir():
            return self._parts()
        image = like if like is not None or self.like is None else self.like.read()
        masks = read_masks(self.path, like=image)
        mapped = np.zeros(masks.grid.shape, np.uint8 if max(self.names.values()) < 256 else np.uint16)
        written = {name.strip().lower() for name, _ in structures_held(self.path) or ()}
        chosen = ((self._value_of(label.name.strip().lower(), written), label.value) for label in masks.table)
        for new, value in sorted((new, value) for new, value in chosen if new is not None):
            mapped[np.asarray(masks.mask(value).array, np.float32) >= HALF] = new
        return Volume(mapped, masks.grid.affine, frame_of_reference=masks.grid.frame_of_reference)

    def _value_of(self, name: str, written: Collection[str]) -> int | None:
        """The value of a structure by its name in small letters; None for one that is not chosen.

        `written` are the names in the file. Where it has two of "Lesion", the reader calls the second "Lesion (2)".
        """
        return self.names.get(name if name in written else REPEATED.sub("", name).strip())

    def _parts(self) -> Volume:
        """The masks of a folder as a label map."""
        found = parts_of(self.path)
        chosen = {value: found[name] for name, value in self.names.items() if name in found}
        if not chosen:
            raise LabelError(f"{self.path.parent.name}/{self.path.name} holds none of the structures.")
        grid = read(next(iter(chosen.values())))
        mapped = np.zeros(grid.shape, np.uint8 if max(self.names.values()) < 256 else np.uint16)
        for value, path in sorted(chosen.items()):
            mask = read(path)
            array = label_array(mask)
            if len(label_values(array)) > 1:
                values = ", ".join(map(str, label_values(array)[:5]))
                raise LabelError(f"{self._called(path)} holds the values {values}. A mask of one structure has one.")
            if not same_grid(mask, grid):
                raise GeometryError(f"{self._called(path)} lies on another grid than the masks beside it. Resample it.")
            mapped[array > 0] = value
        return grid.with_array(mapped)

    def _called(self, path: Path) -> str:
        return f"{self.path.parent.name}/{self.path.name}/{path.name}"


def parts_of(folder: Path) -> dict[str, Path]:
    """The masks of a folder by the name of their structure, which is that of the file in small letters.

    Raises `InputError` for two files of one name, such as `liver.nii.gz` and `Liver.nrrd`.
    """
    found: dict[str, Path] = {}
    for path in image_files(folder):
        other = found.setdefault(stem(path).strip().lower(), path)
        if other != path:
            raise InputError(
                f"{folder.parent.name}/{folder.name} has two masks of one structure: {other.name} and {path.name}. "
                "Keep one of them."
            )
    return found


def structures_held(mask: Path) -> tuple[tuple[str, Code | None], ...] | None:
    """The names and codes of the structures that a mask holds, as they are written there; None for a label map."""
    if mask.is_dir():
        return tuple((stem(path), None) for path in parts_of(mask).values())
    if not holds_structures(mask):
        return None
    if suffix_of(mask) == ".nrrd":
        return tuple((segment.label.name, segment.label.code) for segment in read_segments(mask))
    return described(mask).structures
