"""Files that are there completely or not at all.

A computer that stops while it writes must not leave half a mask under the name of a whole mask. Every file is
therefore written under a temporary name in the same folder, and renamed when it is complete. This module is for one
file, or one folder as a whole; `monai_attn.results` keeps all files of a case together.
"""

from __future__ import annotations

import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from monai_attn.errors import FileError

__all__ = ["atomic_folder", "atomic_path", "check_free", "write_bytes_atomic"]

TOKEN = 6
"""Random bytes in a temporary name."""

MAX_NAME = 255 - len(f".{'00' * TOKEN}-")
"""What is left of the 255 bytes that file systems allow for a name."""


@contextmanager
def atomic_path(path: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary path beside `path`, with the same suffix, which becomes `path` when the block ends well.

        with atomic_path("out/report.json") as temporary:
            temporary.write_text(report)

    Missing parent folders are made. The file is flushed to the disk before it gets its name, and the
    name is taken in one step. When the block raises, neither file nor new folder is left behind.
    Raises `FileError` when `path` exists and `overwrite` is not set, also when it appeared meanwhile. A link, a folder,
    a pipe or a device is refused whatever `overwrite` says. What the disk refuses is a `FileError` too.
    """
    path = Path(path)
    check_free(path, overwrite=overwrite)
    made = make_folders(path.parent)
    temporary = path.with_name(_temporary_name(path.name))
    try:
        yield temporary
        if not temporary.is_file():
            raise FileError(f"{path.name}: nothing was written.")
        flush(temporary)
        take_name(temporary, path, overwrite=overwrite)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        for folder in reversed(made):
            with suppress(OSError):  # someone else has put a file there meanwhile: then it stays
                folder.rmdir()
        if isinstance(error, OSError) and error.errno is not None:
            raise FileError(
                f"{path.name} cannot be written: {os.strerror(error.errno)}. Free some space, or choose another folder."
            ) from error
        raise
    flush(path.parent)


def write_bytes_atomic(path: str | Path, data: bytes, *, overwrite: bool = False) -> None:
    """Write bytes to a file, completely or not at all. Raises `FileError` as `atomic_path` does.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "table.csv"
    ...     write_bytes_atomic(path, b"name,ml")
    ...     path.read_bytes(), [each.name for each in path.parent.iterdir()]
    (b'name,ml', ['table.csv'])
    """
    with atomic_path(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(data)


def check_free(path: Path, *, overwrite: bool) -> None:
    """Raise `FileError` when something is at `path` that may not be replaced.

    Only a plain file ever may, and only with `overwrite`. A link, a folder, a pipe, a device or a socket never may.
    """
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError) as error:
        raise FileError(f"{path.name[:60]!r} cannot be the name of a file here. Choose another name.") from error
    if stat.S_ISDIR(mode):
        raise FileError(f"{path.name} is a folder; choose another name for the file.")
    if stat.S_ISLNK(mode):
        raise FileError(f"{path.name} is a link, and links are not replaced. Give the name of the file it points to.")
    if not stat.S_ISREG(mode):
        raise FileError(
            f"{path.name} is no plain file but a pipe, a device or a socket, and is not replaced. Choose another name."
        )
    if not overwrite:
        raise FileError(f"{path.name} exists and is not overwritten. Choose another name, or set overwrite.")


def take_name(temporary: Path, path: Path, *, overwrite: bool) -> None:
    """Give a finished file its name in one step; without `overwrite`, only a name that no other file has.

    A hard link takes the name, because linking fails when another program has taken it meanwhile. On a file system
    without hard links the name is looked up first, then the file is renamed. Raises `FileError` as `check_free` does.
    """
    if not overwrite:
        try:
            os.link(temporary, path)  # fails when the name is taken, which os.replace does not
        except FileExistsError:
            check_free(path, overwrite=False)
            raise
        except OSError:  # a file system without hard links
            check_free(path, overwrite=False)
        else:
            temporary.unlink()
            return
    check_free(path, overwrite=True)
    temporary.replace(path)


@contextmanager
def hidden_folder(parent: Path) -> Iterator[Path]:
    """A hidden folder in `parent`, which is removed with all that is in it when the block ends, also by an error."""
    with tempfile.TemporaryDirectory(prefix=".", dir=parent) as folder:
        yield Path(folder)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A hidden place in which a folder is made; it becomes the folder `path` when the block ends well.

    When the block raises, nothing is left. The parent of `path` must be there. Raises `OSError` where `path` is a
    folder with files by then, or nothing was made.
    """
    with hidden_folder(path.parent) as working:
        made = working / path.name
        yield made
        made.replace(path)


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk.

    A file system that cannot confirm this is trusted, and so is one that opens no folder, as that of Windows. Raises
    `OSError` when a file cannot be opened.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:
        if path.is_dir():
            return
        raise
    try:
        with suppress(OSError):  # some network file systems cannot; the data are in the file all the same
            os.fsync(handle)
    finally:
        os.close(handle)


def _temporary_name(name: str) -> str:
    """A hidden name with the same ending, and no longer than a file system allows: a long name loses its beginning."""
    while len(os.fsencode(name)) > MAX_NAME:
        name = name[1:]
    return f".{secrets.token_hex(TOKEN)}-{name}"


def make_folders(folder: Path) -> list[Path]:
    """Make a folder and its parents; the new ones, outermost first. Raises `FileError` where that cannot be."""
    missing = [one for one in (folder, *folder.parents) if not os.path.lexists(one)][::-1]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise FileError(f"{folder.name} is a file, or lies in one. Name another folder.") from error
    except OSError as error:
        raise FileError(f"The folder {folder.name} cannot be made: {error.strerror}.") from error
    return missing
