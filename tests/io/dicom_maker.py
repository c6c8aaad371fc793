"""DICOM files with a known answer, written by pydicom from a volume."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from pydicom import Dataset, FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from monai_attn.volume import Volume

CT, MR, PET = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.128"
ENHANCED_MR, ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.2.1"
FRAME = generate_uid()


def lps(point: np.ndarray) -> list[float]:
    """RAS+ to DICOM's LPS+."""
    return [round(float(x), 9) for x in np.asarray(point) * [-1, -1, 1]]


def orientation_of(volume: Volume) -> list[float]:
    """Row direction, which is that of rising column index I; then column direction, of rising row index J."""
    return lps(volume.directions[:, 0]) + lps(volume.directions[:, 1])


def empty(sop_class: str = MR, modality: str = "MR", series_uid: str = "") -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    ds.PatientName, ds.PatientID, ds.StudyDate = "Doe^Secret", "ID-4711", "19991231"
    ds.Modality, ds.SeriesInstanceUID, ds.SeriesNumber = modality, series_uid or generate_uid(), 3
    ds.SeriesDescription = "t1 axial"
    ds.FrameOfReferenceUID = FRAME
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    return ds


def set_pixels(ds: Dataset, pixels: np.ndarray) -> None:
    """Pixels `(rows, columns)` or `(frames, rows, columns)`."""
    pixels = np.ascontiguousarray(pixels)
    ds.Rows, ds.Columns = pixels.shape[-2:]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = pixels.dtype.itemsize * 8
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = bits, bits, bits - 1
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    ds.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    ds["PixelData"].VR = "OB" if bits == 8 else "OW"
    if pixels.ndim == 3:
        ds.NumberOfFrames = len(pixels)


def slices_of(volume: Volume, modality: str = "MR", series_uid: str = "") -> list[FileDataset]:
    """One classic object for each K."""
    sop_class = {"CT": CT, "PT": PET}.get(modality, MR)
    series_uid = series_uid or generate_uid()
    made = []
    for k in range(volume.shape[2]):
        ds = empty(sop_class, modality, series_uid)
        ds.ImageOrientationPatient = orientation_of(volume)
        ds.ImagePositionPatient = lps(volume.to_world([0, 0, k]))
        ds.PixelSpacing = [volume.spacing_mm[1], volume.spacing_mm[0]]  # between rows, between columns
        if modality in ("CT", "PT"):
            ds.RescaleSlope, ds.RescaleIntercept = 1, 0
        ds.InstanceNumber = 1  # says nothing, as in many exports
        set_pixels(ds, np.asarray(volume.array[:, :, k]).T)
        made.append(ds)
    return made


def save(folder: Path, datasets: list[FileDataset], prefix: str = "IM", seed: int = 7) -> Path:
    """File names in an order that has nothing to do with the place of the slices."""
    folder.mkdir(parents=True, exist_ok=True)
    names = np.random.default_rng(seed).permutation(len(datasets))
    for name, ds in zip(names, datasets, strict=True):
        ds.save_as(folder / f"{prefix}{name:04d}", enforce_file_format=True)
    return folder


def series(folder: Path, volume: Volume, modality: str = "MR", change: Callable | None = None, **tags) -> Path:
    """A folder with a series; `change(dataset, k)` may alter each slice."""
    datasets = slices_of(volume, modality)
    for k, ds in enumerate(datasets):
        for keyword, value in tags.items():
            setattr(ds, keyword, value)
        if change is not None:
            change(ds, k)
    return save(folder, datasets)


def item(**values) -> Dataset:
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


def enhanced(
    volumes: list[Volume], *, shared: bool = True, order: list[int] | None = None, **frame_tags
) -> FileDataset:
    """One enhanced multi-frame object; volume v is time point v+1 (or stack v+1 with `stacks=True`)."""
    stacks = frame_tags.pop("stacks", False)
    ds = empty(ENHANCED_MR)
    groups, pixels = [], []
    for v, volume in enumerate(volumes):
        plane = item(ImageOrientationPatient=orientation_of(volume))
        measures = item(PixelSpacing=[volume.spacing_mm[1], volume.spacing_mm[0]], SliceThickness=1.0)
        for k in range(volume.shape[2]):
            content = item(StackID=str(v + 1) if stacks else "1", InStackPositionNumber=k + 1)
            if not stacks:
                content.TemporalPositionIndex = v + 1
            group = item(
                FrameContentSequence=[content],
                PlanePositionSequence=[item(ImagePositionPatient=lps(volume.to_world([0, 0, k])))],
            )
            slope = frame_tags.get("slopes")
            if slope:
                group.PixelValueTransformationSequence = [
                    item(RescaleSlope=slope[k], RescaleIntercept=1, RescaleType="US")
                ]
            if not shared:
                group.PlaneOrientationSequence, group.PixelMeasuresSequence = [plane], [measures]
            groups.append(group)
            pixels.append(np.asarray(volume.array[:, :, k]).T)
    if shared:
        ds.SharedFunctionalGroupsSequence = [item(PlaneOrientationSequence=[plane], PixelMeasuresSequence=[measures])]
    order = order or list(range(len(groups)))
    ds.PerFrameFunctionalGroupsSequence = [groups[n] for n in order]
    ds.InstanceNumber = 1
    set_pixels(ds, np.stack([pixels[n] for n in order]))
    return ds
