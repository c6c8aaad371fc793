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

from monai_attn.cli._execution import add_device
from monai_attn.cli._json import add_json
from monai_attn.notice import RESEARCH_USE

__all__ = ["add_parser", "brain_file", "run"]

BUNDLE = "hippocampus_mri"
"""The bundle that the demo runs; it comes with the package."""

STEM = "mni152_t1"
"""How the names of all files of the demo begin."""


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
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Segment, print the volumes, write mask, provenance, table and picture.

    The exit code is 0. Raises `FileError` when results exist without `--overwrite`, and `InputError` where nilearn
    or matplotlib is missing. The bundle's finder finds both hippocampi, and both come into one mask.
    """
    from monai_attn.bundle.light import load_monai_lightly
    from monai_attn.io import read
    from monai_attn.io.atomic import check_free
    from monai_attn.measure import rows, to_csv
    from monai_attn.report import save_picture
    from monai_attn.results import commit, text_writer
    from monai_attn.segmentation import result_files

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
    segmentation = segmenter(brain)
    seconds = time.perf_counter() - start

    measured = segmentation.measure(brain)
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
    args.answer.update(rows=rows(measured, case=STEM), files=[str(path) for path in written])
    for structure in measured:
        print(f"{structure.name:<28}{structure.volume_ml:8.3f} ml")
    print("Left and right are nearly equal, because this brain was averaged with its mirror image.")
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
