"""A label map to a DICOM SEG against the series it was made from.

highdicom makes the object; this module gives it the slices, the places, the labels and the names. `source` reads the
series first and checks that the labels lie on it. RTSTRUCT is written in `rt_write`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from monai_attn import __version__
from monai_attn.errors import FileError, InputError
from monai_attn.io.atomic import atomic_path
from monai_attn.io.dicom.files import number
from monai_attn.io.dicomseg.codes import category_of, code_of, lab_of, sided
from monai_attn.io.dicomseg.copied import put_back
from monai_attn.io.dicomseg.masks import Masks, smallest_type
from monai_attn.io.dicomseg.seg_read import VALUE_TEXT, read_dicom_seg
from monai_attn.io.dicomseg.source import Source, check_labels, checked_text, open_source, silent
from monai_attn.io.foreign import foreign_errors
from monai_attn.labels import Label, LabelTable
from monai_attn.notice import RESEARCH_USE
from monai_attn.volume import Volume

if TYPE_CHECKING:
    from highdicom.seg import Segmentation, SegmentDescription
    from highdicom.sr import CodedConcept
    from pydicom import DataElement, Dataset

    from monai_attn.labels import Code

__all__ = ["CANNOT", "MAKER", "NOTICE", "check_read_back", "series_number", "write_dicom_seg"]

MAKER = "monai_attn"
"""Manufacturer, model and private creator of what we write."""

NOTICE = RESEARCH_USE
"""Stands in every object, where viewers show the content description."""

SERIES_NUMBER_STEP = 1000
"""Our series sorts behind the image series it was made from: 3 becomes 1003."""

ALGORITHM_TYPES = ("AUTOMATIC", "SEMIAUTOMATIC", "MANUAL")
"""By a network, by a network and then a hand, by a hand alone: Segment Algorithm Type, DICOM PS3.3 C.8.20.4."""

CANNOT = (
    "It cannot be written: the headers of the series lack or contradict something that a {} repeats. "
    "Use the original export of the series."
)
"""Why a library refuses to make an object, as far as a user can do something about it."""

Algorithm = tuple[str, str, str]
"""Name, version and type."""


def write_dicom_seg(
    labels: Volume,
    table: LabelTable,
    series_folder: str | Path,
    path: str | Path,
    *,
    algorithm: str,
    algorithm_version: str,
    algorithm_type: str = "AUTOMATIC",
    series: str | None = None,
    volume: int | None = None,
    overwrite: bool = False,
) -> None:
    """Write a label map as a binary DICOM SEG, uncompressed, with one segment for each label of the table.

    `labels` lie on the grid of the series as `monai_attn.io.read(series_folder, series=..., volume=...)` gives it.
    Frame positions, study and patient are copied from the series: the file holds the patient's identity. Labels
    without a voxel are described but have no frames. `algorithm_type` is one of `ALGORITHM_TYPES`; with MANUAL, no
    algorithm is named. The file is read back before it gets its name, and every voxel and label is compared.

    Raises `GeometryError` when the grids differ. Raises `LabelError` when no voxel is labelled, or a value is not in
    the table. Raises `FileError` when the file exists and `overwrite` is not set, and `InputError` when the headers of
    the series hold what cannot be written. Nothing is left behind then. Source: DICOM PS3.3 A.51.

    `labels` is `(I, J, K)`, whole numbers with 0 as background. Segment numbers run from 1 in the order of the table;
    the description of each segment keeps the label value.
    """
    check_algorithm_type(algorithm_type)
    path = Path(path)
    checked_text(algorithm, "The algorithm's name")
    checked_text(algorithm_version, "The algorithm's version")
    source = open_source(series_folder, series=series, volume=volume)
    check_labels(labels, table, source, Path(series_folder).name)
    with atomic_path(path, overwrite=overwrite) as temporary:
        with foreign_errors(path, CANNOT.format("DICOM SEG"), kind=InputError), silent():
            segmentation = _segmentation(labels, table, source, (algorithm, algorithm_version, algorithm_type))
            segmentation.walk(_shorten)
            put_back(segmentation, source.undecodable)
            segmentation.save_as(temporary)
        check_read_back(read_dicom_seg(temporary, like=source.grid), labels, table, path.name)


def check_algorithm_type(kind: str) -> None:
    """Refuse a type that DICOM does not know, for SEG and RTSTRUCT alike. Raises `InputError`."""
    if kind not in ALGORITHM_TYPES:
        raise InputError(f"An algorithm's type is one of {', '.join(ALGORITHM_TYPES)}, not {kind!r}.")


def series_number(header: Dataset) -> int:
    """The number of our series: behind that of the images, where theirs can be counted on.

    `header` is that of an image of the series. A series without a usable number gives 1000.

    >>> from pydicom import Dataset
    >>> header = Dataset()
    >>> header.SeriesNumber = 3
    >>> series_number(header), series_number(Dataset())
    (1003, 1000)
    """
    found = int(number(header, "SeriesNumber") or 0)
    return SERIES_NUMBER_STEP + (found if 0 <= found < 2**31 - SERIES_NUMBER_STEP else 0)


def check_read_back(back: Masks, labels: Volume, table: LabelTable, name: str) -> None:
    """Raise `FileError` when a file says something else than what was written.

    `back` is what our own reader finds in the file, `labels` and `table` are what was to be written. Names, values and
    codes of the labels must be equal, and so must each voxel. Colours are not compared.
    """
    if not np.array_equal(back.label_map().array, labels.array):
        raise FileError(f"{name}: the voxels read back differ from what was written. Nothing was kept.")
    said = [(one.value, one.name, one.code) for one in back.table]
    if said != [(one.value, one.name, one.code) for one in table]:
        raise FileError(f"{name}: the labels read back differ from what was written. Nothing was kept.")


def _segmentation(labels: Volume, table: LabelTable, source: Source, algorithm: Algorithm) -> Segmentation:
    """The whole object, not yet saved, with the place of each slice from the series (PS3.3 A.51).

    SliceThickness is added to the first header where a classic series lacks it: the distance of the slices in mm.
    """
    from highdicom import PixelMeasuresSequence, PlaneOrientationSequence, PlanePositionSequence
    from highdicom.seg import Segmentation
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    frames, first = source.frames, source.first
    position, orientation, spacing_mm = (
        [cast("tuple[float, ...]", getattr(frame, what)) for frame in frames]
        for what in ("position", "orientation", "spacing_mm")
    )
    # Given, not left to the source: an enhanced file may hold several volumes, or its slices in any order.
    positions = [PlanePositionSequence("PATIENT", one) for one in position]
    between = source.grid.spacing_mm[2]
    if "NumberOfFrames" not in first and number(first, "SliceThickness") is None:
        first.SliceThickness = f"{between:.6g}"  # highdicom asks for it, though it is given the measures
    by = "hand" if algorithm[2] == "MANUAL" else algorithm[0]
    measures = PixelMeasuresSequence(spacing_mm[0], frames[0].thickness_mm or between, between)
    return Segmentation(
        source_images=[source.headers[path] for path in dict.fromkeys(frame.path for frame in frames)],
        pixel_array=_numbered(labels.array, table).T,  # (I, J, K) to (frames, rows, columns)
        segmentation_type="BINARY",
        segment_descriptions=[_described(n, label, algorithm) for n, label in enumerate(table, 1)],
        series_instance_uid=generate_uid(),
        series_number=series_number(first),
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer=MAKER,
        manufacturer_model_name=MAKER,
        software_versions=__version__,
        device_serial_number="none",
        plane_positions=positions,
        plane_orientation=PlaneOrientationSequence("PATIENT", orientation[0]),
        pixel_measures=measures,
        content_label="SEGMENTATION",
        content_description=NOTICE,
        series_description=f"Segmentation by {by}"[:64].rstrip(),
        specific_character_set="ISO_IR 192",
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )


def _shorten(_: Dataset, element: DataElement) -> None:
    """Decimal strings of more than 16 characters, which some series have, are against the standard: round them."""
    from pydicom.valuerep import DS

    if element.VR == "DS" and not element.is_empty:
        values = element.value if element.VM > 1 else [element.value]
        element.value = [DS(value, auto_format=len(str(value)) > 16) for value in values]


def _numbered(array: NDArray[np.generic], table: LabelTable) -> NDArray[np.generic]:
    """Label values to segment numbers, which run from 1 in the order of the table."""
    numbers = np.zeros(array.shape, smallest_type(len(table)))
    for segment, label in enumerate(table, 1):
        numbers[array == label.value] = segment
    return numbers


def _described(segment: int, label: Label, algorithm: Algorithm) -> SegmentDescription:
    """The description of one label as a segment (PS3.3 C.8.20.4): number, name, category, code, algorithm, colour."""
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.color import CIELabColor
    from highdicom.seg import SegmentDescription
    from pydicom.sr.codedict import codes

    name, version, kind = algorithm
    named = AlgorithmIdentificationSequence(name, codes.DCM.ArtificialIntelligence, version)
    description = SegmentDescription(
        segment_number=segment,
        segment_label=label.name,
        segmented_property_category=_coded(category_of(label)),
        segmented_property_type=_coded(code_of(label)),
        algorithm_type=kind,
        algorithm_identification=None if kind == "MANUAL" else named,
        display_color=CIELabColor.from_dicom_value(lab_of(label)),
    )
    sided(description.SegmentedPropertyTypeCodeSequence[0], label)
    description.SegmentDescription = f"{VALUE_TEXT}{label.value}"
    return description


def _coded(code: Code) -> CodedConcept:
    """A code in the form that highdicom takes."""
    from highdicom.sr import CodedConcept

    return CodedConcept(code.value, code.scheme, code.meaning)
