"""What the grid and the values of images suggest, also where a bundle does not say on what it was trained.

For the napari panel, beside `check_images`, which needs the numbers of the training. A finding here never refuses a
run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from monai_attn.bundle.case import UNKNOWN
from monai_attn.bundle.describe import BundleDescription
from monai_attn.preflight.findings import Finding
from monai_attn.volume import Volume

__all__ = ["check_look"]

COARSE, FINE = 3.0, 1 / 4
"""A voxel spacing this many times that of the bundle: details are missing in the image, or are thrown away."""

AIR_HU = -500
"""Values below this are those of air in CT; images of other modalities hardly have them."""


def check_look(bundle: BundleDescription, images: Mapping[str, Volume], *, trained: bool) -> list[Finding]:
    """Warnings and notes on images, by the names that the bundle gives them, the reference image first.

    With `trained` the bundle says on what it was trained; then `check_images` compares sizes and spacings, and this
    check leaves them out.

    There is at least one image, otherwise `StopIteration` is raised. Few slices are looked at, so that a window
    stays quick.
    """
    findings: list[Finding] = []
    for one in bundle.images:
        if one.name in images:
            findings += _modality(one.name, one.modality, images[one.name], bundle.name)
    name, reference = next(iter(images.items()))
    findings += _grid(bundle, name, reference)
    return findings if trained else [*findings, *_coarse(bundle, name, reference)]


def _modality(name: str, wanted: str, image: Volume, bundle: str) -> Iterator[Finding]:
    """Whether values look like CT, for an image whose file does not say its modality."""
    if not wanted or image.modality not in UNKNOWN:
        return
    lowest = float(np.asarray(image.array[:: max(1, image.shape[0] // 16)]).min())
    looks_like_ct = lowest < AIR_HU
    if looks_like_ct and wanted != "CT":
        yield Finding(
            "warning",
            f"{name}: values down to {lowest:.0f} look like CT, and the bundle (model) {bundle} is for {wanted}.",
        )
    elif wanted == "CT" and not looks_like_ct:
        yield Finding(
            "warning", f"{name}: no value is below {AIR_HU}, so this does not look like CT in Hounsfield units."
        )
    else:
        yield Finding("note", f"{name}: the file does not tell its modality; the bundle (model) is for {wanted}.")


def _grid(bundle: BundleDescription, name: str, image: Volume) -> Iterator[Finding]:
    """Notes on voxels much finer than the bundle's spacing, and on a sheared grid."""
    edges = [edge for edge in bundle.spacing_mm or () if edge > 0]
    finest = min(image.spacing_mm)
    if edges and finest < FINE * min(edges):
        yield Finding(
            "note",
            f"{name}: voxels of {finest:.3g} mm; the bundle (model) works at {_words(edges)} mm, finer detail is lost.",
        )
    if image.is_sheared:
        yield Finding(
            "warning", f"{name}: the grid is sheared (gantry tilt); it is resampled, and shapes suffer a little."
        )


def _coarse(bundle: BundleDescription, name: str, image: Volume) -> Iterator[Finding]:
    """Warnings on voxels much longer than the bundle's spacing, and on a single slice."""
    edges = [edge for edge in bundle.spacing_mm or () if edge > 0]
    coarsest = max(image.spacing_mm)
    if edges and coarsest > COARSE * max(edges):
        yield Finding(
            "warning",
            f"{name}: voxels up to {coarsest:.3g} mm apart; the bundle (model) works at {_words(edges)} mm. "
            "Expect coarse outlines.",
        )
    if min(image.shape) < 2:
        yield Finding("warning", "The image is one voxel thick; a 3-D network sees no depth in it.")


def _words(edges: list[float]) -> str:
    """Edges in mm as in "1 x 1 x 2.5"."""
    return " x ".join(f"{edge:.3g}" for edge in edges)
