"""`monai-attn convert`: masks between label maps, DICOM SEG and RTSTRUCT.

Masks of other software come in this way, and ours go out to a PACS or a planning system. Geometry and coding are the
work of `monai_attn.io`; this module chooses structures and names files. Overlapping structures cannot be one label
map: `--label` or `--each` takes them apart.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from monai_attn.cli._json import add_json
from monai_attn.cli._output import check_targets

if TYPE_CHECKING:
    from monai_attn.labels import LabelTable
    from monai_attn.segmentation import Segmentation

__all__ = ["add_parser", "run"]

EXAMPLES = """examples:
  monai-attn convert out/case_1_seg.nii.gz case_1_seg.dcm --source dicom_folder/
  monai-attn convert out/case_1_seg.nii.gz case_1_rt.dcm --source dicom_folder/ --rtstruct
  monai-attn convert others_seg.dcm mask.nii.gz --source dicom_folder/
  monai-attn convert plan_rt.dcm gtv.nii.gz --source dicom_folder/ --label GTV
  monai-attn convert plan_rt.dcm masks/case_1.nii.gz --source dicom_folder/ --each
"""
"""Shown at the end of `monai-attn convert --help`."""

OF_NOBODY = (
    "Nothing says how the mask was made, so the file says SEMIAUTOMATIC. --algorithm-type MANUAL or AUTOMATIC says "
    "otherwise."
)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command.

    The ending of the second path says what is written: DICOM for .dcm, else a label map.

    >>> from monai_attn.cli.main import build_parser
    >>> args = build_parser().parse_args(["convert", "plan_rt.dcm", "gtv.nii.gz", "--source", "ct", "--label", "GTV"])
    >>> args.output.name, args.label, args.each
    ('gtv.nii.gz', ['GTV'], False)
    """
    parser = subparsers.add_parser(
        "convert",
        help="turn masks into DICOM SEG or RTSTRUCT, and back",
        description="Turn a label map into a DICOM SEG or RTSTRUCT of its source series, or one of these into a label "
        "map with its names beside it (docs/dicom.md). A DICOM file holds the patient's identity, as its source does.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("mask", type=Path, metavar="MASK", help="label map (NIfTI, NRRD, MHA), DICOM SEG or RTSTRUCT")
    parser.add_argument("output", type=Path, metavar="OUT", help="a .dcm file, or a label map: .nii.gz, .nrrd, .mha")
    parser.add_argument(
        "--source",
        type=Path,
        help="image on which the mask lies; needed for contours, and as a DICOM folder to write DICOM",
    )
    parser.add_argument("--series", help="which series of the source: its UID, number or description")
    parser.add_argument("--volume", type=int, help="which volume of a 4-D MASK, else of a 4-D source, from 0")
    parser.add_argument(
        "--label", action="append", metavar="LABEL", help="only this structure, by name or value; may be repeated"
    )
    parser.add_argument(
        "--each", action="store_true", help="write a file for each structure: OUT with its name before the ending"
    )
    parser.add_argument("--rtstruct", action="store_true", help="write an RTSTRUCT (contours) and not a SEG")
    parser.add_argument(
        "--algorithm-type",
        type=str.upper,
        choices=("AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"),
        help="how the mask was made, for a .dcm file; by default what its record says, else SEMIAUTOMATIC",
    )
    parser.add_argument("--threshold", type=float, help="of a fractional SEG, from which fraction on a voxel is inside")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT if it exists")
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Convert one mask.

    The exit code is 0. Raises `InputError` for options that do not fit together or find nothing, and `FileError` for a
    file in the way; then nothing was written, except for earlier files of `--each`.
    """
    from monai_attn.errors import InputError
    from monai_attn.notice import RESEARCH_USE

    if args.rtstruct and not _to_dicom(args.output):
        raise InputError(f"--rtstruct writes a .dcm file, not {args.output.name}.")
    if args.algorithm_type and not _to_dicom(args.output):
        raise InputError(f"--algorithm-type is for a .dcm file, not {args.output.name}.")
    if _to_dicom(args.output) and args.source is None:
        raise InputError("A DICOM SEG or RTSTRUCT belongs to a series: name its folder with --source.")
    if not args.each:
        _check_free(args, args.output)
    found = _read(args)
    if not found:
        raise InputError(f"{args.mask.name} holds no structure, of which --each could make a file.")
    for path in found:
        _check_free(args, path)
    for path, segmentation in found.items():
        if _to_dicom(path):
            _write_dicom(args, segmentation, path)
        else:
            segmentation.write(path, overwrite=args.overwrite)
        args.answer.setdefault("files", []).append({"file": str(path), "labels": segmentation.table.to_json()})
        print(f"{args.mask.name} -> {path}")
        for label in segmentation.table:
            print(f"  {label.value}  {label.name}")
    notes = [note for one in found.values() for note in one.labels.notes]
    if _to_dicom(args.output) and not args.algorithm_type and any(_of_nobody(one) for one in found.values()):
        notes.append(OF_NOBODY)
    for note in dict.fromkeys(notes):
        print(f"  note: {note}")
    print(RESEARCH_USE)
    return 0


def _of_nobody(segmentation: Segmentation) -> bool:
    """Whether nothing says how a mask was made: by a bundle, or by a hand."""
    return not segmentation.provenance.get("bundle") and segmentation.algorithm_type != "MANUAL"


def _to_dicom(path: Path) -> bool:
    """Whether a path is to be a DICOM file: its name ends in .dcm."""
    return path.name.lower().endswith(".dcm")


def _check_free(args: argparse.Namespace, path: Path) -> None:
    """Raise `FileError` where the output, or the record beside a label map, exists and may not be replaced.

    The mask itself and its source never may.
    """
    from monai_attn.segmentation import record_of, refuse_record_of_another

    check_targets([path], inputs=[args.mask, args.source], overwrite=args.overwrite)
    if not _to_dicom(path):
        refuse_record_of_another(path)
        check_targets([record_of(path)], inputs=[args.mask, args.source], overwrite=args.overwrite)


def _read(args: argparse.Namespace) -> dict[Path, Segmentation]:
    """What to write to which file: all structures or those that were chosen, together or each by itself."""
    from monai_attn.errors import InputError
    from monai_attn.io import holds_structures

    if holds_structures(args.mask):
        table, taken = _masks(args)
    elif args.threshold is not None:
        raise InputError(f"--threshold is for a fractional DICOM SEG; {args.mask.name} is none.")
    else:
        table, taken = _label_map(args)
    values = _chosen(table, args.label)
    if not args.each:
        return {args.output: taken(values)}
    names = file_names({value: table[value].name for value in values})
    return {_named(args.output, names[value]): taken([value]) for value in values}


Taken = Callable[[list[int]], "Segmentation"]
"""Gives the structures of some values as a segmentation."""


def _masks(args: argparse.Namespace) -> tuple[LabelTable, Taken]:
    """The label table of a DICOM SEG, RTSTRUCT or segmentation in NRRD, and what gives a part of it as a label map."""
    from dataclasses import replace

    from monai_attn.io import read, read_masks
    from monai_attn.segmentation import Segmentation

    like = read(args.source, series=args.series, volume=args.volume) if args.source else None
    masks = read_masks(args.mask, like=like)

    def taken(values: list[int]) -> Segmentation:
        labels = masks.label_map(values=values, threshold=args.threshold)
        origin = {
            "converted_from": "NRRD" if args.mask.suffix.lower() == ".nrrd" else "DICOM",
            "notes": list(masks.notes),
        }
        return Segmentation(replace(labels, notes=masks.notes), _part(masks.table, values), origin)

    return masks.table, taken


def _label_map(args: argparse.Namespace) -> tuple[LabelTable, Taken]:
    """The label table of a label map, and what gives a part of the map; all other voxels become background."""
    from dataclasses import replace

    import numpy as np

    from monai_attn.errors import InputError
    from monai_attn.io import count_volumes
    from monai_attn.io.names import suffix_of
    from monai_attn.io.reading import READERS
    from monai_attn.segmentation import Segmentation

    volume = None
    if args.volume is not None and suffix_of(args.mask) in READERS and count_volumes(args.mask) > 1:
        volume, args.volume = args.volume, None  # it is the mask's, not the source's
    if volume is None and not args.source:
        for option in ("series", "volume"):
            if getattr(args, option) is not None:
                raise InputError(f"--{option} chooses among several, and {args.mask.name} is one. Leave it out.")
    whole = Segmentation.load(args.mask, volume=volume)

    def taken(values: list[int]) -> Segmentation:
        if len(values) == len(whole.table):
            return whole
        array = whole.labels.array
        kept = whole.labels.with_array(np.where(np.isin(array, values), array, array.dtype.type(0)))
        return replace(whole, labels=kept, table=_part(whole.table, values))

    return whole.table, taken


def _part(table: LabelTable, values: Collection[int]) -> LabelTable:
    """The rows of a label table with these values."""
    from monai_attn.labels import LabelTable

    return LabelTable(tuple(label for label in table if label.value in values))


def _chosen(table: LabelTable, wanted: Sequence[str] | None) -> list[int]:
    """The label values to convert, in rising order: those of `--label`, or all without the option."""
    from monai_attn.cohort import find_label

    if not wanted:
        return [label.value for label in table]
    return sorted({find_label(table, text).value for text in wanted})


def file_names(names: Mapping[int, str]) -> dict[int, str]:
    """What structures are called in the names of files: letters, digits, dots and dashes, each name once.

    >>> file_names({1: "GTV", 2: "PTV 5/7", 3: "gtv"})
    {1: 'GTV', 2: 'PTV_5_7', 3: 'gtv_3'}

    Names are compared without capitals, because some file systems do not tell them apart. A name has at most 60
    letters.
    """
    found: dict[int, str] = {}
    for value, name in names.items():
        plain = re.sub(r"[^\w.-]+", "_", name).strip("._-")[:60] or "structure"
        taken = {other.casefold() for other in found.values()}
        while plain.casefold() in taken:
            plain = f"{plain}_{value}"
        found[value] = plain
    return found


def _named(output: Path, name: str) -> Path:
    """OUT with the name of a structure before its ending."""
    from monai_attn.io.names import suffix_of

    suffix = ".dcm" if _to_dicom(output) else suffix_of(output)
    ending = output.name[len(output.name) - len(suffix) :]
    return output.with_name(f"{output.name[: len(output.name) - len(suffix)]}_{name}{ending}")


def _write_dicom(args: argparse.Namespace, segmentation: Segmentation, path: Path) -> None:
    """Write a label map as DICOM SEG, or as RTSTRUCT with `--rtstruct`, in the series of the source."""
    from monai_attn.dicom_export import write_dicom

    write_dicom(
        segmentation,
        args.source,
        path,
        "RTSTRUCT" if args.rtstruct else "SEG",
        series=args.series,
        volume=args.volume,
        algorithm_type=args.algorithm_type,
        overwrite=args.overwrite,
    )
