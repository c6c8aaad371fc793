"""Before a run: do these images suit this bundle, how long will it take, will it fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from monai_attn.backends.execution import Execution
from monai_attn.bundle.describe import BundleDescription
from monai_attn.errors import GeometryError
from monai_attn.preflight.estimate import DEFAULT, Estimate, estimate
from monai_attn.preflight.findings import Finding
from monai_attn.preflight.memory import available_bytes
from monai_attn.volume import Box, Volume, same_grid

__all__ = ["Outlook", "outlook"]

COARSE, FINE = 3.0, 1 / 4
"""A spacing this many times that of the training data is worth a word: details missing, or thrown away."""

AIR_HU = -500
"""Values below this are CT's air; images of other modalities hardly go there."""


@dataclass(frozen=True)
class Outlook:
    """What is known before a run: findings, and the estimate; None where there is nothing to estimate."""

    findings: tuple[Finding, ...] = ()
    estimate: Estimate | None = None

    @property
    def ready(self) -> bool:
        """Whether the run can start: there is an image, and no finding is an error."""
        return self.estimate is not None and all(finding.severity != "error" for finding in self.findings)


def outlook(
    bundle: BundleDescription,
    images: Mapping[str, Volume],
    *,
    region: Box | None = None,
    execution: Execution = DEFAULT,
    extra_runs: int = 0,
    speeds: Path | None = None,
    memory: int | None = None,
) -> Outlook:
    """The outlook for images, by the names that the bundle gives them, of which the region is segmented.

    `extra_runs` and `speeds`: see `estimate`. `memory`: free bytes, by default what the system has free.
    """
    findings = [*_missing(bundle, images), *_together(bundle, images)]
    for one in bundle.images:
        if one.name in images:
            findings += _modality(one.name, one.modality, images[one.name], bundle)
    if not images:
        return Outlook(tuple(findings))
    name, first = next((one.name, images[one.name]) for one in bundle.images if one.name in images)
    try:
        part = first.crop(first.slices_of(region)) if region else first
    except GeometryError as error:
        return Outlook((*findings, Finding("error", str(error))))
    findings += [*_spacing(bundle, name, first), *_extent(bundle, part, region)]
    expected = estimate(bundle, part, execution, extra_runs=extra_runs, speeds=speeds)
    findings += _memory(expected.bytes, available_bytes() if memory is None else memory)
    findings += [Finding("note", f"{slot}: {note}") for slot, image in images.items() for note in image.notes]
    return Outlook(tuple(findings), expected)


def _memory(needed: int, free: int | None) -> Iterator[Finding]:
    if free is not None and needed > free:
        yield Finding(
            "warning",
            f"About {needed / 2**30:.1f} GiB of memory are needed and {free / 2**30:.1f} GiB are free. "
            "Draw a region, or close other programs.",
        )


def _missing(bundle: BundleDescription, images: Mapping[str, Volume]) -> Iterator[Finding]:
    lacking = [one for one in bundle.images if one.name not in images]
    if lacking and (not bundle.optional or not images):
        words = ", ".join(f"{one.name} ({one.modality})" if one.modality else one.name for one in lacking)
        yield Finding("error", f"The bundle {bundle.name} needs an image for {words}. Choose a layer.")
    elif lacking:
        names = ", ".join(one.name for one in lacking)
        yield Finding("warning", f"Without {names} the mask will be less certain; the bundle takes what there is.")


def _together(bundle: BundleDescription, images: Mapping[str, Volume]) -> Iterator[Finding]:
    """Whether several images can be one case: one grid where they are channels, one patient space elsewhere."""
    names, volumes = list(images), list(images.values())
    for name, volume in zip(names[1:], volumes[1:], strict=True):
        if bundle.joined and not same_grid(volumes[0], volume):
            yield Finding(
                "error",
                f"{name} has another grid than {names[0]}, and this bundle takes them as channels of one image. "
                "Resample one to the other first.",
            )
        frames = {volumes[0].frame_of_reference, volume.frame_of_reference} - {""}
        if len(frames) > 1:
            yield Finding("error", f"{name} and {names[0]} have different frames of reference: register them first.")


def _modality(slot: str, wanted: str, image: Volume, bundle: BundleDescription) -> Iterator[Finding]:
    if not wanted:
        return
    if image.modality in ("MR", "CT", "PT"):
        if image.modality != wanted:
            yield Finding(
                "error", f"{slot}: the bundle {bundle.name} is for {wanted}, and this image is {image.modality}."
            )
        return
    sample = np.asarray(image.array[:: max(1, image.shape[0] // 16)])
    lowest = float(sample.min())
    looks_like_ct = lowest < AIR_HU
    if looks_like_ct and wanted != "CT":
        yield Finding(
            "warning",
            f"{slot}: values down to {lowest:.0f} look like CT, and the bundle {bundle.name} is for {wanted}.",
        )
    elif wanted == "CT" and not looks_like_ct:
        yield Finding(
            "warning", f"{slot}: no value is below {AIR_HU}, so this does not look like CT in Hounsfield units."
        )
    else:
        yield Finding("note", f"{slot}: the file does not tell its modality; the bundle is for {wanted}.")


def _spacing(bundle: BundleDescription, slot: str, image: Volume) -> Iterator[Finding]:
    pixdim = [edge for edge in bundle.spacing_mm or () if edge > 0]
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


def _extent(bundle: BundleDescription, part: Volume, region: Box | None) -> Iterator[Finding]:
    """Whether as much of the body is in view as in the training images."""
    size = np.array(part.bounds.upper_mm) - part.bounds.lower_mm
    words = " x ".join(f"{edge:.0f}" for edge in size)
    what = "The region" if region else "The image"
    if min(part.shape) < 2:
        yield Finding("warning", f"{what} is one voxel thick; a 3-D network sees no depth in it.")
    if bundle.field_mm is None:
        return
    least, most = bundle.field_mm
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
