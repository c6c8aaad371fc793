"""File > Save: a labels layer on the exact grid of its image, as a label map or a DICOM SEG.

napari calls `write_label_map` and `write_seg` through the manifest `napari.yaml`, with the layer's data and description
but without the layer. The voxels are those of the scan, `(I, J, K)` with an affine in RAS+ mm, not the turned array
that napari shows. Measurements and a report are not written here: see `saving`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.dicom_export import write_dicom
from monai_attn.errors import AttnError, FileError, GeometryError, InputError
from monai_attn.io import holds_structures, is_dicom
from monai_attn.io.names import suffix_of
from monai_attn.napari.keep.keeper import saved
from monai_attn.napari.layers.made_from import MADE_FROM, image_key, is_series_key
from monai_attn.napari.layers.provenance import provenance_of
from monai_attn.napari.layers.styles import extended, layer_table
from monai_attn.napari.layers.volumes import GROWING, Origin, origin_of, values_in, volume_of
from monai_attn.results.record import is_cut_off, read_labels_record
from monai_attn.segmentation import Segmentation, record_of
from monai_attn.volume import Volume, same_grid

if TYPE_CHECKING:
    from napari.layers import Labels, Layer

__all__ = ["check_native", "save_mask", "write_label_map", "write_seg"]

PICTURES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".npy")
"""Endings of pictures, in which a mask would lose its place in the patient."""


def write_label_map(path: str, data: NDArray[np.generic], meta: dict[str, Any]) -> list[str]:
    """napari's writer of masks: the mask, and beside it a JSON with names and provenance.

    The ending of `path` decides: .nii.gz (also without an ending), .nii, .nrrd, .mha, or .dcm (`write_seg`).
    `data` is the array of the layer as napari shows it; the mask is written in the order of the image's own voxels. An
    existing file is replaced, as napari has asked before: not where the ending is added here, nor a JSON that is no
    record of a mask. Each is there completely or not at all; the mask is read back and compared.

    Gives the paths of the files. Raises `AttnError` with the reason when that cannot be.
    """
    if path.lower().endswith(".dcm"):
        return write_seg(path, data, meta)
    layer, layers = _layer(data, meta)
    path = _named(path)
    with _said_by_napari():
        _refuse_foreign_record(Path(path))
        files = segmentation_of(layer, layers).write(path, overwrite=True)
    saved(data)
    return [str(file) for file in files]


def write_seg(path: str, data: NDArray[np.generic], meta: dict[str, Any]) -> list[str]:
    """napari's writer of .dcm: a DICOM SEG against the series that the labels lie on, read back and compared.

    The SEG repeats the patient and the study of that series, so the file names the patient as the series does. An
    existing file is replaced, as napari has asked before. Raises `AttnError` when the series is not open, was not read
    from DICOM, or lies otherwise.
    """
    layer, layers = _layer(data, meta)
    with _said_by_napari():
        segmentation = segmentation_of(layer, layers)
        source = dicom_source(layer, segmentation.labels, [layer, *layers])
        write_dicom(segmentation, str(source.path), path, series=source.series, volume=source.volume, overwrite=True)
    saved(data)
    return [path]


def save_mask(path: str | Path, layer: Labels) -> list[Path]:
    """Write the mask of a layer that is open as the ending of the path says; give the files.

    The same as File > Save Selected Layers, for the button "Save mask...". Raises `AttnError` with the reason.
    """
    data, meta, _ = layer.as_layer_data_tuple()
    return [Path(file) for file in write_label_map(str(path), data, meta)]


def segmentation_of(layer: Labels, layers: Iterable[Layer] = ()) -> Segmentation:
    """The labels as they are painted now, on their native grid; labels that nobody named are "label N".

    `layers` are all that are open: a layer made in napari takes the grid of the image it lies on. Raises
    `GeometryError` for a layer whose place is not known, or that was resliced for display, `InputError` for a run that
    is not finished.
    """
    check_native(layer)
    labels = volume_of(layer, layers)
    return Segmentation(labels, extended(layer_table(layer), values_in(labels.array)), provenance_of(layer))


def check_native(layer: Layer) -> None:
    """Raise `GeometryError` for a layer that was resliced for display, `InputError` for a run that is not finished."""
    origin = origin_of(layer)
    if origin is not None and origin.role == GROWING:
        raise InputError(f"{layer.name} is not finished. Wait for the mask, and save that.")
    if origin is not None and origin.display_only:
        raise GeometryError(
            f"{layer.name} was resliced for display; its voxels are not those of a scan. Save the layer it was made "
            "from: open it without reslicing."
        )


def dicom_source(mask: Layer, labels: Volume, layers: Iterable[Layer]) -> Origin:
    """The DICOM series, among layers, on whose grid the labels of a mask lie: the one that the mask was made from.

    Layers that were resliced for display do not count, nor does a file that holds structures itself. Raises
    `InputError` when there is no such series, and when it is not known which of several the mask was made from.
    """
    fitting: dict[str, tuple[str, Origin]] = {}
    for layer in layers:
        origin = origin_of(layer)
        if origin is None or origin.display_only or not origin.path or not same_grid(origin.grid, labels):
            continue
        if _is_series(Path(origin.path)):
            fitting.setdefault(image_key(origin), (layer.name, origin))
    made = mask.metadata.get(MADE_FROM, "")
    if made in fitting:
        return fitting[made][1]
    if not fitting or is_series_key(made):
        raise InputError(
            f"{mask.name} lies on no DICOM series that is open, and a DICOM SEG repeats patient and study of one. Open "
            "the series it was drawn on, or save as .nii.gz."
        )
    if len(fitting) > 1:
        names = ", ".join(name for name, _ in fitting.values())
        raise InputError(
            f"{mask.name} lies on several DICOM series that are open ({names}), and a DICOM SEG belongs to one. "
            "Choose the image in the tab Save and use 'Save all', or close the other series."
        )
    return next(iter(fitting.values()))[1]


@contextmanager
def _said_by_napari() -> Iterator[None]:
    """Every refusal as a plain `AttnError`: of a ValueError napari says that no plugin can write the file."""
    try:
        yield
    except AttnError as error:
        raise AttnError(str(error)) from error


def _named(path: str) -> str:
    """A path with an ending: .nii.gz where there is none. Raises `AttnError` for the endings of pictures.

    Raises it too where a file of the name with the added ending exists: nobody was asked about that one.
    """
    if Path(path).suffix.lower() in PICTURES:
        raise AttnError(
            f"A mask is saved as .nii.gz, .nrrd, .mha or .dcm, which keep its place in the patient, not as "
            f"{Path(path).suffix}. For a picture, choose napari's own file type below the file name."
        )
    if suffix_of(path):
        return path
    named = Path(f"{path}.nii.gz")
    if named.exists():
        raise AttnError(f"{named.name} exists already. To replace it, type the whole name with its ending.")
    return str(named)


def _refuse_foreign_record(mask: Path) -> None:
    """Raise `FileError` where another program's JSON stands where the record of the mask would be written."""
    record = record_of(mask)
    if record.is_file() and not is_cut_off(record) and not read_labels_record(record):
        raise FileError(
            f"{record.name} is no record of a mask, and the record of {mask.name} would replace it. "
            "Give the mask another name or another folder."
        )


def _is_series(path: Path) -> bool:
    """Whether a path can be the source of a DICOM SEG: a folder, or a DICOM file of an image."""
    return path.is_dir() or (is_dicom(path) and not holds_structures(path))


def _layer(data: NDArray[np.generic], meta: dict[str, Any]) -> tuple[Labels, list[Layer]]:
    """The layer that napari describes, and all that are open, where a fresh one finds the image it lies on."""
    from napari import Viewer, current_viewer
    from napari.layers import Layer

    viewers = [*getattr(Viewer, "_instances", ()), current_viewer()]  # the first is private; it finds other windows
    for viewer in viewers:
        for layer in viewer.layers if viewer is not None else ():
            if layer.data is data:
                return layer, list(viewer.layers)
    return Layer.create(data, meta, "labels"), [] if viewers[-1] is None else list(viewers[-1].layers)
