"""A data set of phantoms that a small network learns in seconds."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

AFFINE = np.diag([2.0, 2.0, 3.0, 1.0])
SHAPE = (24, 24, 16)


def make_phantoms(folder: Path, cases: int = 8, *, several: bool = False) -> Path:
    """CTs with a bright ball on either side; in every third case the right ball was not drawn.

    With `several` each case also has an MR image on a coarser grid, which every fourth case lacks.
    """
    generator = np.random.default_rng(5)
    rows = []
    for number in range(cases):
        image = generator.normal(0, 30, SHAPE) - 50
        label = np.zeros(SHAPE, np.uint8)
        for value, across in ((1, 7), (2, 17)):
            centre = np.array([across, 12, 8]) + generator.integers(-1, 2, 3)
            ball = (((np.indices(SHAPE).T - centre) * [1.0, 1.0, 1.5]) ** 2).sum(-1).T < 16
            image[ball] += 300
            if value == 1 or number % 3:
                label[ball] = value
        name = f"case_{number:02d}"
        for kind, array in (("images", image.astype(np.int16)), ("labels", label)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            nib.save(nib.Nifti1Image(array, AFFINE), folder / kind / f"{name}.nii.gz")
        drawn = [1, 2] if number % 3 else [1]
        row = {"label": f"labels/{name}.nii.gz", "drawn": drawn}
        if several:
            (folder / "mr").mkdir(exist_ok=True)
            coarse = nib.Nifti1Image(image[::2, ::2].astype(np.int16), AFFINE @ np.diag([2.0, 2.0, 1.0, 1.0]))
            nib.save(coarse, folder / "mr" / f"{name}.nii.gz")
            mr = {"mr": f"mr/{name}.nii.gz"} if number % 4 else {}
            rows.append({"id": name, "ct": f"images/{name}.nii.gz", **mr, **row})
        else:
            rows.append({"image": f"images/{name}.nii.gz", **row})
    names = {"0": "background", "1": "left ball", "2": "right ball"}
    modality = {"ct": "CT", "mr": "MRI"} if several else {"0": "CT"}
    content = {"name": "Two balls", "modality": modality, "labels": names, "training": rows}
    (folder / "dataset.json").write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_phantoms(tmp_path_factory.mktemp("phantoms"))


@pytest.fixture(scope="session")
def two_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_phantoms(tmp_path_factory.mktemp("two_images"), several=True)
