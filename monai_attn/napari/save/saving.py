"""Mask, measurements and report of one layer into one folder: all of it or nothing. No Qt, no window.

The panel "Save all" makes a `Saving` from its choices and runs `save_all` in a thread. The measurements come from the
functions that `monai-attn measure` uses, so the numbers are the same as on the command line. The files are written by
`results.commit`; nothing here chooses how a file looks.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monai_attn import __version__
from monai_attn.cases import ImageFile, names_of
from monai_attn.cohort import Measured, measure_case
from monai_attn.cohort.places import places_of
from monai_attn.dicom_export import write_dicom
from monai_attn.errors import FileError, GeometryError, InputError
from monai_attn.io import stem
from monai_attn.io.atomic import check_free
from monai_attn.io.writing import write_aside
from monai_attn.labels import LabelTable
from monai_attn.measure import to_csv, to_json
from monai_attn.napari.layers.provenance import provenance_of
from monai_attn.napari.layers.styles import extended, layer_table
from monai_attn.napari.layers.volumes import origin_of, values_in, volume_of
from monai_attn.napari.open.making import SERIES_FILES
from monai_attn.napari.save.writer import check_native
from monai_attn.notice import RESEARCH_USE
from monai_attn.report import CaseOptions, anonymous_case, case_page, read_identity
from monai_attn.results import Writer, commit, text_writer
from monai_attn.segmentation import Segmentation, result_files
from monai_attn.volume import Volume

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer

__all__ = ["MASK_FORMATS", "REPLACE", "Saving", "free_of_identity", "save_all"]

MASK_FORMATS = {"NIfTI": ".nii.gz", "NRRD": ".nrrd", "DICOM SEG": ".dcm"}
"""How the mask is written, by what the panel calls it."""

REPLACE = "replace files that exist"
"""What the panel calls the box that lets existing files be replaced."""


@dataclass(frozen=True, eq=False)
class Saving:
    """All that is to be saved, with a copy of the mask: painting may go on.

    `labels` and `image` are volumes `(I, J, K)` on one grid, with an affine to RAS+ mm. `source` is the image's file or
    folder, None when the image was not opened from a file. `series` and `volume` say which of the volumes there it is.
    `lesions` are the labels whose pieces are measured one by one. `window` is the centre and the width of the grey
    levels in the report's pictures, in the image's own unit. With `overwrite` existing files are replaced.
    """

    folder: Path
    case: str
    labels: Volume
    table: LabelTable
    provenance: dict[str, Any]
    image: Volume
    source: Path | None
    series: str | None
    volume: int | None
    form: str
    lesions: tuple[int, ...]
    window: tuple[float, float]
    overwrite: bool

    @classmethod
    def of(
        cls,
        layer: Labels,
        image: Image,
        folder: Path,
        case: str,
        *,
        layers: Iterable[Layer] = (),
        form: str = "NIfTI",
        lesions: Sequence[int] = (),
        overwrite: bool = False,
    ) -> Saving:
        """Of a layer as it is now, with an image on its grid.

        `case` becomes part of the file names, and so must hold no folder and no patient's name. `form` is a key of
        `MASK_FORMATS`. `layers` are all that are open: a layer made in napari takes the grid of the image it lies on.

        Raises `GeometryError` when the mask or the image was resliced for display, or has no place in the patient.
        Raises `InputError` for a run that is not finished, a case that cannot be a file name, and a format that is not
        known.
        """
        check_native(layer)
        origin = origin_of(image)
        if origin is None or origin.display_only:
            raise GeometryError(f"{image.name} was not opened with monai-attn or was resliced; choose its original.")
        if not case.strip() or Path(case).name != case:
            raise InputError(f"The name of a case becomes part of file names; {case!r} cannot be one.")
        if form not in MASK_FORMATS:
            raise InputError(f"A mask is saved as {', '.join(MASK_FORMATS)}, not {form!r}.")
        labels = volume_of(layer, layers)
        low, high = image.contrast_limits
        return cls(
            folder,
            case,
            labels.with_array(labels.array.copy(order="K")),
            layer_table(layer),
            provenance_of(layer),
            origin.grid,
            Path(origin.path) if origin.path else None,
            origin.series,
            origin.volume,
            form,
            tuple(lesions),
            ((low + high) / 2, high - low),
            overwrite,
        )

    @property
    def files(self) -> dict[str, Path]:
        """What will be written, by kind: as `monai-attn segment --report` names it, and the measurements as JSON.

        The kinds are "mask", "record", "table", "measurements" and "report". A DICOM SEG names its labels itself, so
        that "record", the JSON beside a mask, is left out.
        """
        mask, record, table = result_files(self.folder, self.case)
        named = {
            "mask": mask.with_name(stem(mask) + MASK_FORMATS[self.form]),
            "record": record,
            "table": table,
            "measurements": self.folder / f"{self.case}_measurements.json",
            "report": self.folder / f"{self.case}_report.html",
        }
        if self.form == "DICOM SEG":  # names its labels itself
            del named["record"]
        return named


def save_all(saving: Saving) -> Generator[str, None, dict[str, Path]]:
    """Measure, draw and write; says what it is about to do, and gives the files.

    The mask is written by the same functions as on the command line, read back and compared. When anything fails, or
    nobody asks for the next step, nothing is left behind.

    Raises `FileError` before anything is measured when one of the files exists and may not be replaced. Raises
    `InputError` for a DICOM SEG of an image that was not opened from a file.
    """
    for path in saving.files.values():
        check_free(path, overwrite=True)
        if path.exists() and not saving.overwrite:
            raise FileError(
                f"{path.name} exists and is not overwritten. Choose another folder or case, or tick {REPLACE!r} below "
                "Advanced."
            )
    yield "naming the labels"
    segmentation = Segmentation(
        saving.labels, extended(saving.table, values_in(saving.labels.array)), saving.provenance
    )
    yield "measuring"
    lesions = [str(value) for value in saving.lesions]
    measured = measure_case(segmentation, saving.image, case=saving.case, lesions=lesions)
    yield "drawing the report"
    options = CaseOptions(lesions=saving.lesions, window=saving.window)
    page = case_page(saving.case, saving.image, segmentation, options)
    yield "writing"
    record = saving.files.get("record")
    commit(
        _writers(saving, segmentation, measured, page),
        record=record,
        about={**segmentation.about(), **_image_of(saving)} if record else None,
        overwrite=saving.overwrite,
    )
    return saving.files


def free_of_identity(image: Image) -> str:
    """A name for the case of an image, that of its file as everywhere; "case" where this would name the patient.

    An image that was not opened from a file is "case" too. Of a series one file is read, not its whole folder, because
    the window waits meanwhile. Raises `AttnError` when the file cannot be read any more.
    """
    origin = origin_of(image)
    if origin is None or origin.path is None:
        return "case"
    one = min(image.metadata.get(SERIES_FILES) or (), default="")
    identity = read_identity(one) if one else read_identity(origin.path, series=origin.series)
    return anonymous_case(names_of([Path(origin.path)])[0], identity)


def _writers(saving: Saving, segmentation: Segmentation, measured: Measured, page: str) -> dict[Path, Writer]:
    """What writes each file, but for the record.

    Measurements and the research-use notice stand in the JSON together with the labels and the provenance.
    """
    rows, places = measured.rows(), saving.files
    labels, provenance = segmentation.table.to_json(), dict(segmentation.provenance)
    numbers = to_json(rows, notice=RESEARCH_USE, version=__version__, labels=labels, provenance=provenance)
    mask = partial(write_aside, segmentation.labels)
    return {
        places["mask"]: partial(_write_dicom, saving, segmentation) if saving.form == "DICOM SEG" else mask,
        places["table"]: text_writer(to_csv(rows)),
        places["measurements"]: text_writer(numbers),
        places["report"]: text_writer(page),
    }


def _image_of(saving: Saving) -> dict[str, Any]:
    """What the record says of the image, so that a training can learn from the mask: a path relative to the record.

    Nothing where the image has no file, or where the path would name the patient.
    """
    if saving.source is None:
        return {}
    names = saving.provenance.get("images")
    name = next(iter(names), "image") if isinstance(names, dict) else "image"
    return places_of({name: ImageFile(saving.source, saving.series, saving.volume)}, saving.folder)


def _write_dicom(saving: Saving, segmentation: Segmentation, path: Path) -> None:
    """The mask as a DICOM SEG that refers to the image's series; `InputError` when the image has no file."""
    if saving.source is None:
        raise InputError("A DICOM SEG belongs to a DICOM series; this image was not opened from a file.")
    write_dicom(segmentation, saving.source, path, series=saving.series, volume=saving.volume)
