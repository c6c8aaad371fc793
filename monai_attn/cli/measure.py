"""`monai-attn measure`: how large, where, and how bright; per structure and per lesion.

Definitions of all numbers: docs/measurements.md. The mask is a label map; the image is needed only for intensities.
The numbers are computed by `monai_attn.cohort.measure_case`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monai_attn.cli._output import (
    add_bundle_option,
    add_lesion_options,
    add_output_options,
    add_suv_factor,
    bundle_table,
    check_targets,
    write_rows,
)
from monai_attn.cli._table import Column, text_table
from monai_attn.notice import RESEARCH_USE

if TYPE_CHECKING:
    from monai_attn.segmentation import Segmentation

__all__ = ["add_parser", "run"]

MANY = 50
"""So many labels without a name make one doubt that the file is a mask."""

EXAMPLES = """examples:
  monai-attn measure out/case_1_seg.nii.gz case_1.nii.gz
  monai-attn measure liver.nrrd ct_folder/ --series "#2" --lesion tumour --min-ml 0.1 --csv lesions.csv
  monai-attn measure lesions.nii.gz --lesion 1 --organs organs_seg.nii.gz --json lesions.json
"""
"""Shown at the end of `monai-attn measure --help`."""

PLACE = (
    Column("centroid_r_mm", "R", "mm", 1),
    Column("centroid_a_mm", "A", "mm", 1),
    Column("centroid_s_mm", "S", "mm", 1),
)
"""The centroid in mm of the patient, RAS+: right, anterior and superior are positive."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command.

    The mask is needed; the image gives intensities and may be left out.

    >>> from monai_attn.cli.main import build_parser
    >>> args = build_parser().parse_args(["measure", "mask.nii.gz", "--lesion", "tumour", "--min-ml", "0.1"])
    >>> args.image is None, args.lesion, args.min_ml
    (True, ['tumour'], 0.1)
    """
    parser = subparsers.add_parser(
        "measure",
        help="measure the structures and lesions of a mask",
        description="Measure each structure of a mask: volume, surface, place, intensities. With --lesion, each lesion "
        "of a label too: its diameters and the organ it lies in. Definitions: docs/measurements.md. "
        f"{RESEARCH_USE}",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("mask", type=Path, metavar="MASK", help="label map (NIfTI, NRRD, MHA)")
    parser.add_argument(
        "image", type=Path, nargs="?", metavar="IMAGE", help="image on the mask's grid, or DICOM folder"
    )
    parser.add_argument(
        "--lesion",
        action="append",
        default=[],
        metavar="LABEL",
        help="label, by name or number, whose pieces are lesions and are measured one by one; may be repeated",
    )
    parser.add_argument(
        "--organs",
        type=Path,
        metavar="MASK",
        help="label map with the organs that lesions lie in (default: the label of MASK that a lesion touches)",
    )
    add_lesion_options(parser)
    parser.add_argument(
        "--resample",
        action="store_true",
        help="resample the mask of --organs to the grid of MASK; MASK and IMAGE stay as they are",
    )
    add_bundle_option(parser)
    parser.add_argument("--series", help="series of a DICOM folder to take: its UID, number (#2) or description")
    parser.add_argument("--volume", type=int, help="volume of a 4-D image to take; the first is 0")
    add_suv_factor(parser)
    add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, print the tables, write what is asked for.

    Volumes are in ml, surfaces in mm², positions in mm of the patient (R, A, S). The exit code is 0. Raises
    `AttnError` for files, labels or options that cannot be used.
    """
    from monai_attn.cohort import measure_case
    from monai_attn.io import read
    from monai_attn.measure import labels_on_grid
    from monai_attn.segmentation import Segmentation, case_name, record_of

    _check_options(args)
    inputs = [args.mask, record_of(args.mask), args.image, args.organs]
    check_targets([args.csv, args.json], inputs=inputs, overwrite=args.overwrite)
    segmentation = Segmentation.load(args.mask, table=bundle_table(args.bundle))
    image = read(args.image, series=args.series, volume=args.volume, suv_factor=args.suv_factor) if args.image else None
    organs = Segmentation.load(args.organs) if args.organs else None
    if organs is not None and args.resample:
        organs = Segmentation(labels_on_grid(organs.labels, segmentation.labels), organs.table)
    measured = measure_case(
        segmentation,
        image,
        case=case_name(args.mask),
        lesions=args.lesion,
        organs=organs,
        connectivity=args.connectivity,
        min_ml=args.min_ml,
    )
    rows = measured.rows()
    unit = image.unit if image is not None else ""
    shown = [row for row in rows if row["kind"] == "structure"]
    print(text_table(shown, structure_columns(unit, interval=any("volume_low_ml" in row for row in shown))))
    if measured.sides:
        print("\n" + text_table([row for row in rows if row["kind"] == "sides"], SIDES))
    for label, lesions in measured.lesions.items():
        print(f"\nLesions of {label}, {args.connectivity} neighbours, from {args.min_ml:g} ml: {len(lesions)}")
        if lesions:
            found = [row for row in rows if row["kind"] == "lesion" and row["label"] == label]
            print(text_table(found, _lesion_columns(unit)))
    notes = (*_doubts(segmentation), *segmentation.labels.notes, *(image.notes if image is not None else ()))
    for note in dict.fromkeys(notes):
        print(f"note: {note}")
    settings = {name: getattr(args, name) for name in ("lesion", "connectivity", "min_ml", "resample", "bundle")}
    files = {name: getattr(args, name).name for name in ("mask", "image", "organs") if getattr(args, name)}
    write_rows(args, rows, files=files, settings=settings, labels=segmentation.table.to_json())
    print(RESEARCH_USE)
    return 0


def _doubts(segmentation: Segmentation) -> list[str]:
    """A sentence where the mask looks like an image: whoever measures an image by mistake gets a row for each value."""
    unnamed = sum(label.name == f"label {label.value}" for label in segmentation.table)
    if unnamed < MANY:
        return []
    return [f"The mask holds {unnamed} values without names. Is it an image, and not a mask?"]


SIDES = [
    Column("name", "structure"),
    Column("left_ml", "left", "ml"),
    Column("right_ml", "right", "ml"),
    Column("asymmetry_percent", "asymmetry", "%", 1),
]
"""The columns for left against right; the asymmetry index is defined in docs/measurements.md."""


def structure_columns(unit: str = "", *, interval: bool = False) -> list[Column]:
    """The columns for structures; `unit` is that of the image. `interval` adds the 90 % interval of the volume.

    >>> [column.unit for column in structure_columns("HU")][-1]
    'HU'
    """
    return [
        Column("name", "structure"),
        Column("voxels", "voxels"),
        Column("volume_ml", "volume", "ml"),
        *([Column("volume_low_ml", "90 % from", "ml", 1), Column("volume_high_ml", "to", "ml", 1)] if interval else []),
        Column("surface_mm2", "surface", "mm²", 1),
        *PLACE,
        Column("touches_border", "at border"),
        *_intensity_columns(unit),
    ]


def _lesion_columns(unit: str) -> list[Column]:
    """The columns for lesions: diameters in mm (RECIST 1.1), the WHO product in mm², the organ around the lesion."""
    return [
        Column("number", "lesion"),
        Column("organ", "in"),
        Column("volume_ml", "volume", "ml"),
        Column("axial_diameter_mm", "longest", "mm", 1),
        Column("perpendicular_diameter_mm", "across", "mm", 1),
        Column("who_product_mm2", "WHO", "mm²", 1),
        Column("diameter_slice", "slice"),
        Column("diameter_3d_mm", "3-D", "mm", 1),
        *PLACE,
        Column("touches_border", "at border"),
        *_intensity_columns(unit),
    ]


def _intensity_columns(unit: str) -> list[Column]:
    """The columns for mean, SD and percentiles, in the unit of the image."""
    titles = {"mean": "mean", "sd": "SD", "p05": "5 %", "median": "median", "p95": "95 %"}
    return [Column(f"intensity_{key}", title, unit, 1) for key, title in titles.items()]


def _check_options(args: argparse.Namespace) -> None:
    """Raise `InputError` for an option that needs another option or an image."""
    from monai_attn.errors import InputError

    needs: dict[str, tuple[Any, bool]] = {
        "--organs names the organs of lesions: say which label with --lesion.": (args.organs, bool(args.lesion)),
        "--min-ml is for lesions: say which label with --lesion.": (args.min_ml, bool(args.lesion)),
        "--connectivity is for lesions: say which label with --lesion.": (args.connectivity != 26, bool(args.lesion)),
        "--resample is for --organs, which is not given.": (args.resample, args.organs is not None),
        "--series chooses in an image, and none is given.": (args.series, args.image is not None),
        "--volume chooses in an image, and none is given.": (args.volume is not None, args.image is not None),
        "--suv-factor is for an image, and none is given.": (args.suv_factor is not None, args.image is not None),
    }
    for sentence, (given, met) in needs.items():
        if given and not met:
            raise InputError(sentence)
