"""`monai-attn samples`: images to try every command on; no patient is behind them.

The brain is the average of 152 people that nilearn carries, the CT is computed. Nothing is downloaded.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from monai_attn.cli._json import add_json

__all__ = ["add_parser", "run"]

FILES = {"t1": "t1.nii.gz", "series": "t1_dicom", "ct": "ct.nii.gz", "organs": "ct_organs.nii.gz"}
"""What is written: the brain as a file and as a DICOM series, the CT, and the organs of the CT."""

CROPS = "hippocampi"
"""The folder of the brain around each hippocampus: the images that the bundle hippocampus_mri takes as they are."""

CENTRES_MM = {"left": (-25.0, -23.0, -12.0), "right": (25.0, -23.0, -12.0)}
"""The middle of each hippocampus in MNI space, RAS+: the patient's left is negative R."""

SIZE_MM = (40.0, 54.0, 44.0)
"""The size of a crop: within what the training images of the bundle show."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command.

    >>> from monai_attn.cli.main import build_parser
    >>> build_parser().parse_args(["samples", "tryout"]).out.name
    'tryout'
    """
    parser = subparsers.add_parser(
        "samples",
        help="write images to try the commands on",
        description="Write sample images: the MNI152 brain as NIfTI, as a DICOM series and cut around each "
        "hippocampus, and a computed CT with its organs. The brain needs the extra 'demo'. Nothing is downloaded, and "
        "no patient is behind the images.",
    )
    parser.add_argument("out", nargs="?", type=Path, default=Path("samples"), help="folder (default: samples)")
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist")
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the samples and print their paths; the exit code is 0.

    Raises `FileError` where a file exists without `--overwrite`, before anything is written. Raises `InputError` where
    nilearn is not installed.
    """
    import numpy as np

    from monai_attn.io import read, write
    from monai_attn.io.atomic import check_free
    from monai_attn.io.dicom.writing import series_files, write_series
    from monai_attn.io.phantom import GRIDS, TABLE, ct_phantom
    from monai_attn.io.samples import brain_file
    from monai_attn.volume import Box

    brain = read(brain_file())
    brain = brain.with_array(np.rint(brain.array).astype(np.int16))
    places = {name: args.out / file for name, file in FILES.items()}
    crops = {args.out / CROPS / f"{side}.nii.gz": Box.around(centre, SIZE_MM) for side, centre in CENTRES_MM.items()}
    for path in (places["t1"], places["ct"], places["organs"], *crops, *series_files(brain, places["series"])):
        check_free(path, overwrite=args.overwrite)
    ct, organs = ct_phantom(*GRIDS["ct_phantom"])
    write(brain, places["t1"], overwrite=args.overwrite)
    write_series(brain, places["series"], modality="MR", description="T1 MNI152", overwrite=args.overwrite)
    write(ct, places["ct"], overwrite=args.overwrite)
    write(organs, places["organs"], table=TABLE, overwrite=args.overwrite)
    for path, region in crops.items():
        write(brain.crop(brain.slices_of(region)), path, overwrite=args.overwrite)
    written = [str(path) for path in (*places.values(), *crops)]
    args.answer["files"] = written
    print("written:", *written, sep="\n  ")
    return 0
