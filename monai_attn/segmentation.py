"""What a segmenter gives: a label map on the source grid, its names, and how it came to be."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from monai_attn.cases.naming import checked_name
from monai_attn.cases.provenance import CHANGED, HAND, provenance_beside
from monai_attn.errors import FileError, LabelError
from monai_attn.io import count_volumes, holds_structures, is_dicom, read, stem
from monai_attn.io.label_names import label_names, names_for
from monai_attn.io.names import named_path, suffix_of
from monai_attn.io.reading import READERS
from monai_attn.io.writing import write_aside
from monai_attn.labels import Label, LabelTable
from monai_attn.measure import Sides, Structure, measure_sides, measure_structures, rows, to_csv
from monai_attn.measure.blocks import label_array, label_blocks, mask_in
from monai_attn.measure.interval import volume_factors, with_interval
from monai_attn.notice import RESEARCH_USE
from monai_attn.results import Writer, commit, text_writer
from monai_attn.results.record import named_files, read_labels_record
from monai_attn.thumbnail import label_thumbnail
from monai_attn.volume import Volume

__all__ = ["Segmentation", "case_name", "record_of", "refuse_record_of_another", "result_files"]

SUFFIX = "_seg"
"""What a mask of ours is called after its case: `case_017_seg.nii.gz`."""


def result_files(folder: str | Path, case: str) -> tuple[Path, Path, Path]:
    """Where `Segmentation.save` puts the mask of a case, its record and its measurements."""
    mask, record, table = (Path(folder) / f"{case}{SUFFIX}{end}" for end in (".nii.gz", ".json", ".csv"))
    return mask, record, table


def record_of(mask: str | Path) -> Path:
    """The file beside a mask that holds its label table: the mask's name with the suffix `.json`."""
    return Path(mask).parent / f"{stem(mask)}.json"  # a folder given as "." has no name to change


def case_name(mask: str | Path) -> str:
    """The case that a mask belongs to: its file name without suffix and without our `_seg`.

    >>> case_name("out/case_017_seg.nii.gz"), case_name("labels/case_017.nrrd")
    ('case_017', 'case_017')
    """
    name = stem(mask)
    return name.removesuffix(SUFFIX) or name


def refuse_record_of_another(mask: Path) -> None:
    """Raises `FileError` where the record beside a mask to be written is that of another mask that stands there."""
    record = record_of(mask)
    for other in map(record.with_name, named_files(record)):
        if other.name != mask.name and suffix_of(other) in READERS and stem(other) == stem(mask) and other.is_file():
            raise FileError(
                f"{record.name} holds names and provenance of {other.name}, which {mask.name} would take away. "
                "Give the new mask another name or another folder."
            )


@dataclass(frozen=True, eq=False)
class Segmentation:
    """An integer label map on the grid of the source image, the meaning of its values, and its provenance.

    `maps` holds what was asked for besides (attention, probabilities, uncertainty), each on the source grid.
    Raises `LabelError` when the labels are not whole numbers or not all in the table; an empty table names
    every value it finds "label N".

    >>> Segmentation(Volume(np.ones((10, 10, 10), np.uint8)), LabelTable.of_names({1: "cube"}))
    Segmentation(10 x 10 x 10 voxels of 1 x 1 x 1 mm, RAS; 1 cube: 1 ml)
    """

    labels: Volume
    table: LabelTable
    provenance: Mapping[str, Any] = field(default_factory=dict)
    maps: Mapping[str, Volume] = field(default_factory=dict)

    def __post_init__(self) -> None:
        array = self.labels.array
        if array.dtype.kind not in "iu":
            raise LabelError(f"A label map holds whole numbers; this one is of type {array.dtype}.")
        if len(self.table) == 0:
            values = sorted({int(value) for plane in array for value in np.unique(plane)} - {0})
            object.__setattr__(self, "table", LabelTable.of_names({value: f"label {value}" for value in values}))
        label_blocks(label_array(self.labels), self.table)  # finds what the table lacks, faster than sorting

    @classmethod
    def load(cls, path: str | Path, *, table: LabelTable | None = None, volume: int | None = None) -> Segmentation:
        """A mask from a file; the inverse of `write`.

        The first of these that exists names the labels: `table`, the JSON beside the mask (see `record_of`), names
        within the mask file, and names in another file beside it. A value without a name is called "label N";
        docs/coordinates.md lists the files. The provenance is taken from the JSON beside the mask. A mask that another
        program changed after it was written counts as edited by hand, and a note says so.

        Whole numbers stored as float are taken as whole numbers. Of a file with several volumes, `volume` chooses
        one, from 0. Raises `LabelError` for fractions, for values that our JSON does not name, and for several
        volumes without a choice. Raises `FileError` for a folder, and for a file of structures such as a DICOM SEG.
        """
        path = named_path(path)
        if path.is_dir():
            raise FileError(f"{path.name} is a folder. Name one mask in it: NIfTI, NRRD or MetaImage.")
        if holds_structures(path):
            raise FileError(f"{path.name} {_structures(path)}")
        count = count_volumes(path) if path.is_file() and not is_dicom(path) and suffix_of(path) in READERS else 1
        if count > 1 and volume is None:
            raise LabelError(
                f"{path.name} holds {count} volumes, and a mask is one. "
                f"Choose it with Segmentation.load(path, volume=0) to volume={count - 1}."
            )
        image = read(path, volume=volume)
        record = read_labels_record(record_of(path))
        try:
            labels = image.with_array(label_array(image))
            named = table if table is not None else LabelTable.from_json(record.get("labels", []))
            found = label_names(path) if table is None and not len(named) else None
            if found is not None:
                values = {int(value) for plane in labels.array for value in np.unique(plane)}
                named, labels = names_for(found, values), replace(labels, notes=labels.notes + found.notes)
            made = provenance_beside(path, record)
            if made.get(HAND) and not (record.get("provenance") or {}).get(HAND):
                labels = replace(labels, notes=(*labels.notes, CHANGED))
            return cls(labels, named, made)
        except LabelError as error:
            raise LabelError(f"{path.name}: {error}") from error

    def __repr__(self) -> str:
        volumes = "; ".join(f"{label.value} {label.name}: {ml:.3g} ml" for label, ml in self._volumes())
        return f"Segmentation({self.labels.summary}; {volumes or 'no structures'})"

    def _repr_html_(self) -> str:
        """What a notebook shows: the planes with most labelled voxels, and each structure with its volume."""
        picture = label_thumbnail(
            self.labels.array, self.labels.affine, {label.value: label.rgb for label in self.table}
        )
        rows = "".join(
            f'<tr><td style="color:{label.colour}">&#9632;</td><td>{label.value}</td>'
            f"<td>{html.escape(label.name)}</td><td>{ml:.3f} ml</td></tr>"
            for label, ml in self._volumes()
        )
        warnings = "".join(f"<p><b>Warning: {html.escape(text)}</b></p>" for text in self.warnings)
        return (
            f'<div>{warnings}<img alt="" src="data:image/png;base64,{base64.b64encode(picture).decode()}"/>'
            f"<table>{rows}</table><p>{html.escape(self.labels.summary)}. {RESEARCH_USE}</p></div>"
        )

    def _volumes(self) -> list[tuple[Label, float]]:
        """Each label of the table with its volume in millilitres."""
        array = label_array(self.labels)
        blocks = label_blocks(array, self.table)
        voxels = {value: np.count_nonzero(mask_in(array, block, value)) for value, block in blocks.items()}
        return [(label, float(voxels[label.value]) * self.labels.voxel_ml) for label in self.table]

    def measure(self, image: Volume | None = None) -> list[Structure]:
        """Each structure, measured: volume in ml, surface in mm², centroid and box in mm (RAS+).

        With the `image` also its intensities inside the structure. A structure without a voxel has 0 ml. Raises
        `GeometryError` when the image lies on another grid. Definitions: docs/measurements.md. Where the bundle states
        it, a volume has a 90 % interval.

        >>> labels = Volume(np.ones((10, 10, 10), np.uint8), modality="SEG")
        >>> [structure] = Segmentation(labels, LabelTable.of_names({1: "cube"})).measure()
        >>> structure.name, structure.volume_ml
        ('cube', 1.0)
        """
        factors = volume_factors(self.provenance)
        return [with_interval(one, factors) for one in measure_structures(self.labels, self.table, image)]

    def sides(self, *, head_size: bool = False, measured: Sequence[Structure] | None = None) -> list[Sides]:
        """Left against right for each paired structure, in ml; `head_size` adds volumes scaled to the head."""
        said = (self.provenance.get("finder") or {}).get("head_scale") if head_size else None
        return measure_sides(measured or self.measure(), self.table, head_scale=float(said) if said else None)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes the mask unlikely, a sentence each, from the provenance; empty where nothing speaks against it."""
        return tuple(str(text) for text in self.provenance.get("warnings") or ())

    @property
    def certainty(self) -> dict[int, float]:
        """How sure the network was of each structure, 0 to 1, by label value; empty where the provenance lacks it.

        The mean of the winner's probability over the structure's voxels; see `monai_attn.transforms.certainty`. Empty
        too for a mask that a hand changed, whose voxels are no longer those that the network chose.
        """
        if self.provenance.get(HAND):
            return {}
        return {int(value): float(share) for value, share in (self.provenance.get("certainty") or {}).items()}

    @property
    def algorithm(self) -> tuple[str, str]:
        """Name and version of what made it, the bundle's, else "unknown" twice; up to 64 letters each, as in DICOM."""
        name, version = (str(self.provenance.get(key) or "unknown")[:64] for key in ("bundle", "bundle_version"))
        return name, version

    @property
    def algorithm_type(self) -> str:
        """How the mask was made, in DICOM's words.

        AUTOMATIC for a bundle's mask, SEMIAUTOMATIC where a hand corrected it, and MANUAL where a hand edited a mask
        without a bundle. SEMIAUTOMATIC too where nothing is known of the mask.
        """
        made, by_hand = bool(self.provenance.get("bundle")), bool(self.provenance.get(HAND))
        if made and not by_hand:
            return "AUTOMATIC"
        return "MANUAL" if by_hand and not made else "SEMIAUTOMATIC"

    def mask(self, value: int) -> Volume:
        """One structure as a boolean volume. Raises `LabelError` for a value that the table does not know."""
        return self.labels.with_array(self.labels.array == self.table[value].value)

    def write(self, path: str | Path, *, overwrite: bool = False) -> list[Path]:
        """Write the mask, and beside it a JSON of the same name with label table and provenance; give both paths.

        Both appear together or not at all. The mask is read back and compared; the JSON holds the mask's sha256.
        Raises `FileError` when one exists and `overwrite` is false; then nothing is written. Raises it too where the
        JSON belongs to another mask, of the same name with another suffix: that mask would lose its names.
        """
        mask = Path(path)
        refuse_record_of_another(mask)
        files = {mask: partial(write_aside, self.labels, table=self.table)}
        return commit(files, record=record_of(mask), about=self.about(), overwrite=overwrite)

    def save(
        self,
        folder: str | Path,
        *,
        stem: str,
        measured: Sequence[Structure] | None = None,
        overwrite: bool = False,
    ) -> list[Path]:
        """Write `<stem>_seg.nii.gz`, `<stem>_seg.json` and, of what was `measured`, `<stem>_seg.csv`; give the paths.

        Each of the `maps` becomes a file too, `<stem>_entropy.nii.gz` and the like. All files appear together or none
        does. Raises `FileError` as `write` does, and `InputError` for a stem that cannot name a case, as with a slash.
        """
        stem = checked_name(stem)
        _, record, _ = result_files(folder, stem)
        files = self.files(folder, stem=stem, measured=measured)
        return commit(files, record=record, about=self.about(), overwrite=overwrite)

    def files(
        self, folder: str | Path, *, stem: str, measured: Sequence[Structure | Sides] | None = None
    ) -> dict[Path, Writer]:
        """The files that `save` writes, without the record, and what writes each: for `monai_attn.results.commit`."""
        mask, _, table = result_files(folder, stem)
        maps = {Path(folder) / f"{stem}_{name}.nii.gz": partial(write_aside, one) for name, one in self.maps.items()}
        sure, said = self.certainty, {"warnings": " ".join(self.warnings)}
        measures = [
            row | {"certainty": sure.get(row.get("value", 0), "")} | said for row in rows(measured or (), case=stem)
        ]
        texts = {} if measured is None else {table: text_writer(to_csv(measures))}
        return {mask: partial(write_aside, self.labels, table=self.table), **texts, **maps}

    def about(self) -> dict[str, Any]:
        """What a record says of the segmentation: notice, label table, provenance."""
        return {"notice": RESEARCH_USE, "labels": self.table.to_json(), "provenance": dict(self.provenance)}


def _structures(path: Path) -> str:
    """What a file of structures is, and how it becomes a label map."""
    first = "Make a label map of it first: monai-attn convert MASK OUT.nii.gz"
    if is_dicom(path):
        return f"is a DICOM SEG or RTSTRUCT. {first} --source IMAGE."
    return f"holds segments in several layers, which may overlap. {first} --label NAME, or --each for all of them."
