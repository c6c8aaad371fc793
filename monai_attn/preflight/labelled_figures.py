"""What labelled cases are like in numbers: grids, grey values, structures. Each case is read once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monai_attn.cases import ImageFile
from monai_attn.cases.labelled import LabelledCase
from monai_attn.errors import AttnError, InputError
from monai_attn.io import count_volumes
from monai_attn.labels import LabelTable
from monai_attn.measure.blocks import Block, find_blocks, label_array, label_counts
from monai_attn.progress import Progress
from monai_attn.volume import Box, Volume, same_grid

__all__ = ["CaseFigures", "ImageFigures", "LabelFigures", "Visit", "case_figures", "read_cases"]

PERCENTILES = (0.5, 1, 5, 25, 50, 75, 95, 99, 99.5)
"""Percentiles of grey values, "p0.5" to "p99.5"."""

SAMPLE = 250_000
"""Grey values that are sorted for the percentiles of an image, evenly spaced over it."""

INSIDE = 20_000
"""Grey values that are sorted for the percentiles within a structure."""

Visit = Callable[[LabelledCase, Mapping[str, Volume], Volume], None]
"""`visit(case, images, labels)`: called with each case while its images are in memory, one case at a time."""


@dataclass(frozen=True)
class ImageFigures:
    """One image of a case. `values` are percentiles of the finite grey values, empty where none is finite.

    - `modality`, `unit`: as the file says, "" where it does not.
    - `not_finite`: voxels that are NaN or infinite. `blank`: the share of voxels with the most common value, where
      that is nearly all of them; else 0.
    - `digest`: equal for images of equal size and voxels, whatever their header says.
    - `holds_labels`: the share of the mask's labelled voxels that lie within this image, 1 without a labelled voxel.
    - `frame_of_reference`: as DICOM says, "" elsewhere.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    orientation: str
    modality: str
    unit: str
    values: Mapping[str, float]
    not_finite: int
    blank: float
    digest: str
    holds_labels: float
    frame_of_reference: str = ""


@dataclass(frozen=True)
class LabelFigures:
    """One structure of a mask: voxels, volume, the box around it and its middle in mm (RAS+).

    - `values`: percentiles of the first image within the structure, empty where the grids differ.
    - `at_end`: whether it reaches the first or the last slice along the body, so that the scan may cut it.
    """

    voxels: int
    volume_ml: float
    box_mm: Box
    middle_mm: tuple[float, float, float]
    values: Mapping[str, float]
    at_end: bool


@dataclass(frozen=True)
class CaseFigures:
    """One case in numbers. With a `problem` it could not be read, and all else is empty.

    - `images`: by image name. `structures`: by value in the label table, those with a voxel.
    - `shape`, `spacing_mm`: the grid of the mask. `on_grid`: the images that lie on that grid.
    - `apart`: how far the grid of the mask lies from that of the first image, in voxels at the farthest corner;
      infinite for another number of voxels.
    - `unknown`: values of the mask that the label table does not name.
    - `notes`: what the readers of images and mask had to decide, each sentence once.
    """

    name: str
    images: Mapping[str, ImageFigures] = field(default_factory=dict)
    structures: Mapping[int, LabelFigures] = field(default_factory=dict)
    shape: tuple[int, int, int] = (0, 0, 0)
    spacing_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    on_grid: tuple[str, ...] = ()
    apart: float = 0.0
    unknown: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""


def read_cases(
    cases: Sequence[LabelledCase],
    table: LabelTable,
    *,
    progress: Progress | None = None,
    visit: Visit | None = None,
) -> list[CaseFigures]:
    """Read every case once and note its numbers, in order. The next case is read while one is looked at.

    `visit` sees each case that could be read, with its images and mask. What cannot be read becomes a `problem`.
    """
    found = []
    for number, (case, read) in enumerate(_read_ahead(cases), start=1):
        if isinstance(read, str):
            found.append(CaseFigures(case.name, problem=read))
        else:
            images, labels = read
            try:
                found.append(case_figures(case.name, images, labels, table))
                if visit is not None:
                    visit(case, images, labels)
            except AttnError as error:
                found.append(CaseFigures(case.name, problem=str(error)))
        if progress is not None:
            progress(number, len(cases))
    return found


def case_figures(name: str, images: Mapping[str, Volume], labels: Volume, table: LabelTable) -> CaseFigures:
    """The numbers of one case, whose `images` stand in the order of the data set, and whose mask is `labels`.

    Raises `LabelError` for a mask with fractions or values below 0.
    """
    array = label_array(labels)
    blocks = find_blocks(array)
    counts = label_counts(array)
    known = {label.value for label in table}
    first = next(iter(images.values()))
    on_grid = tuple(key for key, image in images.items() if same_grid(image, labels))
    inside = first if next(iter(images)) in on_grid else None
    return CaseFigures(
        name,
        {key: _image(image, labels, blocks) for key, image in images.items()},
        {
            value: _structure(labels, array, value, counts[value], block, inside)
            for value, block in blocks.items()
            if value in known
        },
        labels.shape,
        labels.spacing_mm,
        on_grid,
        _apart(first, labels),
        tuple(value for value in blocks if value not in known),
        tuple(dict.fromkeys(note for volume in (*images.values(), labels) for note in volume.notes)),
    )


def _read_ahead(
    cases: Sequence[LabelledCase],
) -> Iterator[tuple[LabelledCase, tuple[dict[str, Volume], Volume] | str]]:
    """Each case with its images and its mask, or with the reason why they cannot be read."""
    with ThreadPoolExecutor(1) as pool:
        waiting = [pool.submit(_read, case) for case in cases[:1]]
        for number, case in enumerate(cases):
            read = waiting.pop(0)
            result = read.result()
            waiting += [pool.submit(_read, following) for following in cases[number + 1 : number + 2]]
            yield case, result


def _read(case: LabelledCase) -> tuple[dict[str, Volume], Volume] | str:
    try:
        images = {name: image.read() for name, image in case.images.items()}
        _check_channels(case.images)
        return images, case.label.read(like=next(iter(images.values())))
    except AttnError as error:
        return str(error)


def _check_channels(images: Mapping[str, ImageFile]) -> None:
    """Raise `InputError` where a file of several channels has more of them than a case has images."""
    chosen: dict[Path, int] = {}
    for image in images.values():
        if image.volume is not None:
            chosen[image.path] = max(chosen.get(image.path, 0), image.volume + 1)
    for path, named in chosen.items():
        there = count_volumes(path)
        if len(images) > 1 and there > named:
            raise InputError(f"{path.name} has {there} channels, and the data set names {named}. Name all of them.")


def _image(image: Volume, labels: Volume, blocks: Mapping[int, Block]) -> ImageFigures:
    array = image.array
    finite = np.isfinite(array) if array.dtype.kind == "f" else None
    not_finite = 0 if finite is None else int(array.size - np.count_nonzero(finite))
    values = percentiles(array.ravel(order="K")[:: max(array.size // SAMPLE, 1)])
    blank = 0.0
    if values and values["p1"] == values["p99"]:
        blank = float(np.count_nonzero(array == values["p50"])) / array.size
    return ImageFigures(
        image.shape,
        image.spacing_mm,
        image.orientation,
        image.modality,
        image.unit,
        values,
        not_finite,
        blank,
        _digest(array),
        _held(image, labels, blocks),
        image.frame_of_reference,
    )


def _structure(
    labels: Volume, array: NDArray[np.integer], value: int, voxels: int, block: Block, image: Volume | None
) -> LabelFigures:
    mask = array[block] == value
    lower = np.array([part.start for part in block], float)
    corners = labels.crop(block).bounds
    middle = labels.to_world(lower + np.array([float(axis.mean()) for axis in np.nonzero(mask)]))
    body = next(axis for axis, letter in enumerate(labels.orientation) if letter in "SI")
    at_end = block[body].start == 0 or block[body].stop == labels.shape[body]
    inside = {} if image is None else percentiles(image.array[block][mask][:: max(voxels // INSIDE, 1)])
    x, y, z = (float(part) for part in middle)
    return LabelFigures(voxels, voxels * labels.voxel_ml, corners, (x, y, z), inside, at_end)


def percentiles(values: NDArray[np.generic]) -> dict[str, float]:
    """Percentiles "p0.5" to "p99.5" of the finite values, empty where there is none."""
    numbers = np.asarray(values, np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not numbers.size:
        return {}
    return {
        f"p{one:g}": float(value) for one, value in zip(PERCENTILES, np.percentile(numbers, PERCENTILES), strict=True)
    }


def _digest(array: NDArray[np.generic]) -> str:
    """A digest of size and voxels as float32; the type in the file and the place in the patient do not count."""
    digest = hashlib.blake2b(repr(array.shape).encode(), digest_size=16)
    for plane in np.moveaxis(array, 2, 0):
        digest.update(np.asarray(plane, np.float32).tobytes(order="F"))
    return digest.hexdigest()


def _held(image: Volume, labels: Volume, blocks: Mapping[int, Block]) -> float:
    """The share of the boxes around the structures that lies within the image, by patient coordinates."""
    if not blocks or same_grid(image, labels):
        return 1.0
    lower = np.min([[part.start for part in block] for block in blocks.values()], axis=0)
    upper = np.max([[part.stop - 1 for part in block] for block in blocks.values()], axis=0)
    axes = [np.linspace(start, stop, 9) for start, stop in zip(lower, upper, strict=True)]
    points = image.to_index(labels.to_world(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)))
    return float(((points > -1) & (points < np.array(image.shape))).all(axis=1).mean())


def _apart(image: Volume, labels: Volume) -> float:
    """The distance of the two grids at the farthest corner, in voxels of the image; infinite for other sizes."""
    if image.shape != labels.shape:
        return float("inf")
    corners = np.array(np.meshgrid(*((0, size - 1) for size in image.shape), indexing="ij")).reshape(3, 8).T
    return float(np.abs(image.to_index(labels.to_world(corners)) - corners).max())
