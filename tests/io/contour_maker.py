"""RTSTRUCT files by hand, on an image whose indices are easy to name."""

from __future__ import annotations

import numpy as np
from dicom_maker import empty, item, lps
from pydicom import dcmread

from monai_attn.io.dicomseg import read_rtstruct
from monai_attn.volume import Volume

STRUCTURES = "1.2.840.10008.5.1.4.1.1.481.3"


def structure_set(path, contours, *, frame_of_reference="", kind="CLOSED_PLANAR", **tags):
    """An RTSTRUCT by hand; `contours` maps a name to lists of points in RAS+ mm."""
    ds = empty(STRUCTURES, "RTSTRUCT")
    ds.StructureSetROISequence = [
        item(ROINumber=n, ROIName=name, ReferencedFrameOfReferenceUID=frame_of_reference, **tags)
        for n, name in enumerate(contours, 1)
    ]
    ds.ROIContourSequence = [
        item(
            ReferencedROINumber=n,
            ROIDisplayColor=[255, 128, 0],
            ContourSequence=[
                item(
                    ContourGeometricType=kind,
                    NumberOfContourPoints=len(points),
                    ContourData=[f"{x:.4f}" for point in points for x in lps(np.asarray(point))],
                )
                for points in drawn
            ],
        )
        for n, drawn in enumerate(contours.values(), 1)
    ]
    ds.save_as(path, enforce_file_format=True)
    return path


def flat(shape=(10, 8, 4)) -> Volume:
    """LPS with voxels of 2 x 3 x 4 mm whose first centre is the origin."""
    return Volume(np.zeros(shape, np.uint8), np.diag([-2.0, -3.0, 4.0, 1.0]))


def box(image: Volume, lower, upper, k: float) -> np.ndarray:
    """A rectangle of indices in a slice, in millimetres."""
    (a, b), (c, d) = lower, upper
    return image.to_world([[a, b, k], [c, b, k], [c, d, k], [a, d, k]])


IMAGE = flat((10, 8, 9))


def square(k: float, lower=(1.5, 1.5), upper=(4.5, 4.5)) -> np.ndarray:
    """9 voxels of a slice unless said otherwise."""
    return box(IMAGE, lower, upper, k)


def changed(path, change):
    ds = dcmread(path)
    change(ds)
    ds.save_as(path)
    return path


def read_voxels(path, value=1, image=IMAGE):
    masks = read_rtstruct(path, image)
    return int(masks.mask(value).array.sum()), masks.notes
