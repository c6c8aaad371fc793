"""One folder, and the paths in it: what leads out is refused, by `..`, by a link, or by a list of other files.

A path is looked at with its links followed. A folder is searched to its end, since a reader follows the links in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from monai_attn.errors import FileError, InputError
from monai_attn.io.names import VOLUME_SUFFIXES, stem, suffix_of

__all__ = ["Fence"]

MOST_FILES = 200_000
"""A folder of more files is refused, because each of its files is looked at before any is read."""

APART = (".nhdr", ".mhd")
"""Headers that name the file of their voxels."""


class Fence:
    """A folder that was named at the start; `image`, `mask`, `folder` and `new` give paths in it, or refuse.

    Raises `FileError` for a folder that does not exist. Paths are relative to the folder, or absolute and in it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     Fence(Path(place)).new("out/report.html").name
    'report.html'
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise FileError(f"{root.name} is no folder. Name the folder whose files may be read and written.")
        self.root = Path(os.path.realpath(root))

    def image(self, text: str) -> Path:
        """The path of an image file or of a folder of images, which may be read.

        One DICOM file is refused: its series is looked for in the folders around the file. Raises `InputError` for
        what leads out, and `FileError` for what is not there.
        """
        path = self._there(text)
        if path.is_file() and suffix_of(path) not in (*VOLUME_SUFFIXES, ".csv") and path.suffix != ".csv":
            raise InputError(
                f"{path.name} is no NIfTI, NRRD or MetaImage file. Of DICOM, name the folder of the series."
            )
        return path

    def mask(self, text: str) -> Path:
        """The path of a mask, which may be read: NIfTI, NRRD or MetaImage. Raises as `image` does."""
        path = self._there(text)
        if path.is_file() and suffix_of(path) not in VOLUME_SUFFIXES:
            raise InputError(
                f"{path.name} is no mask in NIfTI, NRRD or MetaImage. A DICOM SEG or RTSTRUCT becomes one on the "
                "command line: monai-attn convert MASK OUT.nii.gz --source IMAGE."
            )
        return path

    def new(self, text: str) -> Path:
        """A path that may be written. Raises `InputError` for what leads out, and for the folder itself.

        Nothing is made, and nothing that exists is replaced by a caller that asks this first and then writes without
        overwriting.
        """
        path = self._inside(text)
        if path == self.root:
            raise InputError("Name a file or a folder inside of the folder that was named at the start.")
        return path

    def all_inside(self, paths: Iterable[Path]) -> None:
        """Raise `InputError` where one of the paths, as a table or a data set names them, leads out of the folder."""
        for path in paths:
            self._there(str(path))

    def shown(self, path: Path) -> str:
        """A path as an answer says it: relative to the folder."""
        return Path(os.path.realpath(path)).relative_to(self.root).as_posix()

    def _there(self, text: str) -> Path:
        """A path that exists, of which nothing leads out: also no link in it, or beside it where it is a file."""
        path = self.new(text)
        if not path.exists():
            raise FileError(f"{path.name} does not exist in the folder. Ask for info without a path to see what does.")
        if path.is_dir():
            self._search(path)
        else:
            self._check_beside(path)
        return path

    def _inside(self, text: str) -> Path:
        """The real path of a text. Raises `InputError` where it does not lie in the folder."""
        if not text.strip() or "\0" in text:
            raise InputError("A path is empty, or holds a character that no path has. Name a file in the folder.")
        real = Path(os.path.realpath(self.root / text))
        if not real.is_relative_to(self.root):
            raise InputError(
                f"{Path(text).name or 'The path'} lies outside of the folder that was named at the start, or is a link "
                "that leads out. Only files in this folder are read and written."
            )
        return real

    def _search(self, folder: Path) -> None:
        """Raise `InputError` where a link in a folder or its subfolders leads out, or where it has too many files."""
        count = 0
        for place, folders, files in os.walk(folder):
            count += len(files)
            if count > MOST_FILES:
                raise InputError(f"{folder.name} has more than {MOST_FILES} files. Name one of its folders.")
            for name in (*folders, *files):
                if os.path.islink(os.path.join(place, name)):  # noqa: PTH114, PTH118 - many files, so no Path for each
                    self._inside(os.path.join(place, name))  # noqa: PTH118

    def _check_beside(self, path: Path) -> None:
        """Raise `InputError` where a link beside a file leads out that a reader may open with the file.

        These are files of the same name, such as the record of a mask, and of a header that keeps its voxels apart all
        files of the folder.
        """
        apart, name = suffix_of(path) in APART, stem(path)
        with os.scandir(path.parent) as entries:
            for entry in entries:
                if entry.is_symlink() and (apart or entry.name.startswith(name)):
                    self._inside(entry.path)
