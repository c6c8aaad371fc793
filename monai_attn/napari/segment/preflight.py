"""Before a long run: does this image suit this bundle, how long will it take, will it fit. Numbers only, no window."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from monai_attn.errors import GeometryError
from monai_attn.napari.segment.estimate import (
    available_bytes,
    count_windows,
    network_shape,
    peak_bytes,
    seconds_per_window,
)
from monai_attn.napari.segment.needs import Needs
from monai_attn.volume import Box, Volume, same_grid

__all__ = ["Finding", "Preflight", "preflight", "time_text"]

COARSE, FINE = 3.0, 1 / 4
"""A spacing this many times that of the training data is worth a word: details missing, or thrown away."""

AIR_HU = -500
"""Values below this are CT's air; images of other modalities hardly go there."""


@dataclass(frozen=True)
class Finding:
    """One sentence on the image and the bundle; `severity` is "error" (will be refused), "warning" or "note"."""

    severity: str
    text: str


@dataclass(frozen=True)
class Preflight:
    """What is known before a run: findings, the windows, seconds and bytes it will take (None where not known).

    With `at_most`, windows of air are skipped, and nobody knows yet how many.
    """

    findings: tuple[Finding, ...]
    windows: int | None = None
    seconds: float | None = None
    measured: bool = False
    bytes: int | None = None
    at_most: bool = False

    @property
    def ready(self) -> bool:
        """Whether nothing found would be refused."""
        return all(finding.severity != "error" for finding in self.findings)


def preflight(
    needs: Needs,
    images: Mapping[str, Volume],
    *,
    region: Box | None = None,
    device: str = "cpu",
    backend: str = "torch",
    extra_runs: int = 0,
    speeds: Path | None = None,
    memory: int | None = None,
) -> Preflight:
    """Compare what was chosen with what the bundle asks for; `images` by the names of its slots.

    Time: windows counted as the bundle's inferer lays them, times the seconds a window took on this bundle, device and
    backend before (`speeds`, see `remember`), else a guess from the window's size. `extra_runs`: how often every window
    is run besides, for maps. Memory: see `peak_bytes`, compared
    with `memory` (bytes), else with what the system has free.
    """
    findings = [*_missing(needs, images), *_joined(needs, images)]
    for slot in needs.slots:
        if slot.name in images:
            findings += _modality(slot.name, slot.modality, images[slot.name], needs)
    if not images:
        return Preflight(tuple(findings))
    name, first = next((slot.name, images[slot.name]) for slot in needs.slots if slot.name in images)
    try:
        part = first.crop(first.slices_of(region)) if region else first
    except GeometryError as error:
        return Preflight((*findings, Finding("error", str(error))))
    findings += [*_spacing(needs, name, first), *_extent(needs, part, region)]
    shape = network_shape(needs, part)
    windows = count_windows(replace(needs, runs=max(needs.runs, 1 + extra_runs)), shape)
    each, measured = seconds_per_window(needs, device, backend, file=speeds)
    needed = peak_bytes(needs, shape, part)
    free = available_bytes() if memory is None else memory
    if free is not None and needed > free:
        findings.append(
            Finding(
                "warning",
                f"About {needed / 2**30:.1f} GiB of memory are needed and {free / 2**30:.1f} GiB are free. "
                "Draw a region, or close other programs.",
            )
        )
    findings += [Finding("note", f"{slot}: {note}") for slot, image in images.items() for note in image.notes]
    seconds = None if windows is None else windows * each
    return Preflight(tuple(findings), windows, seconds, measured, needed, needs.skips_air)


def time_text(result: Preflight) -> str:
    """The estimate in one line, saying whether it rests on a measurement."""
    if result.windows is None or result.seconds is None:
        return "Time: not known before the first run."
    how = "as timed on this machine" if result.measured else "a guess before the first run"
    memory = f"; about {result.bytes / 2**30:.1f} GiB of memory" if result.bytes else ""
    most = "at most " if result.at_most else ""
    return f"{most}{result.windows} windows, about {duration(result.seconds)} ({how}){memory}."


def duration(seconds: float) -> str:
    """Seconds as one reads them.

    >>> duration(0.4), duration(75), duration(5400)
    ('1 s', '1 min 15 s', '1 h 30 min')
    """
    whole = max(1, math.ceil(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _missing(needs: Needs, images: Mapping[str, Volume]) -> Iterator[Finding]:
    lacking = [slot for slot in needs.slots if slot.name not in images]
    if lacking and (not needs.optional or not images):
        words = ", ".join(f"{slot.name} ({slot.modality})" if slot.modality else slot.name for slot in lacking)
        yield Finding("error", f"The bundle {needs.name} needs an image for {words}. Choose a layer.")
    elif lacking:
        names = ", ".join(slot.name for slot in lacking)
        yield Finding("warning", f"Without {names} the mask will be less certain; the bundle takes what there is.")


def _joined(needs: Needs, images: Mapping[str, Volume]) -> Iterator[Finding]:
    """Whether several images can be one case: one grid where they are channels, one patient space elsewhere."""
    names, volumes = list(images), list(images.values())
    for name, volume in zip(names[1:], volumes[1:], strict=True):
        if needs.joined and not same_grid(volumes[0], volume):
            yield Finding(
                "error",
                f"{name} has another grid than {names[0]}, and this bundle takes them as channels of one image. "
                "Resample one to the other first.",
            )
        frames = {volumes[0].frame_of_reference, volume.frame_of_reference} - {""}
        if len(frames) > 1:
            yield Finding("error", f"{name} and {names[0]} have different frames of reference: register them first.")


def _modality(slot: str, wanted: str, image: Volume, needs: Needs) -> Iterator[Finding]:
    if not wanted:
        return
    if image.modality in ("MR", "CT", "PT"):
        if image.modality != wanted:
            yield Finding(
                "error", f"{slot}: the bundle {needs.name} is for {wanted}, and this image is {image.modality}."
            )
        return
    sample = np.asarray(image.array[:: max(1, image.shape[0] // 16)])
    lowest = float(sample.min())
    looks_like_ct = lowest < AIR_HU
    if looks_like_ct and wanted != "CT":
        yield Finding(
            "warning",
            f"{slot}: values down to {lowest:.0f} look like CT, and the bundle {needs.name} is for {wanted}.",
        )
    elif wanted == "CT" and not looks_like_ct:
        yield Finding(
            "warning", f"{slot}: no value is below {AIR_HU}, so this does not look like CT in Hounsfield units."
        )
    else:
        yield Finding("note", f"{slot}: the file does not tell its modality; the bundle is for {wanted}.")


def _spacing(needs: Needs, slot: str, image: Volume) -> Iterator[Finding]:
    pixdim = [edge for edge in needs.pixdim_mm or () if edge > 0]
    if not pixdim:
        return
    worst, finest = max(image.spacing_mm), min(image.spacing_mm)
    trained = " x ".join(f"{edge:.3g}" for edge in pixdim)
    if worst > COARSE * max(pixdim):
        yield Finding(
            "warning",
            f"{slot}: voxels up to {worst:.3g} mm apart; the bundle works at {trained} mm. Expect coarse outlines.",
        )
    if finest < FINE * min(pixdim):
        yield Finding(
            "note", f"{slot}: voxels of {finest:.3g} mm; the bundle works at {trained} mm, finer detail is lost."
        )
    if image.is_sheared:
        yield Finding(
            "warning", f"{slot}: the grid is sheared (gantry tilt); it is resampled, and shapes suffer a little."
        )


def _extent(needs: Needs, part: Volume, region: Box | None) -> Iterator[Finding]:
    """Whether as much of the body is in view as in the training images."""
    size = np.array(part.bounds.upper_mm) - part.bounds.lower_mm
    words = " x ".join(f"{edge:.0f}" for edge in size)
    what = "The region" if region else "The image"
    if min(part.shape) < 2:
        yield Finding("warning", f"{what} is one voxel thick; a 3-D network sees no depth in it.")
    if needs.field_mm is None:
        return
    least, most = needs.field_mm
    trained = " x ".join(f"{a:.0f}-{b:.0f}" for a, b in zip(least, most, strict=True))
    if (size > 1.5 * np.array(most)).any():
        cure = "Draw a smaller one." if region else "Draw a region around it."
        yield Finding(
            "warning",
            f"{what} spans {words} mm; the bundle was trained on {trained} mm around its structure and finds others "
            f"elsewhere. {cure}",
        )
    elif (size < 0.6 * np.array(least)).any():
        yield Finding("warning", f"{what} spans only {words} mm; the bundle was trained on {trained} mm.")
