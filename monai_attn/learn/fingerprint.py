"""What labelled cases are like in numbers: the basis on which a training is planned. Every case is read once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from monai_attn.cases import ImageInput
from monai_attn.cases.labelled import LabelledCase, LabelledSet
from monai_attn.labels import LabelTable, pairs_of
from monai_attn.measure.blocks import Block, label_array, label_blocks
from monai_attn.preflight.figures import PATIENT_AXIS
from monai_attn.preflight.made_for import MadeFor
from monai_attn.preflight.training_data import MadeForSoFar
from monai_attn.volume import Volume, same_grid

__all__ = ["Fingerprint", "FingerprintSoFar", "ImageFingerprint", "StructureFingerprint"]

PERCENTILES = (0.5, 5, 50, 95, 99.5)

SAMPLE = 20_000
"""Grey values that one case gives to the statistics, at most."""

ASIDE_MM = 20.0
"""How far a spleen or a liver lies from the middle at least. In an image cropped around one organ nothing does."""


@dataclass(frozen=True)
class ImageFingerprint:
    """One image over the cases. Axes are right-left, anterior-posterior, superior-inferior.

    - `cases`: how many cases have the image.
    - `size`, `spacing_mm`: medians over the cases, in voxels and mm. `finest_mm`, `coarsest_mm`: their 10 and 90
      percentiles of the spacing. `largest`: the largest size.
    - `values`: percentiles "p0.5", "p5", "p50", "p95" and "p99.5", mean and sd of the grey values inside the
      structures.
    """

    name: str
    modality: str
    unit: str
    cases: int
    size: tuple[float, float, float]
    largest: tuple[float, float, float]
    spacing_mm: tuple[float, float, float]
    finest_mm: tuple[float, float, float]
    coarsest_mm: tuple[float, float, float]
    values: Mapping[str, float]


@dataclass(frozen=True)
class StructureFingerprint:
    """One structure over the cases in which it was drawn.

    - `drawn`: the number of these cases. `found`: in how many of them the structure has a voxel.
    - `volume_ml`: the smallest, median and largest volume, nan without a voxel. `thickness_mm`: the median over cases
      of the diameter of the largest ball that fits into the structure.
    - `share`: the median share of the image's voxels that belong to the structure.
    - `side`: "left" or "right" where it lies `ASIDE_MM` to this side of the image's middle in nine of ten cases.
    """

    value: int
    name: str
    drawn: int
    found: int
    volume_ml: tuple[float, float, float]
    thickness_mm: float
    share: float
    side: str = ""


@dataclass(frozen=True)
class Fingerprint:
    """Labelled cases in numbers. `pairs` are the label values of a left and a right structure.

    `gaps`: how many cases lack one of the images. `made_for`: the ranges that new images and masks are compared with.
    """

    cases: int
    images: tuple[ImageFingerprint, ...]
    structures: tuple[StructureFingerprint, ...]
    pairs: tuple[tuple[int, int], ...]
    gaps: int
    made_for: MadeFor


class FingerprintSoFar:
    """The fingerprint of cases that come one after the other, such as those that `read_cases` visits.

    `names` are the cases that count: those that the network learns from.
    """

    def __init__(self, labelled: LabelledSet, names: Collection[str]) -> None:
        self.labelled = labelled
        self.names = set(names)
        self._ranges = MadeForSoFar(labelled.images, labelled.labels)
        self._cases: list[LabelledCase] = []
        self._seen: list[_Seen] = []

    def visit(self, case: LabelledCase, images: Mapping[str, Volume], labels: Volume) -> None:
        """Note the numbers of a case."""
        if case.name in self.names:
            self._cases.append(case)
            self._seen.append(_look(images, labels, case.scored(self.labelled.labels), self.labelled.labels))
            scored = np.isin(labels.array, case.scored(self.labelled.labels))
            self._ranges.add(images, labels.with_array(np.where(scored, labels.array, 0)))

    def fingerprint(self, inputs: Sequence[ImageInput] | None = None) -> Fingerprint:
        """The fingerprint of all cases so far. Raises `InputError` without a case.

        `inputs` are the images with the modality and unit that became known since; by default those of the data set.
        """
        labelled, seen = self.labelled, self._seen
        images = (_image(one.name, one.modality, one.unit, seen) for one in inputs or labelled.images)
        return Fingerprint(
            cases=len(seen),
            images=tuple(image for image in images if image is not None),
            structures=tuple(
                _structure(one.value, one.name, self._cases, labelled.labels, seen) for one in labelled.labels
            ),
            pairs=pairs_of(labelled.labels),
            gaps=sum(len(case.images) < len(labelled.images) for case in self._cases),
            made_for=self._ranges.made_for(inputs),
        )


@dataclass(frozen=True)
class _Seen:
    """What one case gave: size, spacing and values of each image by name; numbers of each structure by label value.

    The numbers: its volume, thickness and share, and how far its centre lies right of the image's middle, in mm.
    """

    images: Mapping[str, tuple[tuple[float, ...], tuple[float, ...], NDArray[np.float64]]]
    structures: Mapping[int, tuple[float, float, float, float]]


def _look(images: Mapping[str, Volume], labels: Volume, scored: Sequence[int], table: LabelTable) -> _Seen:
    """The numbers of one case. Structures that are not scored, for example cut by the scan's end, are left out."""
    array = label_array(labels)
    inside = _sampled(np.argwhere(array), SAMPLE)
    found = {
        name: (
            _along_patient(volume, volume.shape),
            _along_patient(volume, volume.spacing_mm),
            _values(volume, labels, inside),
        )
        for name, volume in images.items()
    }
    structures = {}
    for value, block in label_blocks(array, table).items():
        if block is not None and value in scored:
            part = array[block] == value
            count = int(np.count_nonzero(part))
            thickness, right = _thickness(part, labels.spacing_mm), _right_mm(labels, part, block)
            structures[value] = (count * labels.voxel_ml, thickness, count / array.size, right)
    return _Seen(found, structures)


def _values(volume: Volume, labels: Volume, inside: NDArray[np.int64]) -> NDArray[np.float64]:
    """Grey values of an image at voxels of a label map `(n, 3)`, by patient coordinates where the grids differ."""
    index = inside if same_grid(volume, labels) else np.rint(volume.to_index(labels.to_world(inside))).astype(int)
    index = index[((index >= 0) & (index < np.array(volume.shape))).all(axis=1)]
    values = np.asarray(volume.array[tuple(index.T)], dtype=np.float64)
    return values[np.isfinite(values)]


def _sampled(rows: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    """At most so many rows, evenly spaced."""
    return rows[:: max(-(-len(rows) // limit), 1)]


def _along_patient(volume: Volume, numbers: Iterable[float]) -> tuple[float, float, float]:
    """A number for each voxel axis, in the order of the patient axes."""
    found = {PATIENT_AXIS[letter]: float(number) for letter, number in zip(volume.orientation, numbers, strict=True)}
    return found[0], found[1], found[2]


def _thickness(mask: NDArray[np.bool_], spacing_mm: Sequence[float]) -> float:
    """The diameter in mm of the largest ball within a mask."""
    return 2 * float(ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing_mm).max()) - min(spacing_mm)


def _right_mm(labels: Volume, part: NDArray[np.bool_], block: Block) -> float:
    """How far the centre of a structure lies to the right of the middle of the image, in mm; `part` fills the block."""
    axis = next(axis for axis, letter in enumerate(labels.orientation) if letter in "LR")
    counts = part.sum(axis=tuple(other for other in range(3) if other != axis))
    centre = block[axis].start + float(np.average(np.arange(len(counts)), weights=counts))
    beyond = float((centre - (labels.shape[axis] - 1) / 2) * labels.spacing_mm[axis])
    return beyond if labels.orientation[axis] == "R" else -beyond


def _image(name: str, modality: str, unit: str, seen: Sequence[_Seen]) -> ImageFingerprint | None:
    """One image over all cases; None where no case has it."""
    rows = [one.images[name] for one in seen if name in one.images]
    if not rows:
        return None
    sizes, spacings = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    return ImageFingerprint(
        name,
        modality,
        unit,
        len(rows),
        _three(np.median(sizes, axis=0)),
        _three(sizes.max(axis=0)),
        _three(np.median(spacings, axis=0)),
        _three(np.percentile(spacings, 10, axis=0)),
        _three(np.percentile(spacings, 90, axis=0)),
        _statistics(np.concatenate([row[2] for row in rows])),
    )


def _statistics(values: NDArray[np.float64]) -> dict[str, float]:
    """Percentiles, mean and sd; empty without a value."""
    if not values.size:
        return {}
    percentiles = {f"p{share:g}": float(np.percentile(values, share)) for share in PERCENTILES}
    clipped = np.clip(values, percentiles["p0.5"], percentiles["p99.5"])
    return {**percentiles, "mean": float(clipped.mean()), "sd": float(clipped.std())}


def _structure(
    value: int, name: str, cases: Sequence[LabelledCase], table: LabelTable, seen: Sequence[_Seen]
) -> StructureFingerprint:
    rows = np.array([one.structures[value] for one in seen if value in one.structures])  # (n, 4)
    drawn = sum(value in case.known(table) for case in cases)
    if not len(rows):
        nan = float("nan")
        return StructureFingerprint(value, name, drawn, 0, (nan, nan, nan), nan, 0.0)
    volumes = rows[:, 0]
    return StructureFingerprint(
        value,
        name,
        drawn,
        len(rows),
        (float(volumes.min()), float(np.median(volumes)), float(volumes.max())),
        float(np.median(rows[:, 1])),
        float(np.median(rows[:, 2])),
        next((side for side, way in (("left", -1), ("right", 1)) if (way * rows[:, 3] >= ASIDE_MM).mean() >= 0.9), ""),
    )


def _three(numbers: Any) -> tuple[float, float, float]:
    i, j, k = (round(float(number), 4) for number in numbers)
    return i, j, k
