"""`monai-attn convert`: masks between label maps, DICOM SEG and RTSTRUCT."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monai_attn.segmentation import Segmentation

__all__ = ["add_parser", "run"]

EXAMPLES = """examples:
  monai-attn convert out/case_1_seg.nii.gz case_1_seg.dcm --source dicom_folder/
  monai-attn convert out/case_1_seg.nii.gz case_1_rt.dcm --source dicom_folder/ --rtstruct
  monai-attn convert others_seg.dcm mask.nii.gz --source dicom_folder/
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
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
    parser.add_argument("--source", type=Path, help="the image that was segmented; to write DICOM, its DICOM folder")
    parser.add_argument("--series", help="which series of the source: its UID, number or description")
    parser.add_argument("--volume", type=int, help="which volume of a 4-D source, from 0")
    parser.add_argument("--rtstruct", action="store_true", help="write an RTSTRUCT (contours) and not a SEG")
    parser.add_argument("--threshold", type=float, help="of a fractional SEG, from which fraction on a voxel is inside")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT if it exists")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Convert one mask."""
    from monai_attn.errors import InputError
    from monai_attn.io.atomic import check_free
    from monai_attn.notice import RESEARCH_USE
    from monai_attn.segmentation import record_of

    to_dicom = args.output.name.lower().endswith(".dcm")
    if args.rtstruct and not to_dicom:
        raise InputError(f"--rtstruct writes a .dcm file, not {args.output.name}.")
    if to_dicom and args.source is None:
        raise InputError("A DICOM SEG or RTSTRUCT belongs to a series: name its folder with --source.")
    for path in (args.output,) if to_dicom else (args.output, record_of(args.output)):
        check_free(path, overwrite=args.overwrite)
    segmentation = _read(args)
    if to_dicom:
        _write_dicom(args, segmentation)
    else:
        segmentation.write(args.output, overwrite=args.overwrite)
    print(f"{args.mask.name} -> {args.output}")
    for label in segmentation.table:
        print(f"  {label.value}  {label.name}")
    for note in segmentation.labels.notes:
        print(f"  note: {note}")
    print(RESEARCH_USE)
    return 0


def _read(args: argparse.Namespace) -> Segmentation:
    from dataclasses import replace

    from monai_attn.errors import InputError
    from monai_attn.io import holds_structures, read, read_masks
    from monai_attn.segmentation import Segmentation

    if not holds_structures(args.mask):
        if args.threshold is not None:
            raise InputError(f"--threshold is for a fractional DICOM SEG; {args.mask.name} is none.")
        return Segmentation.load(args.mask)
    like = read(args.source, series=args.series, volume=args.volume) if args.source else None
    masks = read_masks(args.mask, like=like)
    labels = replace(masks.label_map(threshold=args.threshold), notes=masks.notes)
    return Segmentation(labels, masks.table, {"converted_from": "DICOM"})


def _write_dicom(args: argparse.Namespace, segmentation: Segmentation) -> None:
    from monai_attn.io import write_dicom_seg, write_rtstruct

    write = write_rtstruct if args.rtstruct else write_dicom_seg
    name, version = segmentation.algorithm
    write(
        segmentation.labels,
        segmentation.table,
        args.source,
        args.output,
        algorithm=name,
        algorithm_version=version,
        series=args.series,
        volume=args.volume,
        overwrite=args.overwrite,
    )
