"""Whether the images of a case are such as a bundle was made for: blank or damaged, too large, coarse, other values.

A network gives a mask for every image, also for a phantom, a scout or an image in another unit. The limits below are
wider than the training data, so that a sound image of a new scanner passes. Anatomy is not judged here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from monai_attn.cases import ImageInput
from monai_attn.preflight.figures import size_mm, values_of
from monai_attn.preflight.findings import Finding
from monai_attn.preflight.made_for import ImageRange, MadeFor
from monai_attn.volume import Box, Volume
from monai_attn.wording import counted

__all__ = ["check_images", "is_far_too_large"]

LARGE, FAR_TOO_LARGE = 1.25, 1.5
"""An edge this many times the longest of the training is unlikely to suit the network, or is refused."""

SMALL = 0.6
"""An edge below this share of the shortest of the training leaves too little around the structure."""

COARSE = 2.0
"""Voxels this many times as long as the longest of the training hide details of the structure."""

HIGH, IMPOSSIBLE = 2.0, 10.0
"""The 99th percentile of values with a unit, against the largest of the training."""

LOW = 0.1
"""The same against the smallest of the training."""

BLANK = 0.99
"""An image of which this share of voxels has one value shows nothing."""

AIR_HU = -500.0
"""Where a hundredth of the voxels lies below this, the values are those of CT, whose air has -1000 HU."""


def check_images(
    made_for: MadeFor | None,
    inputs: Sequence[ImageInput],
    images: Mapping[str, Sequence[Volume]],
    *,
    region: Box | None = None,
) -> list[Finding]:
    """What speaks against segmenting these images with a bundle; empty without `made_for`, as for bundles of others.

    `images` holds the volumes of each image by name, the reference image first, cut to the `region` (mm, RAS+) where
    there is one. "error" findings stand for a run that cannot give a sensible mask.

    Blank, damaged and far too large images, and values of another unit, are an "error". Sizes are compared in mm
    along the patient's axes, grey values only for images with a unit (HU, g/ml).

    >>> check_images(None, [], {})
    []
    """
    if made_for is None:
        return []
    several = len(inputs) > 1
    known = {one.name: one for one in inputs}
    findings: list[Finding] = []
    for number, (name, volumes) in enumerate(images.items()):
        trained, what = made_for.images.get(name), f"The image {name!r}" if several else "The image"
        for volume in volumes:
            found = values_of(volume)
            blank = list(_blank(what, volume, found, region=region is not None))
            findings += blank
            if trained is None or blank:
                continue
            if number == 0:  # the other images are interpolated on the grid of the reference
                findings += _size("The region" if region else what, volume, trained, region=region)
            findings += _spacing(what, volume, trained)
            findings += _values(what, volume, found, trained, known[name])
    return findings


def is_far_too_large(image: Volume, trained: ImageRange) -> bool:
    """Whether an edge of the image, in mm along the patient's axes, exceeds the training images by `FAR_TOO_LARGE`."""
    return bool((np.array(size_mm(image)) > FAR_TOO_LARGE * np.array(trained.size_mm[1])).any())


def _blank(what: str, image: Volume, found: Mapping[str, float], *, region: bool) -> Iterator[Finding]:
    """An "error" for voxels that are no finite numbers, or for an image in which nearly all voxels have one value.

    `found` are the percentiles of the image, see `values_of`.
    """
    where = " in the region" if region else ""
    array = image.array
    if array.dtype.kind == "f":
        strange = int(array.size - np.count_nonzero(np.isfinite(array)))
        if strange:
            one, several = f"voxel{where} that is no finite number", f"voxels{where} that are no finite numbers"
            yield Finding(
                "error",
                f"{what} has {counted(strange, one, several)} (NaN or infinite), and a network makes nothing "
                "of such values. Replace them in the file, for example by 0.",
            )
            return
    if found["p1"] == found["p99"]:
        share = float(np.count_nonzero(array == found["p50"])) / array.size
        if share >= BLANK:
            yield Finding(
                "error",
                f"{what} is blank{where}: {100 * share:.4g} % of the voxels have the value {found['p50']:.6g}. "
                f"Choose another image{' or region' if region else ''}.",
            )


def _size(what: str, image: Volume, trained: ImageRange, *, region: Box | None) -> Iterator[Finding]:
    """The edges of image or region in mm against those of the training; a warning for a single slice."""
    size = np.array(size_mm(image))
    if region is not None:  # an oblique image is cut to a block around the region, which is larger than the region
        size = np.minimum(size, np.subtract(region.upper_mm, region.lower_mm))
    least, most = (np.array(corner) for corner in trained.size_mm)
    words = " x ".join(f"{edge:.0f}" for edge in size)
    ranges = " x ".join(f"{a:.0f}-{b:.0f}" for a, b in zip(least, most, strict=True))
    said = (
        f"{what} measures {words} mm (right-left, anterior-posterior, superior-inferior); "
        f"the training images measured {ranges} mm."
    )
    way_out = "Choose a smaller region." if region else "Choose a region of that size around the structure: --region."
    if (size > FAR_TOO_LARGE * most).any():
        yield Finding("error", f"{said} The network would find structures where there are none. {way_out}")
    elif (size > LARGE * most).any():
        yield Finding("warning", f"{said} In a larger image the network may find too much. {way_out}")
    if min(image.shape) < 2:
        yield Finding("warning", f"{what} is one voxel thick, and a 3-D network sees no depth in it.")
    elif (size < SMALL * least).any():
        yield Finding("warning", f"{said} In a smaller image the network sees too little around the structure.")


def _spacing(what: str, image: Volume, trained: ImageRange) -> Iterator[Finding]:
    """A warning for voxels much longer than those of the training, in mm."""
    longest = max(image.spacing_mm)
    if longest > COARSE * trained.spacing_mm[1]:
        yield Finding(
            "warning",
            f"{what} has voxels of {longest:.3g} mm, the training images of at most {trained.spacing_mm[1]:.3g} mm. "
            "Small structures may be missed, and outlines are coarse.",
        )


def _values(
    what: str, image: Volume, found: Mapping[str, float], trained: ImageRange, wanted: ImageInput
) -> Iterator[Finding]:
    """Percentiles against those of the training; of an image without a unit, only whether they look like CT."""
    if wanted.modality not in ("", "CT") and not image.modality and found["p1"] < AIR_HU:
        yield Finding(
            "warning",
            f"{what} has values of {found['p1']:.0f} and below, as CT has them in air; the bundle (model) is for "
            f"{wanted.modality}.",
        )
    if not trained.values or not wanted.unit:
        return
    least, most = trained.values["p99"]
    said = (
        f"{what} should be in {wanted.unit}. Of the values 99 % are below {found['p99']:.4g}, "
        f"in the training images below {least:.4g} to {most:.4g}."
    )
    high = found["p99"] / most if most > 0 else 0.0  # multiples of values below 0, as of a cropped lung, say nothing
    if high > IMPOSSIBLE:
        yield Finding("error", f"{said} These are values of another unit. Convert the image to {wanted.unit} first.")
    elif high > HIGH or (least > 0 and found["p99"] < LOW * least):
        yield Finding("warning", f"{said} Check the unit of the image.")
    if image.unit:
        return
    yield Finding("note", f"{what}: the file does not say the unit of the values; they are taken as {wanted.unit}.")
    if trained.values["p1"][1] < 0 <= found["p1"]:
        yield Finding(
            "warning",
            f"{what} has hardly a value below 0, and every training image has many: the values may not be in "
            f"{wanted.unit}. Check the unit of the image.",
        )
