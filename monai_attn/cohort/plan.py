"""Before a case is segmented: where its images are, what stands in the folder of results, and whether to begin.

`CaseRun.read` asks `prepare` before it reads and `decide` after; `--dry-run` does the same without the network.
Nothing is written, except that `survey` first settles what killed processes left.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monai_attn.cases import Case, ImageFile, find_images
from monai_attn.cohort.attempt import attempt
from monai_attn.cohort.recipe import ALL, Recipe
from monai_attn.errors import FileError, InputError, StaleError
from monai_attn.finders import regions_json
from monai_attn.io import is_dicom
from monai_attn.io.atomic import check_free
from monai_attn.results import Standing, State, files_digest, recover, standing_of, voxels_digest
from monai_attn.segmentation import result_files
from monai_attn.volume import Volume

if TYPE_CHECKING:
    from monai_attn.bundle.parts import Parts

__all__ = ["HEAD_SIZE", "Prepared", "StaleError", "Survey", "decide", "done_cases", "look_again", "prepare", "survey"]

HEAD_SIZE = "head_size"
"""The key of the provenance that says that volumes scaled to the head were asked for."""


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

    Reads no voxels. Raises `StaleError` for a finished case of another recipe, unless `redo` asks for the case again.
    Raises `FileError` for results that are in the way, and with `overwrite` for links, folders, pipes and the images of
    the case, which are never replaced. Raises `InputError` for images that are missing, or whose results cannot be
    DICOM as asked for.
    """
    if case.problem:
        raise InputError(case.problem)
    found = dict(case.images) or find_images(case.source, parts.inputs, recipe.series, joined=parts.joined)
    for one in found.values():
        if not one.path.exists():
            what = "is a link to a file that is not there" if one.path.is_symlink() else "does not exist"
            raise FileError(f"{one.path.name} {what}.")
    given = {os.path.realpath(path) for one in found.values() for path in (one.path, *one.files)}
    pictures = (recipe.picture_file(case.name),) if recipe.picture else ()
    for path in (*recipe.files(case.name), *pictures):
        if not path.is_symlink() and os.path.realpath(path) in given:  # a link is refused below
            raise FileError(f"{path.name} is an image of the case, and stays. Choose another folder for the results.")
    reference = next(iter(found.values())).path
    if recipe.dicom_files(case.name) and not (reference.is_dir() or is_dicom(reference)):
        raise InputError(f"{reference.name} is no DICOM series, to which a DICOM SEG or RTSTRUCT would belong.")
    choice = [{name: one.series for name, one in found.items()}, recipe.volume, recipe.suv_factor]
    digest = files_digest({name: one.files or one.path for name, one in found.items()}, choice)
    for path in (*recipe.files(case.name), *pictures) if recipe.overwrite else ():
        check_free(path, overwrite=True)
    prepared = look_again(recipe, case, Prepared(found, digest, Standing(State.TO_DO)), parts)
    for path in pictures if prepared.standing.state is State.TO_DO and not recipe.overwrite else ():
        if path not in prepared.standing.replace:  # else it is in the way only after the case was computed
            check_free(path, overwrite=False)
    return prepared


def look_again(
    recipe: Recipe, case: Case, prepared: Prepared, parts: Parts, *, since_ns: int | None = None
) -> Prepared:
    """The same case with what stands in the output folder by now: another process may have finished it meanwhile.

    With `overwrite` or `redo` a finished case is to do again. A record younger than `since_ns`, when the run began, is
    of another process of the run, and is not made again. Raises as `prepare` does.
    """
    _, record, _ = result_files(recipe.output, case.name)
    young = since_ns is not None and _changed_ns(record) > since_ns
    if recipe.overwrite and not young:
        return replace(prepared, standing=Standing(State.TO_DO))
    standing = _standing(recipe, case.name, parts, prepared.files_digest)
    if standing.state is State.REFUSED:
        raise FileError(standing.why)
    if standing.state is State.STALE:
        standing = _again(recipe, standing)
    elif standing.state is State.DONE and recipe.redo == ALL and not young:
        standing = replace(standing, state=State.TO_DO)
    return replace(prepared, standing=standing)


def decide(recipe: Recipe, prepared: Prepared, images: Mapping[str, Volume]) -> Prepared:
    """The same case, once its images are read: done, when the same voxels were segmented before.

    Raises `StaleError` when the case was done with other images, unless `redo` asks for the case again.

    A case that is to do, and a case whose files have not changed, come back as they are. Only the voxels and the
    place in the patient count: an image that was copied or renamed is the same image.
    """
    standing = prepared.standing
    if standing.state is not State.DONE or standing.check_voxels is None:
        return prepared
    if {name: voxels_digest(image) for name, image in images.items()} == dict(standing.check_voxels):
        return replace(prepared, standing=replace(standing, check_voxels=None))
    why = "The images have changed since the case was segmented."
    return replace(prepared, standing=_again(recipe, replace(standing, why=why)))


@dataclass(frozen=True)
class Survey:
    """What stands in the output folder before a run, by the names of the cases.

    `done` have their results. `stale` were made in another way, each with the reason. `left` cannot be judged or have
    files of somebody in the way; the run says why.

    >>> Survey(("case_1", "case_2"), {"case_3": "other weights"}, (), ("case_4",)).sentence
    '2 done, 1 stale, 1 to do.'
    """

    done: tuple[str, ...]
    stale: Mapping[str, str]
    left: tuple[str, ...]
    to_do: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """How many cases are done, stale, left and to do; what none is, is left out, but for "to do"."""
        counts = {"done": len(self.done), "stale": len(self.stale), "with a problem": len(self.left)}
        said = [f"{count} {what}" for what, count in counts.items() if count]
        return ", ".join([*said, f"{len(self.to_do)} to do"]) + "."


def survey(recipe: Recipe, cases: Sequence[Case], parts: Parts) -> Survey:
    """What stands in the output folder for each of these cases.

    What killed processes left is settled first, see `monai_attn.results.recover`. A case whose files have other times
    than before counts as to do: the run reads its images and decides. Stale cases that `redo` asks for are to do.
    """
    recover(recipe.output, [case.name for case in cases])
    done, stale, left, to_do = [], {}, [], []
    for case in cases:
        standing = None
        with attempt() as work:
            try:
                standing = prepare(recipe, case, parts).standing
            except StaleError as error:
                stale[case.name] = str(error)
                continue
        if work.error or standing is None:
            left.append(case.name)
        elif standing.state is State.DONE and standing.check_voxels is None:
            done.append(case.name)
        else:
            to_do.append(case.name)
    return Survey(tuple(done), stale, tuple(left), tuple(to_do))


def done_cases(recipe: Recipe, cases: Sequence[Case], parts: Parts) -> list[str]:
    """The names of the cases whose results are there already and were made by this recipe, see `survey`."""
    return list(survey(recipe, cases, parts).done)


def made_from(parts: Parts, recipe: Recipe) -> dict[str, Any]:
    """The part of the provenance that decides whether a mask is the one asked for.

    `region_mm` holds two corners in mm (RAS+), these by name, or None. The device does not count: a case need not be
    computed again on another computer. Back-end and precision count where they were chosen; see `asked_for`.
    `head_size` counts where it is asked for, as the table then has other columns.
    """
    return {
        "bundle": parts.name,
        "bundle_version": parts.version,
        "weights_sha256": parts.weights_sha256,
        "config_sha256": parts.config_sha256,
        "scripts_sha256": parts.scripts_sha256,
        "overrides": dict(parts.overrides),
        "region_mm": regions_json(recipe.region),
        **({HEAD_SIZE: True} if recipe.head_size else {}),
    }


def _again(recipe: Recipe, standing: Standing) -> Standing:
    """A stale case, to be done again where `redo` asks for that. Raises `StaleError` elsewhere."""
    if recipe.redo:
        return replace(standing, state=State.TO_DO, check_voxels=None, warnings=())
    raise StaleError(f"{standing.why} The results are left as they are; --redo stale segments the case again.")


def _changed_ns(path: Path) -> int:
    """When a file was changed, in nanoseconds; 0 for a file that is missing."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def asked_for(recipe: Recipe) -> dict[str, str]:
    """The back-end and the precision that the user chose; empty where both are "auto"."""
    chosen = {"backend": recipe.execution.backend, "precision": recipe.execution.precision}
    return {key: value for key, value in chosen.items() if value != "auto"}


def _standing(recipe: Recipe, case: str, parts: Parts, digest: str) -> Standing:
    """What stands in the output folder for this case, measured by this recipe."""
    _, record, _ = result_files(recipe.output, case)
    maps = [f"{case}_{name}" for name in recipe.maps]
    return standing_of(record, recipe.files(case), made_from(parts, recipe), digest, asked=asked_for(recipe), maps=maps)
