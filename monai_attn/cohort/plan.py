"""Before a case is segmented: where its images are, what stands in the folder of results, and whether to begin.

`CaseRun.read` asks `prepare` before it reads and `decide` after; `--dry-run` does the same without the network.
Nothing is written, except that `done_cases` first settles what killed processes left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from monai_attn.cases import Case, ImageFile, find_images
from monai_attn.cohort.attempt import attempt
from monai_attn.cohort.recipe import Recipe
from monai_attn.errors import FileError, InputError
from monai_attn.io import is_dicom
from monai_attn.io.atomic import check_free
from monai_attn.results import Standing, State, files_digest, recover, standing_of, voxels_digest
from monai_attn.segmentation import result_files
from monai_attn.volume import Volume

if TYPE_CHECKING:
    from monai_attn.bundle.parts import Parts

__all__ = ["Prepared", "decide", "done_cases", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """A case before it is read: its images by name, the digest of their files, and what stands in the output.

    The first of `images` is the reference.
    """

    images: Mapping[str, ImageFile]
    files_digest: str
    standing: Standing

    @property
    def reference(self) -> ImageFile:
        """The image on whose grid the mask lies."""
        return next(iter(self.images.values()))


def prepare(recipe: Recipe, case: Case, parts: Parts) -> Prepared:
    """Find the images of a case, and look at what stands where the results will.

    Reads no voxels. Raises `FileError` for results that are in the way, and with `overwrite` for links, folders and
    pipes, which are never replaced. Raises `InputError` for images that are missing, or whose results cannot be DICOM
    as asked for.
    """
    found = find_images(case.source, parts.inputs, recipe.series)
    for one in found.values():
        if one.path.is_symlink() and not one.path.exists():
            raise FileError(f"{one.path.name} is a link to a file that is not there.")
    reference = next(iter(found.values())).path
    if recipe.dicom_files(case.name) and not (reference.is_dir() or is_dicom(reference)):
        raise InputError(f"{reference.name} is no DICOM series, to which a DICOM SEG or RTSTRUCT would belong.")
    choice = [{name: one.series for name, one in found.items()}, recipe.volume, recipe.suv_factor]
    digest = files_digest({name: one.path for name, one in found.items()}, choice)
    for path in recipe.files(case.name) if recipe.overwrite else ():
        check_free(path, overwrite=True)
    standing = Standing(State.TO_DO) if recipe.overwrite else _standing(recipe, case.name, parts, digest)
    if standing.state is State.REFUSED:
        raise FileError(standing.why)
    return Prepared(found, digest, standing)


def decide(prepared: Prepared, images: Mapping[str, Volume]) -> Prepared:
    """The same case, once its images are read: done, when the same voxels were segmented before.

    Raises `FileError` when the case was done with other images.

    A case that is to do, and a case whose files have not changed, come back as they are. Only the voxels and the
    place in the patient count: an image that was copied or renamed is the same image.
    """
    standing = prepared.standing
    if standing.state is not State.DONE or standing.check_voxels is None:
        return prepared
    if {name: voxels_digest(image) for name, image in images.items()} == dict(standing.check_voxels):
        return replace(prepared, standing=replace(standing, check_voxels=None))
    raise FileError(
        "The images have changed since the case was segmented. The results are left as they are; --overwrite segments "
        "the case again."
    )


def done_cases(recipe: Recipe, cases: Sequence[Case], parts: Parts) -> list[str]:
    """The names of the cases whose results are there already and were made by this recipe.

    What killed processes left in the output folder is settled first, see `monai_attn.results.recover`. A case whose
    files have other times than before is not among these names: the run reads its images and decides.

    A case that cannot be judged, for instance because an image is missing, is not among the names either.
    """
    recover(recipe.output, [case.name for case in cases])
    done = []
    for case in cases:
        with attempt():  # the run says what is wrong with the case
            standing = prepare(recipe, case, parts).standing
            if standing.state is State.DONE and standing.check_voxels is None:
                done.append(case.name)
    return done


def made_from(parts: Parts, recipe: Recipe) -> dict[str, Any]:
    """The part of the provenance that decides whether a mask is the one asked for.

    `region_mm` holds two corners in mm (RAS+), or None. Device, back-end and precision do not count: a case need not
    be computed again on another computer.
    """
    region = recipe.region
    return {
        "bundle": parts.name,
        "bundle_version": parts.version,
        "weights_sha256": parts.weights_sha256,
        "overrides": dict(parts.overrides),
        "region_mm": [list(region.lower_mm), list(region.upper_mm)] if region else None,
    }


def _standing(recipe: Recipe, case: str, parts: Parts, digest: str) -> Standing:
    """What stands in the output folder for this case, measured by this recipe."""
    _, record, _ = result_files(recipe.output, case)
    maps = [f"{case}_{name}" for name in recipe.maps]
    return standing_of(record, recipe.files(case), made_from(parts, recipe), digest, maps=maps)
