"""What the bundle tests share: the bundles, a small data set, and MONAI's commands in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

REPOSITORY = Path(__file__).parents[2]
BUNDLES = sorted(path.parent.parent for path in REPOSITORY.glob("bundles/*/configs/metadata.json"))
NAMES = [bundle.name for bundle in BUNDLES]

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", "CUDA_VISIBLE_DEVICES": ""}

OBLIQUE = np.array([[0.96, -0.28, 0.0, -12.0], [0.28, 0.96, 0.0, 30.0], [0.0, 0.0, 1.2, 7.0], [0, 0, 0, 1]])


@dataclass(frozen=True)
class Finished:
    """How a command ended: its exit code, everything it printed, and the last line of that."""

    code: int
    text: str

    @property
    def last_line(self) -> str:
        return self.text.strip().splitlines()[-1]


def monai_bundle(*arguments: object, cwd: Path, launcher: tuple[str, ...] = ()) -> Finished:
    """`python -m monai.bundle ...`, or under torchrun with `launcher`, from the folder `cwd`."""
    start = [sys.executable, "-m", *(launcher or ("monai.bundle",))]
    done = subprocess.run(
        [*start, *map(str, arguments)], cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    return Finished(done.returncode, done.stdout + done.stderr)


def configs(bundle: Path, *names: str) -> str:
    """The value of --config_file: one path, or a list as the command line takes it."""
    paths = [str(bundle / "configs" / f"{name}.json") for name in names]
    return paths[0] if len(paths) == 1 else str(paths)


def config(bundle: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((bundle / "configs" / f"{name}.json").read_text(encoding="utf-8"))
    return content


def small_network(bundle: Path) -> tuple[str, str]:
    """An override that makes a network of seconds, not minutes."""
    channels = [max(count // 4, 2) for count in config(bundle, "train")["network_def"]["channels"]]
    return "--network_def::channels", json.dumps(channels)


def make_dataset(folder: Path, cases: int = 10) -> Path:
    """An MSD data set of noisy blocks on an oblique, anisotropic grid, one block per label."""
    generator = np.random.default_rng(7)
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    rows = []
    for number in range(cases):
        labels = np.zeros((30, 36, 22), np.uint8)
        labels[9:21, 6:17, 5:17], labels[9:21, 19:30, 5:17] = 1, 2
        image = labels * 100 + generator.normal(200, 20, labels.shape)
        row = {"image": f"./imagesTr/case_{number:02}.nii.gz", "label": f"./labelsTr/case_{number:02}.nii.gz"}
        for array, path in ((image.astype(np.float32), row["image"]), (labels, row["label"])):
            nib.save(nib.Nifti1Image(array, OBLIQUE), folder / path)
        rows.append(row)
    (folder / "dataset.json").write_text(json.dumps({"training": rows, "test": []}), encoding="utf-8")
    return folder
