"""File names: the imaging suffixes, and what a file is called without them."""

from __future__ import annotations

from pathlib import Path

__all__ = ["VOLUME_SUFFIXES", "named_path", "stem", "suffix_of"]

SUFFIXES = (".nii.gz", ".nii", ".hdr", ".img", ".nrrd", ".nhdr", ".mha", ".mhd", ".dcm", ".dicom", ".ima")
"""Longest first: `.nii.gz` is one suffix."""


VOLUME_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
"""Those of files that hold a whole volume: what a folder of images is searched for."""


def named_path(path: str | Path) -> Path:
    """The path, made absolute where it has no name that a message could show, as "." and ".." have none.

    >>> named_path("case_017/t1.nii.gz").name, named_path(".").name == Path.cwd().name
    ('t1.nii.gz', True)
    """
    path = Path(path)
    return path if path.name not in {"", ".."} else path.resolve()


def suffix_of(path: str | Path) -> str:
    """The imaging suffix of a path in small letters, `.nii.gz` being one; "" when it has none.

    >>> suffix_of("case_017/T1.NII.GZ"), suffix_of("notes.txt"), suffix_of(".nii")
    ('.nii.gz', '', '')
    """
    name = Path(path).name.lower()
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix) and name != suffix), "")


def stem(path: str | Path) -> str:
    """What a file is called without its imaging suffix; a folder's own name.

    Any other dot stays: DICOM files are called `1.2.840.1`.

    >>> stem("case_017/t1.nii.gz")
    't1'
    """
    path = named_path(path)
    name = path.name
    suffix = suffix_of(path)
    return name[: -len(suffix)] if suffix and not path.is_dir() else name
