"""`commit`: several files of one case get their places together, the record last, or none does.

The steps are those of a small data base: make all files aside, note in a journal what will happen, rename. A process
that is killed between two renames leaves a journal, from which `recover` finishes the work.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_attn.errors import FileError, InputError
from monai_attn.io.atomic import check_free
from monai_attn.results.record import attested, with_files
from monai_attn.results.staging import Plan, Staging, staged

__all__ = ["Writer", "commit", "text_writer"]

Writer = Callable[[Path], object]
"""Writes one file at the path it is called with. The path has the file's final name, in a hidden folder."""


def commit(
    files: Mapping[Path, Writer],
    *,
    record: Path | None = None,
    about: Mapping[str, Any] | None = None,
    optional: Collection[Path] = (),
    replace: Collection[Path] = (),
    overwrite: bool = False,
) -> list[Path]:
    """Write several files of one folder, all or none, and give the paths of those that were written.

        commit({mask: write_mask, table: text_writer(rows)}, record=json, about={"labels": ..., "provenance": ...})

    Each file is made in a hidden folder beside its place, and is on the disk before the first file gets its name.
    The `record` comes last: JSON of what is `about` the case and the sha256 of each file. Where the record stands
    and its hashes hold, the case is complete. A writer of an `optional` file may leave no file.

    A file that exists is replaced when it is in `replace`, or any with `overwrite`. Files that the former record
    attests go too when they are not made again: a report of the former mask would be wrong beside the new mask.
    When anything fails, everything is as it was. Raises `FileError` for a file in the way or a disk that refuses.

    `files` maps the path of each file to the writer of that file. `replace` are paths that may be replaced one by
    one. Raises `InputError` when the files lie in several folders or two of them have one name. Without files and
    record the call raises `InputError` too.
    """
    wanted = [*files, *([record] if record else [])]
    folder = _folder_of(wanted)
    for path in wanted:
        check_free(path, overwrite=overwrite or path in replace)
    old = [path for path, holds in attested(record).items() if holds] if record and (overwrite or replace) else []
    with staged(folder) as staging:
        written = _write(staging, files, optional)
        if record:
            (staging.new / record.name).write_bytes(with_files(about or {}, written))
        names = [path.name for path in written] + ([record.name] if record else [])
        allowed = {path.name for path in (*replace, *old)} | (
            {*names, *(p.name for p in wanted)} if overwrite else set()
        )
        replaced = [name for name in allowed if (folder / name).exists()]
        staging.place(Plan(tuple(names), tuple(sorted(replaced))))
    return [path for path in wanted if path.name in names]


def text_writer(text: str) -> Writer:
    """A writer of a text file in UTF-8, with the line ends as they are.

    `commit` calls the writer with a path in the hidden folder. An empty text gives an empty file.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "volumes.csv"
    ...     _ = text_writer("case,volume_ml")(path)
    ...     path.read_text(encoding="utf-8")
    'case,volume_ml'
    """
    return lambda path: path.write_bytes(text.encode())


def _write(staging: Staging, files: Mapping[Path, Writer], optional: Collection[Path]) -> list[Path]:
    """The files in the hidden folder, in the order given; what a writer made beside its own file comes first."""
    for path, write in files.items():
        place = staging.new / path.name
        write(place)
        if not place.is_file() and path not in optional:
            raise FileError(f"{path.name}: nothing was written.")
    made = {path.name for path in staging.new.iterdir()}
    named = [path.name for path in files if path.name in made]
    return [staging.new / name for name in [*sorted(made - set(named)), *named]]


def _folder_of(paths: Sequence[Path]) -> Path:
    """The one folder of all these files. Raises `InputError` for several folders, and for two files of one name."""
    folders = {path.parent for path in paths}
    if len(folders) != 1 or len({path.name for path in paths}) < len(paths):
        raise InputError("Files that are committed together have names of their own in one folder.")
    return folders.pop()
