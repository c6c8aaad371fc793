"""What other libraries raise about a file, as an error of ours that names the file: the one place for it.

A library's reader raises what its authors expected, and whatever Python gives for the rest: `KeyError`,
`struct.error`, `StopIteration`, `RecursionError`. A decoder in Rust raises a panic, which is no `Exception` at all.
Every function that opens a file puts the work of other libraries into `foreign_errors`, or is decorated with
`no_foreign_errors`:

    with foreign_errors(path, "The pixels cannot be decoded. Export the image uncompressed."):
        array = dataset.pixel_array

Such blocks may lie within each other. The innermost block names the file, and errors of ours pass through all blocks.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

from monai_attn.errors import AttnError, FileError, InputError
from monai_attn.io.plain import NotPlainError

__all__ = ["foreign_errors", "is_foreign", "no_foreign_errors"]

P = ParamSpec("P")
R = TypeVar("R")

PANIC = "PanicException"
"""The class of pyo3 for a panic in Rust, derived from `BaseException`; each library has its own copy."""

DAMAGED = "It is damaged or truncated, or of a kind that is not known here. Copy or export it again."
"""The sentence for errors of which nothing else is known."""

CAUSES: tuple[tuple[type[BaseException], str], ...] = (
    (NotPlainError, "It is no plain file but a pipe or a device. Copy its content to a file first."),
    (MemoryError, "It needs more memory than there is. Crop the image, or use a larger computer."),
    (PermissionError, "It may not be read: permission denied. Ask for access to it."),
    (FileNotFoundError, "It is not there, or was removed meanwhile. Check the path."),
    (RecursionError, "It is nested too deeply. The file is damaged or hostile; export it again."),
)
"""What is known about an error by its class, before the reader's own sentence."""


def is_foreign(error: BaseException) -> bool:
    """Whether somebody else's code raised an error about what it was given: no error of ours, no wish to stop.

    True for panics of Rust too; False for `KeyboardInterrupt`, `SystemExit` and the like.

    >>> is_foreign(KeyError("PixelData")), is_foreign(FileError("t1.nii is empty.")), is_foreign(KeyboardInterrupt())
    (True, False, False)
    """
    if isinstance(error, AttnError):
        return False
    return isinstance(error, Exception) or any(kind.__name__ == PANIC for kind in type(error).__mro__)


@contextmanager
def foreign_errors(
    source: str | os.PathLike[str], cause: str = DAMAGED, *, kind: type[InputError] = FileError
) -> Iterator[None]:
    """Within this block, what other libraries raise becomes an error of ours, "NAME: CAUSE".

    `source` is the file, of which only the name is shown, or what to call it. `cause` holds what is wrong and what to
    do, in sentences; missing rights, missing files and missing memory have sentences of their own. Raises `kind`.
    """
    try:
        yield
    except BaseException as error:
        if not is_foreign(error):
            raise
        raise kind(f"{_name(source)}: {_cause(error, cause)}") from error


def no_foreign_errors(function: Callable[P, R]) -> Callable[P, R]:
    """A function whose first argument is a path, with the whole of it in `foreign_errors`.

    A first argument that is no path is called "The file" in the message.

    >>> no_foreign_errors(lambda path: {}["PixelData"])("scans/t1.nii")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    monai_attn.errors.FileError: t1.nii: It is damaged or truncated...
    """

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        first = args[0] if args else next(iter(kwargs.values()), "")
        with foreign_errors(first if isinstance(first, (str, os.PathLike)) else "The file"):
            return function(*args, **kwargs)

    return guarded


def _name(source: str | os.PathLike[str]) -> str:
    """The last part of a path, shown as far as it is text: a name of bytes that are no UTF-8 can be printed too."""
    path = Path(os.fspath(source))
    name = path.name or path.absolute().name
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _cause(error: BaseException, cause: str) -> str:
    """What went wrong: the sentence of `CAUSES`, else the system's words for an error of the disk, else `cause`."""
    known = next((sentence for kind, sentence in CAUSES if isinstance(error, kind)), "")
    if known:
        return known
    if isinstance(error, OSError) and error.errno is not None:
        return f"It cannot be read: {os.strerror(error.errno)}. Copy it to another place, or check the disk."
    return cause
