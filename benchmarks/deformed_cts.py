"""A small data set such as a newcomer brings: 24 CTs of 512 x 512 voxels with a spleen, in the layout of the MSD.

    python benchmarks/deformed_cts.py DATA FOLDER

DATA holds `images/`, with the trunk CT of 3 mm and its label map. Each case is the upper part of this CT, deformed and
scaled in its grey values at random, with noise, on 60 to 84 slices of its own spacing. FOLDER/Task09_Spleen is what
`monai-attn learn` and `learn.py` take. The cases are more alike than those of 24 patients. They show whether
`learn` finds its way with such images, and not how well it would do with patients.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import SimpleITK

CASES, SPLEEN, FIRST_SLICE, LABELLED = 24, 1, 72, 30


def main(data: Path, folder: Path) -> None:
    for kind in ("imagesTr", "labelsTr"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    ct, spleen = source(data / "images")
    random = np.random.default_rng(5)
    names = [f"spleen_{number + 1}" for number in range(CASES)]
    for name in names:
        image, label = deformed(ct, spleen, random)
        SimpleITK.WriteImage(image, str(folder / "imagesTr" / f"{name}.nii.gz"))
        SimpleITK.WriteImage(label, str(folder / "labelsTr" / f"{name}.nii.gz"))
        print(name, image.GetSize(), flush=True)
    training = [{"image": f"./imagesTr/{name}.nii.gz", "label": f"./labelsTr/{name}.nii.gz"} for name in names]
    about = {"name": "Spleen", "modality": {"0": "CT"}, "labels": {"0": "background", "1": "spleen"}}
    counts = {"numTraining": CASES, "numTest": 0, "training": training, "test": []}
    (folder / "dataset.json").write_text(json.dumps({**about, **counts}))


def source(images: Path) -> tuple[SimpleITK.Image, SimpleITK.Image]:
    """The upper part of the CT, and the mask of its spleen. The label map belongs to the last slices of the CT."""
    ct = SimpleITK.ReadImage(str(images / "ct_trunk_3mm.nii.gz"), SimpleITK.sitkFloat32)
    labels = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(images / "ct_trunk_3mm_labels.nii.gz")))
    mask = np.zeros(ct.GetSize()[::-1], np.uint8)
    mask[-LABELLED:] = labels == SPLEEN
    spleen = SimpleITK.GetImageFromArray(mask)
    spleen.CopyInformation(ct)
    return ct[:, :, FIRST_SLICE:], spleen[:, :, FIRST_SLICE:]


def deformed(
    ct: SimpleITK.Image, spleen: SimpleITK.Image, random: np.random.Generator
) -> tuple[SimpleITK.Image, SimpleITK.Image]:
    """One case: the CT in int16 and its mask."""
    grid = SimpleITK.Image(512, 512, int(random.integers(60, 85)), SimpleITK.sitkFloat32)
    grid.SetSpacing([float(random.uniform(0.68, 0.8))] * 2 + [float(random.uniform(1.3, 1.6))])
    grid.SetDirection(ct.GetDirection())
    grid.SetOrigin((middle(ct) - middle(grid) + random.uniform(-8, 8, 3)).tolist())
    spline = SimpleITK.BSplineTransformInitializer(ct, [4, 4, 3], order=3)
    spline.SetParameters(random.normal(0, 9, len(spline.GetParameters())).tolist())
    place = (ct.GetSize(), ct.GetOrigin(), ct.GetSpacing(), ct.GetDirection())
    field = SimpleITK.DisplacementFieldTransform(
        SimpleITK.TransformToDisplacementField(spline, SimpleITK.sitkVectorFloat64, *place)
    )
    array = SimpleITK.GetArrayFromImage(SimpleITK.Resample(ct, grid, field, SimpleITK.sitkLinear, -1024.0))
    grey = array * random.uniform(0.92, 1.08) + random.normal(0, 15) + random.normal(0, 18, array.shape)
    image = SimpleITK.GetImageFromArray(np.clip(np.where(array > -1000, grey, array), -1024, 3071).astype(np.int16))
    image.CopyInformation(grid)
    return image, SimpleITK.Resample(spleen, grid, field, SimpleITK.sitkNearestNeighbor, 0)


def middle(image: SimpleITK.Image) -> np.ndarray:
    """The middle of an image in mm, in the patient space of ITK (LPS+)."""
    return np.array(image.TransformContinuousIndexToPhysicalPoint([(count - 1) / 2 for count in image.GetSize()]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) / "Task09_Spleen")
