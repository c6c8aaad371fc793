"""The exception tree. Every message says what happened, with which value, and what to do next.

All are `AttnError`. The classes tell a program what to do; a person reads the message.

>>> issubclass(FileError, InputError), issubclass(InputError, ValueError), issubclass(Cancelled, InputError)
(True, True, False)
"""

from __future__ import annotations

import os
import traceback
from pathlib import Path

__all__ = [
    "DEBUG",
    "AttnError",
    "BackendError",
    "BundleError",
    "Cancelled",
    "FileError",
    "GeometryError",
    "InputError",
    "LabelError",
    "OverrideError",
    "StaleError",
    "TrustError",
    "sentence",
]

DEBUG = "MONAI_ATTN_DEBUG"
"""The environment variable that asks for the traceback of every error, beside the error's sentence."""


class AttnError(Exception):
    """Whatever monai_attn refuses; the command line prints the message and exits with code 2.

    >>> try:
    ...     raise FileError("t1.nii.gz does not exist. Check the path.")
    ... except AttnError as error:
    ...     print(error)
    t1.nii.gz does not exist. Check the path.
    """


class InputError(AttnError, ValueError):
    """A value, a file or an option cannot be used. It is a `ValueError` too, so `except ValueError` catches it.

    >>> isinstance(InputError("A region has six numbers, not 5."), ValueError)
    True
    """


class FileError(InputError):
    """A file is missing, unreadable, truncated, of an unknown kind, or would be overwritten.

    >>> from monai_attn import read
    >>> read("no_such_image.nii.gz")
    Traceback (most recent call last):
    monai_attn.errors.FileError: no_such_image.nii.gz does not exist. Check the path.
    """


class StaleError(FileError):
    """The results of a finished case were made in another way, or from other images, than is asked for now.

    >>> issubclass(StaleError, FileError)
    True
    """


class GeometryError(InputError):
    """Where the voxels lie is undefined, ambiguous, or differs from what is asked for.

    Examples: a missing slice, an affine that does not span space, and a mask on another grid than the image.

    >>> issubclass(GeometryError, InputError)
    True
    """


class LabelError(InputError):
    """Labels are not whole numbers, or not those of the label table.

    >>> from monai_attn import LabelTable
    >>> LabelTable()[7]
    Traceback (most recent call last):
    monai_attn.errors.LabelError: No label has the value 7; the table knows [].
    """


class BundleError(InputError):
    """A bundle (model) is incomplete, or what it computes cannot be used as a segmentation.

    >>> issubclass(TrustError, BundleError), issubclass(OverrideError, BundleError)
    (True, True)
    """


class BackendError(InputError):
    """A back-end, such as OpenVINO, cannot run a network.

    >>> issubclass(BackendError, InputError)
    True
    """


class OverrideError(BundleError):
    """An override names something the bundle's config does not have, or is not written `key=value`.

    >>> issubclass(OverrideError, BundleError)
    True
    """


class TrustError(BundleError):
    """A bundle from outside the package would run its code, and nobody said it may.

    >>> issubclass(TrustError, BundleError)
    True
    """


class Cancelled(AttnError):  # noqa: N818 - a wish, not a failure
    """The user stopped the work; nothing was written.

    >>> issubclass(Cancelled, InputError)
    False
    """


def sentence(error: BaseException) -> str:
    """What happened, in words for the user: the message of our own errors, a description of all others.

    The text of an error from another library may hold what stands in a file, also a patient's name. Therefore only
    the kind of such an error and the place in the code are told, and how to see the rest. Of a path only the last
    part is shown.

    >>> sentence(FileNotFoundError(2, "No such file or directory", "/data/t1.nii"))
    't1.nii: No such file or directory.'
    """
    if isinstance(error, AttnError):
        return str(error)
    if isinstance(error, MemoryError):
        return "There was not enough memory."
    if isinstance(error, UnicodeEncodeError):
        return "A name holds characters that cannot be written as UTF-8. Rename the file or folder."
    if isinstance(error, OSError) and error.strerror:
        name = Path(os.fsdecode(error.filename)).name if isinstance(error.filename, str | bytes) else ""
        return f"{name}: {error.strerror}." if name else f"{error.strerror}."
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" in {Path(last[0].filename).name}, line {last[0].lineno}" if last else ""
    return f"Unexpected {type(error).__name__}{where}. Set {DEBUG}=1 to see the traceback."
