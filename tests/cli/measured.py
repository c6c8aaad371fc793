"""Masks with known answers for `measure` and `compare`: a liver with two tumours, oblique and anisotropic."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from monai_attn import LabelTable, Segmentation, Volume

TABLE = LabelTable.of_names({1: "liver", 2: "tumour"})
SPACING_MM = (1.0, 1.2, 2.0)
VOXEL_ML = 2.4e-3
SHAPE = (30, 32, 20)


def affine() -> np.ndarray:
    turned = np.eye(4)
    turned[:3, :3] = Rotation.from_euler("xyz", (5, -8, 12), degrees=True).as_matrix() @ np.diag(SPACING_MM)
    turned[:3, 3] = (-20, -30, 40)
    return turned


def reference() -> Volume:
    """A liver of 15 x 15 x 8 voxels with tumours of 48 and 18 voxels."""
    array = np.zeros(SHAPE, np.uint8)
    array[5:20, 5:20, 4:12] = 1
    array[6:10, 6:10, 5:8] = 2
    array[15:18, 15:18, 8:10] = 2
    return Volume(array, affine())


def prediction(cut: int = 1, *, found: bool = True) -> Volume:
    """The reference without the first `cut` planes of the liver and, unless it is found, without the small tumour."""
    array = np.array(reference().array)
    array[5 : 5 + cut] = 0
    if not found:
        array[15:18, 15:18, 8:10] = 1
    return Volume(array, affine())


def image() -> Volume:
    noise = np.random.default_rng(0).normal(40, 10, SHAPE)
    return Volume(noise.astype(np.float32), affine())


def save(volume: Volume, folder: Path, case: str) -> Path:
    """As `segment` saves it: with its names."""
    return Segmentation(volume, TABLE).save(folder, stem=case)[0]


def strict_json(path: Path) -> Any:
    """A JSON file, which may not say NaN or Infinity."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def csv_rows(path: Path, kind: str | None = None) -> list[dict[str, str]]:
    rows = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    return [row for row in rows if kind in (None, row["kind"])]


def heavy_modules(*arguments: object) -> str:
    """Which of torch and MONAI a command loads, in a Python of its own."""
    code = (
        "import sys; from monai_attn.cli.main import main; "
        "assert main(sys.argv[1:]) == 0; print(sorted({'torch', 'monai'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=True, capture_output=True, text=True)
    return run.stdout.splitlines()[-1]
