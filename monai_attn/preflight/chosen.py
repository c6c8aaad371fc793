"""Whether the images that were chosen can be a case of a bundle: all there, of its kinds, in one patient space.

For the napari panel, where a user picks layers one after the other: each finding is shown while the choice is still
open. The command line finds the images by file names, and needs no such check.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from monai_attn.bundle.case import check_kinds
from monai_attn.bundle.describe import BundleDescription
from monai_attn.errors import InputError
from monai_attn.preflight.findings import Finding
from monai_attn.volume import Volume, same_grid

__all__ = ["check_chosen"]

PICTURES = (
    "The bundle (model) {0} takes pictures in colour, which this window does not take apart into channels. "
    "Segment the file with: monai-attn segment PICTURE -b {0} -o FOLDER"
)


def check_chosen(bundle: BundleDescription, images: Mapping[str, Volume]) -> list[Finding]:
    """What keeps these images, by the names that the bundle gives them, from being segmented together.

    No image at all gives one "error". See `monai_attn.bundle.case.check_kinds` for modalities and units.

    An empty list says that nothing speaks against the choice. Voxels are not looked at.
    """
    if bundle.colour:
        return [Finding("error", PICTURES.format(bundle.name))]
    faults = [
        Finding("error", f"The bundle (model) {bundle.name} cannot run as it is. {text}") for text in bundle.faults
    ]
    return [*faults, *_missing(bundle, images), *_together(bundle, images), *_kinds(bundle, images)]


def _missing(bundle: BundleDescription, images: Mapping[str, Volume]) -> Iterator[Finding]:
    """Images not chosen: an "error" where the bundle needs them, a "warning" where the bundle can do without."""
    lacking = [one for one in bundle.images if one.name not in images]
    if lacking and (not bundle.optional or not images):
        words = ", ".join(f"{one.name} ({one.modality})" if one.modality else one.name for one in lacking)
        yield Finding("error", f"The bundle (model) {bundle.name} needs an image for {words}. Choose a layer.")
    elif lacking:
        names = ", ".join(one.name for one in lacking)
        yield Finding(
            "warning", f"Without {names} the mask will be less certain; the bundle (model) takes what there is."
        )


def _together(bundle: BundleDescription, images: Mapping[str, Volume]) -> Iterator[Finding]:
    """Whether several images can be one case: one grid where they are channels, one patient space elsewhere."""
    names, volumes = list(images), list(images.values())
    for name, volume in zip(names[1:], volumes[1:], strict=True):
        if bundle.joined and not same_grid(volumes[0], volume):
            yield Finding(
                "error",
                f"{name} has another grid than {names[0]}, and this bundle (model) takes them as channels of one "
                "image. Resample one to the other first.",
            )
        frames = {volumes[0].frame_of_reference, volume.frame_of_reference} - {""}
        if len(frames) > 1:
            yield Finding("error", f"{name} and {names[0]} have different frames of reference: register them first.")


def _kinds(bundle: BundleDescription, images: Mapping[str, Volume]) -> Iterator[Finding]:
    """An "error" for each image of another modality or unit than the bundle takes."""
    for name, image in images.items():
        try:
            check_kinds({name: [image]}, bundle.images, bundle=bundle.name, partial=True)
        except InputError as error:
            yield Finding("error", str(error))
