"""The image series that structures are written against.

`seg_write` and `rt_write` begin here. The series is chosen and sorted exactly as the readers of images do it, so that
slice k of the label map belongs to slice k of the series. Pixels are not decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from monai_attn.errors import FileError, GeometryError, InputError, LabelError
from monai_attn.io.dicom import list_series, series_of_file
from monai_attn.io.dicom.files import quiet
from monai_attn.io.dicom.frames import Frame
from monai_attn.io.dicom.series import choose_series, frame_of_reference, image_problem
from monai_attn.io.dicom.stack import check_plane, stack_affine
from monai_attn.io.dicom.volumes import split_volumes, what_they_are, without_copies
from monai_attn.io.dicomseg.copied import Undecodable, make_copyable
from monai_attn.io.foreign import foreign_errors
from monai_attn.io.values import pick_volume
from monai_attn.labels import LabelTable
from monai_attn.volume import RAS_TO_LPS, Volume, same_grid

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Source", "check_labels", "checked_text", "open_source", "plane_of", "silent"]

NEEDED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "FrameOfReferenceUID")
"""What a reference to an image cannot do without."""


@dataclass(frozen=True, eq=False)
class Source:
    """The slices of one volume of a series in order of K, its grid, and the header of each file without pixels.

    The first slice's header is fit to be copied from. `undecodable` holds its texts that are copied byte for byte.

    `grid` has the shape `(I, J, K)` and the affine to RAS+ mm, and no voxels set. `headers` has one entry for each
    file, so an enhanced file with many frames has one.
    """

    frames: tuple[Frame, ...]
    grid: Volume
    headers: dict[Path, Dataset]
    undecodable: Undecodable

    @property
    def first(self) -> Dataset:
        """The header of the first slice, for what all of them share."""
        return self.headers[self.frames[0].path]


@contextmanager
def silent() -> Iterator[None]:
    """No remarks by pydicom or highdicom: they quote values, a patient's name among them."""
    import warnings

    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def open_source(path: str | Path, *, series: str | None, volume: int | None) -> Source:
    """The series as `monai_attn.io.read` would take it. Raises `FileError`, `GeometryError` or `InputError`.

    `path` is the folder of the series, or one of its files. `series` and `volume` choose among several, as in `read`.

    `FileError` stands for no images or a damaged file, `GeometryError` for slices that form no stack. `InputError`
    stands for a choice that is open, colour images, and headers without the UIDs in `NEEDED`.
    """
    path = Path(path)
    found = list_series(path) if path.is_dir() else series_of_file(path)
    if not found:
        raise FileError(f"{path.name} holds no DICOM images. Choose the folder of the series that was segmented.")
    chosen = choose_series(found, series, path.name)
    name = f"{path.name}, series {chosen.key}" if len(found) > 1 else path.name
    if chosen.refusal is not None:
        raise chosen.refusal
    problem = image_problem(chosen.frames[0], name)
    if problem:
        raise InputError(problem)
    frames, _ = without_copies(chosen.frames)
    check_plane(frames[0], name)
    stacks, told_by = split_volumes(frames, name)
    frames = stacks[pick_volume(name, len(stacks), volume, what=what_they_are(stacks, told_by))]
    affine, _ = stack_affine(frames, name)
    shape = (frames[0].columns, frames[0].rows, len(frames))
    place = frame_of_reference(frames)
    grid = Volume(np.broadcast_to(np.bool_(False), shape), affine, chosen.modality, frame_of_reference=place)
    headers = {frame.path: _header(frame.path) for frame in frames}
    with silent():
        undecodable = make_copyable(headers[frames[0].path])
    return Source(tuple(frames), grid, headers, undecodable)


def _header(path: Path) -> Dataset:
    """The header of one file, without pixels; `FileError` where it is damaged, `InputError` where it lacks a UID of
    `NEEDED`.
    """
    from pydicom import dcmread

    with foreign_errors(path, "It is a damaged or truncated DICOM file. Copy or export it again."), silent():
        header = dcmread(path, stop_before_pixels=True, force=True)
    missing = [keyword for keyword in NEEDED if not header.get(keyword)]
    if missing:
        raise InputError(
            f"{path.name} has no {missing[0]}, so no other object can refer to it. "
            "Use the original export of the series."
        )
    return header


def check_labels(labels: Volume, table: LabelTable, source: Source, folder: str) -> None:
    """Raise `GeometryError` when the labels are not on the grid of the series, `LabelError` when they are no labels.

    `folder` is the name of the series for messages. Raises `InputError` for the name of a label that DICOM does not
    take, as `checked_text` does.

    A label map of zeros is refused with `LabelError`.
    """
    if not same_grid(labels, source.grid):
        raise GeometryError(
            f"The labels lie on another grid ({_described(labels)}) than the series in {folder} "
            f"({_described(source.grid)}). Segment that series itself, or resample the labels to its grid."
        )
    given = labels.frame_of_reference
    if given and given != source.grid.frame_of_reference:
        raise GeometryError(
            f"The labels belong to another frame of reference than the series in {folder}: equal numbers would "
            "mean other places in the patient. Choose the series that was segmented."
        )
    if labels.array.dtype.kind not in "iub":
        raise LabelError(f"A label map holds whole numbers; this one is of type {labels.array.dtype}.")
    table.check(labels.array)
    if not labels.array.any():
        raise LabelError(
            "No voxel is labelled, and a DICOM object without a single structure says nothing. Report the empty result "
            "in words, or write the label map as NIfTI."
        )
    for label in table:
        checked_text(label.name, f"The name of label {label.value}")
        if source.undecodable and not (label.name.isascii() and (label.code is None or label.code.meaning.isascii())):
            raise InputError(
                f"The name of label {label.value} is {label.name!r}. The series holds texts that its own character set "
                "cannot decode; they are copied byte for byte, and beside them only ASCII is written. Give the label "
                "a name in ASCII."
            )


def checked_text(value: str, what: str) -> str:
    """A text that fits DICOM's long string (LO): 1 to 64 characters and no backslash; else `InputError`.

    `what` begins the message. Blanks at the ends are refused too, since DICOM drops them.

    >>> checked_text("Left kidney", "The name of label 1")
    'Left kidney'

    >>> checked_text("", "The name")
    Traceback (most recent call last):
        ...
    monai_attn.errors.InputError: The name is ''; DICOM takes 1 to 64 printable characters without a backslash.
    """
    if not 0 < len(value.strip()) <= 64 or "\\" in value or not value.isprintable():
        raise InputError(f"{what} is {value!r}; DICOM takes 1 to 64 printable characters without a backslash.")
    if value != value.strip():
        raise InputError(f"{what} is {value!r}; DICOM drops the blanks around it. Take them away.")
    return value


def plane_of(frame: Frame) -> NDArray[np.float64]:
    """Affine `(4, 4)` of one slice, (column, row, 0) index to millimetres RAS+; the third axis is 1 mm of normal.

    The frame must have a position, an orientation and a pixel spacing. The centre of its first pixel is index (0, 0,
    0). Source: DICOM PS3.3 C.7.6.2.1.1.
    """
    row, column = np.array(frame.orientation).reshape(2, 3)
    between_rows, between_columns = cast("tuple[float, ...]", frame.spacing_mm)
    lps = np.eye(4)
    lps[:3, 0], lps[:3, 1], lps[:3, 2] = row * between_columns, column * between_rows, frame.normal
    lps[:3, 3] = cast("tuple[float, ...]", frame.position)
    return np.asarray(RAS_TO_LPS @ lps)


def _described(grid: Volume) -> str:
    """A grid in words for a message: size, spacing in mm, orientation, and the place of its first voxel in RAS+ mm."""
    size = " x ".join(str(n) for n in grid.shape)
    spacing = " x ".join(f"{edge:.3f}" for edge in grid.spacing_mm)
    corner = ", ".join(f"{x:.2f}" for x in grid.to_world([0, 0, 0]))
    return f"{size} voxels of {spacing} mm, {grid.orientation}, with the first voxel at ({corner}) mm"
