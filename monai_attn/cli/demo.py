"""`monai-attn demo`: both hippocampi of the MNI152 brain, from image to masks, volumes and a picture.

The demo proves an installation: it needs the extra `demo`, and nothing is downloaded. The volumes are no normal
values, because the MNI152 brain is an average of 152 persons.
"""

from __future__ import annotations

import argparse
import shutil
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from monai_attn.cli._execution import add_device
from monai_attn.notice import RESEARCH_USE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from monai_attn.segmentation import Segmentation
    from monai_attn.volume import Box, Volume

__all__ = ["add_parser", "both_sides", "brain_file", "run"]

BUNDLE = "hippocampus_mri"
"""The bundle that the demo runs; it comes with the package."""

STEM = "mni152_t1"
"""How the names of all files of the demo begin."""

CENTRES_MM = {"left": (-27.0, -21.0, -12.0), "right": (27.0, -21.0, -12.0)}
"""The middle of each hippocampus in MNI space, RAS+: the patient's left is negative R."""

SIZE_MM = (36.0, 52.0, 40.0)
"""Of a region: what the training images show (31-43 x 40-59 x 24-47 mm), with the tail whole."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command.

    >>> from monai_attn.cli.main import build_parser
    >>> build_parser().parse_args(["demo"]).out.name
    'demo'
    """
    parser = subparsers.add_parser(
        "demo",
        help="segment a brain that comes with the extra 'demo'",
        description=f"Segment both hippocampi of the MNI152 brain that nilearn carries with the bundle {BUNDLE}. "
        "Writes the mask, its provenance, a table of volumes and a picture. Nothing is downloaded. "
        f"{RESEARCH_USE}",
    )
    parser.add_argument("-o", "--out", type=Path, default=Path("demo"), help="folder for the results (default: demo)")
    add_device(parser)
    parser.add_argument("--image", action="store_true", help=f"write the brain too, as {STEM}.nii.gz")
    parser.add_argument("--overwrite", action="store_true", help="replace results that exist")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Segment, print the volumes, write mask, provenance, table and picture.

    The exit code is 0. Raises `FileError` when results exist without `--overwrite`, and `InputError` where nilearn
    or matplotlib is missing. Each hippocampus is segmented in a region of its own, and both sides come into one
    mask.
    """
    from monai_attn.bundle.light import load_monai_lightly
    from monai_attn.io import read
    from monai_attn.io.atomic import check_free
    from monai_attn.measure import measure_structures, rows, to_csv
    from monai_attn.report import save_picture
    from monai_attn.results import commit, text_writer
    from monai_attn.segmentation import result_files
    from monai_attn.volume import Box

    table, picture = args.out / f"{STEM}_volumes.csv", args.out / f"{STEM}.png"
    mask, record, _ = result_files(args.out, STEM)
    copy = args.out / f"{STEM}.nii.gz"
    for path in (table, picture, mask, record, *([copy] if args.image else [])):
        check_free(path, overwrite=args.overwrite)
    brain = read(brain_file())
    if args.own_process:
        load_monai_lightly()
    from monai_attn.segmenter import Segmenter

    segmenter = Segmenter.from_bundle(BUNDLE, device=args.device)
    start = time.perf_counter()
    regions = {side: Box.around(centre, SIZE_MM) for side, centre in CENTRES_MM.items()}
    segmentation = both_sides(segmenter, brain, regions)
    seconds = time.perf_counter() - start

    measured = measure_structures(segmentation.labels, segmentation.table, brain)
    text = to_csv(rows(measured, case=STEM))
    labels, title = segmentation.labels, "Hippocampi, MNI152 T1"
    draw = partial(save_picture, image=brain, labels=labels, table=segmentation.table, title=title)
    files = {**segmentation.files(args.out, stem=STEM), table: text_writer(text)}
    files[picture] = draw
    if args.image:
        files[copy] = partial(shutil.copyfile, brain_file())
    written = commit(files, record=record, about=segmentation.about(), overwrite=args.overwrite)
    for warning in segmentation.warnings:
        print(f"warning: {warning}")
    for structure in measured:
        print(f"{structure.name:<28}{structure.volume_ml:8.3f} ml")
    print(f"segmented in {seconds:.1f} s on {segmenter.device} ({segmenter.backend})")
    print("written:", *written, sep="\n  ")
    print(RESEARCH_USE)
    return 0


def brain_file() -> Path:
    """The MNI152 T1 brain in the installed nilearn. Raises `InputError` without nilearn or matplotlib."""
    from monai_attn.errors import InputError
    from monai_attn.io import samples

    if find_spec("matplotlib") is None:
        raise InputError('The demo draws with matplotlib. Install it with: pip install "monai_attn[demo]"')
    return samples.brain_file()


def both_sides(segmenter: Callable[..., Segmentation], image: Volume, regions: Mapping[str, Box]) -> Segmentation:
    """One segmentation of several regions that do not overlap: a label per side and structure, on the image's grid.

    The first side keeps the bundle's values; those of the next come after them.

    `regions` maps the name of a side to a box in mm (RAS+). The label map is `(I, J, K)` uint8 on the grid of
    `image`; the warnings of each side begin with its name. No region gives an empty map without labels.
    """
    import numpy as np

    from monai_attn.labels import LabelTable
    from monai_attn.segmentation import Segmentation

    merged = np.zeros(image.shape, dtype=np.uint8)
    names: dict[int, str] = {}
    provenance, warnings = {}, []
    for side, region in regions.items():
        one = segmenter(image, region=region)
        first = len(names)
        for value, label in enumerate(one.table, start=first + 1):
            merged[one.labels.array == label.value] = value
            names[value] = f"{side} {label.name}"
        provenance[side] = dict(one.provenance)
        warnings += [f"{side}: {text}" for text in one.warnings]
    table = LabelTable.of_names(names)
    return Segmentation(image.with_array(merged), table, {"regions": provenance, "warnings": warnings})
