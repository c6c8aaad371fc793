"""The studies in a tree of DICOM files as an archive exports it, and the series of each study. No voxel is read."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from monai_attn.io.dicom.catalogue import ImageHeader, catalogue

__all__ = ["Studies", "Study", "StudySeries", "find_studies"]

AXES = ("sagittal", "coronal", "axial")
"""Names of the planes whose normal is nearest to the axis left-right, front-back and head-feet."""

NAMED = 8
"""Letters of the SHA-256 of a study's UID that name the study."""

GAP = 1.5
"""A step between slices that is longer than the usual step by this factor is a gap."""

PLACE_MM = 0.01
"""Positions along the normal that differ by less are the same."""


@dataclass(frozen=True)
class StudySeries:
    """One series of a study: images of one UID, modality, matrix and orientation.

    - `plane`: "axial", "coronal" or "sagittal", whichever is nearest; "" where the header does not say it.
    - `slices`: places along the normal; `volumes`: images at each place (echoes, times, b-values).
    - `step_mm`: the usual distance of slices; 0 where it is not known. `gaps`: how many steps are longer.
    - `copies`: files that repeat an image. `same_as`: the number of a series of the study that shows the same images.
    - `ends_mm`: where the first and the last slice lie along the normal; empty where it is not known.
    """

    uid: str
    modality: str
    description: str
    number: str
    plane: str
    slices: int
    volumes: int
    size: tuple[int, int]
    pixel_mm: tuple[float, ...]
    step_mm: float
    gaps: int
    copies: int
    localizer: bool
    files: tuple[Path, ...] = field(repr=False)
    same_as: str = ""
    ends_mm: tuple[float, ...] = ()

    @property
    def folder(self) -> Path:
        """The folder that holds all files of the series, itself or in its subfolders."""
        return Path(os.path.commonpath([path.parent for path in self.files]))

    def __str__(self) -> str:
        spacing = " x ".join(f"{edge:.3g}" for edge in (*self.pixel_mm, self.step_mm) if edge)
        parts = [f"series {self.number or '?'}", self.modality or "no modality", repr(self.description), self.plane]
        parts.append(f"{self.size[1]} x {self.size[0]} x {self.slices}" + (f" of {spacing} mm" if spacing else ""))
        parts += [f"{self.gaps} gaps"] * (self.gaps > 0) + [f"{self.copies} copies"] * (self.copies > 0)
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class Study:
    """One study: its name, made from the study's UID and not from a patient, and its series by number."""

    name: str
    series: tuple[StudySeries, ...]


@dataclass(frozen=True)
class Studies:
    """The studies of a tree by name; the files that look like DICOM and cannot be read; how many headers were read."""

    studies: tuple[Study, ...]
    damaged: tuple[Path, ...]
    read: int


def find_studies(folder: Path, *, cache: Path | None = None) -> Studies:
    """The studies in a folder and all its subfolders, whatever the folders are called.

    A second call reads only files that are new or have changed, see `monai_attn.io.dicom.catalogue`. A folder without
    images gives no study. Raises `FileError` when the folder is missing.
    """
    found = catalogue(folder, cache=cache)
    by_study: dict[str, dict[Path, ImageHeader]] = defaultdict(dict)
    for path, header in found.images.items():
        by_study[header.study or header.series or str(path.parent)][path] = header
    studies = (_study(uid, headers) for uid, headers in by_study.items())
    return Studies(tuple(sorted(studies, key=lambda one: one.name)), found.damaged, found.read)


def _study(uid: str, headers: Mapping[Path, ImageHeader]) -> Study:
    groups: dict[object, dict[Path, ImageHeader]] = defaultdict(dict)
    for path, one in headers.items():
        turned = tuple(np.round(one.orientation, 2) + 0.0)
        groups[one.series, one.modality, one.rows, one.columns, turned][path] = one
    described = sorted((_series(group) for group in groups.values()), key=_order)
    name = f"study-{hashlib.sha256(uid.encode()).hexdigest()[:NAMED]}"
    return Study(name, tuple(_marked(described)))


def _order(one: StudySeries) -> tuple[int, str, str]:
    return (int(one.number) if one.number.lstrip("-").isdigit() else 0, one.uid, str(one.files[0]))


def _series(headers: Mapping[Path, ImageHeader]) -> StudySeries:
    """One group of images as a series: copies left out, places along the normal counted."""
    kept: dict[str, Path] = {}
    for path, one in headers.items():
        kept.setdefault(one.instance or str(path), path)
    images = {path: headers[path] for path in kept.values()}
    first = next(iter(images.values()))
    places = _places(images.values())
    steps = np.diff(places)
    step = float(np.median(steps)) if len(steps) else first.thickness
    frames = sum(one.frames for one in images.values())
    slices = len(places) or frames
    return StudySeries(
        uid=first.series,
        modality=first.modality,
        description=first.description,
        number=first.number,
        plane=_plane(first.orientation),
        slices=slices,
        volumes=max(1, round(frames / slices)) if slices else 1,
        size=(first.rows, first.columns),
        pixel_mm=first.spacing,
        step_mm=step,
        gaps=int(np.count_nonzero(steps > GAP * step)) if len(steps) > 1 else 0,
        copies=len(headers) - len(images),
        localizer="LOCALIZER" in first.image_type.upper().split("\\"),
        files=tuple(images),
        ends_mm=(round(places[0], 1), round(places[-1], 1)) if places else (),
    )


def _places(images: Iterable[ImageHeader]) -> list[float]:
    """Where the slices lie along their normal, in mm, each place once; none where the headers do not say it."""
    found: list[float] = []
    for one in images:
        if not one.position or not one.orientation:
            return []
        normal = np.cross(one.orientation[:3], one.orientation[3:])
        found.append(float(np.dot(normal, one.position)))
    found.sort()
    return [place for number, place in enumerate(found) if number == 0 or place - found[number - 1] > PLACE_MM]


def _plane(orientation: tuple[float, ...]) -> str:
    if not orientation:
        return ""
    return AXES[int(np.argmax(np.abs(np.cross(orientation[:3], orientation[3:]))))]


def _marked(series: list[StudySeries]) -> Iterable[StudySeries]:
    """The series, those marked that show the same as an earlier one: sent twice, under another UID.

    A series without number and description, as some anonymisers leave them, is not marked: it may be another one.
    """
    seen: dict[object, StudySeries] = {}
    for one in series:
        place = (one.plane, one.slices, one.volumes, one.size, one.pixel_mm, one.step_mm, one.ends_mm)
        called = (one.modality, one.number, one.description) if one.number or one.description else one.uid
        earlier = seen.setdefault((place, called), one)
        yield one if earlier is one else replace(one, same_as=earlier.number or "?")
