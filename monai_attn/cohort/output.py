"""The results of one case, committed together: mask, record, table, maps, and the report and DICOM files asked for.

`CaseRun.finish` calls `save_case`. What a report or a DICOM file looks like is decided elsewhere; this module
decides which files one case has and that they get their places together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from monai_attn.cases import Case, ImageFile
from monai_attn.cohort.attempt import attempt
from monai_attn.cohort.places import places_of
from monai_attn.cohort.plan import HEAD_SIZE, Prepared
from monai_attn.cohort.recipe import Recipe
from monai_attn.dicom_export import DicomKind, write_dicom
from monai_attn.measure import Structure
from monai_attn.results import Writer, commit, voxels_digest
from monai_attn.results.record import INPUT
from monai_attn.segmentation import Segmentation, result_files
from monai_attn.thumbnail import outline_thumbnail
from monai_attn.volume import Volume

__all__ = ["Saved", "save_case"]


@dataclass(frozen=True)
class Saved:
    """The files of a case, its structures as they were measured, and a sentence for each file that was not written.

    Volumes are in ml. An empty `problems` says that every file that was asked for is there.
    """

    files: list[Path]
    structures: list[Structure]
    problems: list[str]


def save_case(
    recipe: Recipe, case: Case, prepared: Prepared, images: Mapping[str, Volume], segmentation: Segmentation
) -> Saved:
    """Measure a segmentation and commit all its files. Raises `AttnError`; then nothing was written.

    A report or a DICOM file that cannot be made is left out and said in `problems`: the mask was computed, and stays.

    `images` are the images as they were read, the reference first; mask and image lie on one grid. The record keeps
    digests of the images, so that a later run knows whether they have changed. It also keeps their places, for a
    reader, unless a path would name the patient.
    """
    _, record, _ = result_files(recipe.output, case.name)
    image = images[next(iter(images))]
    structures = segmentation.measure(image)
    sides = segmentation.sides(head_size=recipe.head_size, measured=structures)
    files = segmentation.files(recipe.output, stem=case.name, measured=[*structures, *sides])
    problems: list[str] = []
    besides = _dicom(recipe, case.name, prepared.reference, segmentation)
    if recipe.report:
        page = partial(_page, recipe, case, image, segmentation, prepared.reference)
        besides[recipe.report_file(case.name)] = lambda path: path.write_text(page(), encoding="utf-8", newline="")
    if recipe.picture:
        besides[recipe.picture_file(case.name)] = lambda path: path.write_bytes(_picture(image, segmentation))
    files |= {path: _tried(write, problems) for path, write in besides.items()}
    voxels = {name: voxels_digest(one) for name, one in images.items()}
    named = {name: _chosen(one, recipe.volume) for name, one in prepared.images.items() if case.name in str(one.path)}
    places = places_of(named, recipe.output)  # another name than that of the path may hide what the path names
    about = {**segmentation.about(), **places, INPUT: {"files": prepared.files_digest, "voxels": voxels}}
    if recipe.head_size:
        about["provenance"][HEAD_SIZE] = True
    written = commit(
        files,
        record=record,
        about=about,
        optional=besides,
        replace=prepared.standing.replace,
        overwrite=recipe.overwrite,
    )
    return Saved(written, structures, problems)


def _chosen(image: ImageFile, volume: int | None) -> ImageFile:
    """An image with the volume that the recipe takes, where the image names none."""
    return image if image.volume is not None else replace(image, volume=volume)


def _tried(write: Writer, problems: list[str]) -> Writer:
    """A writer that leaves no file, and a sentence in `problems`, where the file cannot be made."""

    def tried(path: Path) -> None:
        with attempt() as work:
            write(path)
        if work.error:
            path.unlink(missing_ok=True)
            problems.append(f"{path.name} was not written: {work.error}")

    return tried


def _dicom(recipe: Recipe, case: str, reference: ImageFile, segmentation: Segmentation) -> dict[Path, Writer]:
    """The writers of the DICOM SEG and RTSTRUCT that are asked for, by the path of each file."""

    def writer(kind: DicomKind) -> Writer:
        return lambda path: write_dicom(
            segmentation, reference.path, path, kind, series=reference.series, volume=recipe.volume
        )

    return {path: writer(kind) for path, kind in recipe.dicom_files(case).items()}


def _picture(image: Volume, segmentation: Segmentation) -> bytes:
    """Three planes of the image with the outlines of the structures, as PNG."""
    colours = {label.value: label.rgb for label in segmentation.table}
    return outline_thumbnail(image.array, segmentation.labels.array, image.affine, colours, image.unit)


def _page(recipe: Recipe, case: Case, image: Volume, segmentation: Segmentation, reference: ImageFile) -> str:
    """The report. It names no patient, also where the folder of the images does."""
    from monai_attn.report import CaseOptions, anonymous_case, case_page, read_identity

    one = reference.files[0] if reference.files else reference.path  # a folder of many studies is not searched again
    identity = read_identity(one, series=None if reference.files else reference.series)
    options = CaseOptions(head_size=recipe.head_size)
    return case_page(anonymous_case(case.name, identity), image, segmentation, options)
