"""What `measure` and `compare` write: the same rows as CSV and as JSON, checked before the work and atomic.

`report` shares the options for lesions and labels. Targets are checked first, because an hour of computing should
not end with a file that cannot be written.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from monai_attn.cli._json import STDOUT

__all__ = [
    "add_bundle_option",
    "add_lesion_options",
    "add_output_options",
    "add_suv_factor",
    "bundle_table",
    "check_targets",
    "write_rows",
]


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """`--csv`, `--json`, `--overwrite`.

    Without `--csv` and `--json` the tables are only printed.
    """
    parser.add_argument("--csv", type=_csv_file, metavar="FILE", help="write the rows of the tables into this CSV file")
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="write rows, settings and labels into this JSON file; - prints them, and the tables go to stderr",
    )
    parser.set_defaults(answer={})
    parser.add_argument("--overwrite", action="store_true", help="replace output files that exist")


def _csv_file(text: str) -> Path:
    """The file of `--csv`. Raises `argparse.ArgumentTypeError` for -, which is no file here."""
    if Path(text) == STDOUT:
        raise argparse.ArgumentTypeError("- is no file. Name one, or print the rows by --json -.")
    return Path(text)


def add_suv_factor(parser: argparse.ArgumentParser) -> None:
    """`--suv-factor`, for the commands that read values of images.

    The option stands in `args.suv_factor`, None where it is not given.
    """
    parser.add_argument(
        "--suv-factor",
        type=float,
        metavar="FACTOR",
        help="factor from the values of a PET to SUV, when the header of the PET does not give SUV. "
        "For Bq/ml it is 1000 x weight in kg / dose in Bq at the start of the scan",
    )


def add_lesion_options(parser: argparse.ArgumentParser) -> None:
    """What counts as a lesion, for both commands.

    `--connectivity` and `--min-ml`: the number of neighbours (6, 18 or 26), and the smallest volume in ml.

    >>> parser = argparse.ArgumentParser()
    >>> add_lesion_options(parser)
    >>> args = parser.parse_args(["--min-ml", "0.05"])
    >>> args.connectivity, args.min_ml
    (26, 0.05)
    """
    parser.add_argument(
        "--connectivity",
        type=int,
        choices=(6, 18, 26),
        default=26,
        help="neighbours that make one lesion: 6 by faces, 18 by edges too, 26 by corners too (default: 26)",
    )
    parser.add_argument(
        "--min-ml",
        type=float,
        default=0.0,
        metavar="ML",
        help="smallest volume in ml that counts as a lesion (default: 0)",
    )


def add_bundle_option(parser: argparse.ArgumentParser) -> None:
    """`--bundle`, for the names of the labels."""
    parser.add_argument(
        "-b",
        "--bundle",
        help="bundle that names the labels: a shipped name or a folder, whose code does not run. "
        "Default: the names in the mask or in the JSON beside it, else 'label N'",
    )


def bundle_table(bundle: str | None) -> Any:
    """The label table of a bundle, None without one. Raises `BundleError` when it names no label.

    Only metadata.json is read. Raises `BundleError` also for a folder that is no bundle.

    >>> bundle_table(None) is None
    True
    """
    if bundle is None:
        return None
    from monai_attn.bundle.locate import find_bundle, label_table, read_metadata
    from monai_attn.errors import BundleError

    table = label_table(read_metadata(find_bundle(bundle)))
    if len(table) == 0:
        raise BundleError(f"The bundle {bundle} names no labels in its metadata. Leave out --bundle.")
    return table


def check_targets(targets: Iterable[Path | None], *, inputs: Sequence[Path | None], overwrite: bool) -> None:
    """Raise `FileError` unless each of these files can be written, none of them twice and none over an input.

    `inputs` are the files that are read, which no output may replace, even with `overwrite`. None stands for an
    option that was not given. Nothing is written, and no folder is made.

    >>> check_targets([None], inputs=[Path("mask.nii.gz")], overwrite=False)
    """
    from monai_attn.errors import FileError
    from monai_attn.io.atomic import check_free

    taken = {_real(path): "an input" for path in inputs if path is not None}
    for path in targets:
        if path is None or path == STDOUT:
            continue
        if _real(path) in taken:
            raise FileError(f"{path.name} is {taken[_real(path)]}; choose another name for the output.")
        taken[_real(path)] = "written already"
        check_free(path, overwrite=overwrite)
        folder = next(one for one in _real(path).parents if one.exists())
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise FileError(f"{path.name} cannot be written: {folder.name} is no folder that you may write to.")


def _real(path: Path) -> Path:
    """Where a path leads, links followed; a link that leads in a circle, for which `Path.resolve` raises, is kept."""
    return Path(os.path.realpath(path))


def write_rows(args: argparse.Namespace, rows: list[dict[str, Any]], **about: Any) -> None:
    """Write what `--csv` and `--json` ask for, and say so; `about` goes into the JSON.

    The files of one folder are written together, all or none. nan and infinity stand in the files as `to_csv` and
    `to_json` write them. Raises `FileError` for a file in the way or a disk that refuses.
    """
    from monai_attn import __version__
    from monai_attn.measure import to_csv, to_json
    from monai_attn.notice import RESEARCH_USE
    from monai_attn.results import commit, text_writer

    texts = {}
    if args.csv is not None:
        texts[args.csv] = to_csv(rows)
    if args.json == STDOUT:
        args.answer.update(rows=rows, **about)
    elif args.json is not None:
        texts[args.json] = to_json(rows, notice=RESEARCH_USE, version=__version__, **about)
    for folder in dict.fromkeys(path.parent for path in texts):
        files = {path: text_writer(text) for path, text in texts.items() if path.parent == folder}
        for path in commit(files, overwrite=args.overwrite):
            print(f"written: {path}")
