"""What the bundle tests share: the bundles, a small data set, and MONAI's commands in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from commands import Finished, run_module

REPOSITORY = Path(__file__).parents[2]
BUNDLES = sorted(path.parent.parent for path in REPOSITORY.glob("bundles/*/configs/metadata.json"))
NAMES = [bundle.name for bundle in BUNDLES]

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", "CUDA_VISIBLE_DEVICES": ""}

SHAPE = (30, 36, 22)

OBLIQUE = np.array([[0.96, -0.28, 0.0, -12.0], [0.28, 0.96, 0.0, 30.0], [0.0, 0.0, 1.2, 7.0], [0, 0, 0, 1]])


def monai_bundle(*arguments: object, cwd: Path, launcher: tuple[str, ...] = ()) -> Finished:
    """`python -m monai.bundle ...`, or under torchrun with `launcher`, from the folder `cwd`."""
    if not launcher:
        return run_module("monai.bundle", *arguments, cwd=cwd, env=ENVIRONMENT)
    done = subprocess.run(
        [sys.executable, "-m", *launcher, *map(str, arguments)],
        cwd=cwd,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    return Finished(done.returncode, done.stdout + done.stderr)


def configs(bundle: Path, *names: str) -> str:
    """The value of --config_file: one path, or a list as the command line takes it."""
    paths = [str(bundle / "configs" / f"{name}.json") for name in names]
    return paths[0] if len(paths) == 1 else str(paths)


def config(bundle: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((bundle / "configs" / f"{name}.json").read_text(encoding="utf-8"))
    return content


def small_network(bundle: Path) -> tuple[str, ...]:
    """Overrides that make a network and a training of seconds, not minutes."""
    train = config(bundle, "train")
    channels = [max(count // 4, 2) for count in train["network_def"]["channels"]]
    few = ("--epoch_steps", "2", "--roi_size", "[32, 32, 32]") if "epoch_steps" in train else ()  # made by learn
    return ("--network_def::channels", json.dumps(channels), *few)


def image_names(bundle: Path) -> list[str]:
    """What a bundle calls its images: several, or the one that MONAI calls "image"."""
    return [image["name"] for image in config(bundle, "metadata").get("images", [])] or ["image"]


def is_mean(bundle: Path) -> bool:
    """Whether the shipped weights are those of several networks, of which training makes one."""
    return str(config(bundle, "inference")["network_def"]["_target_"]).endswith("NetworkMean")


def make_dataset(folder: Path, bundle: Path, cases: int = 10) -> Path:
    """Noisy blocks on an oblique, anisotropic grid, one block per label, as the bundle wants its data.

    `dataset.json` lists all cases; `few` holds the images of case_01 and case_02. Of several images the first has the
    grid of the labels, and each other one coarser voxels.
    """
    generator = np.random.default_rng(7)
    names, labels = image_names(bundle), np.zeros(SHAPE, np.uint8)
    for value, place in zip(config(bundle, "metadata")["labels"], (slice(6, 17), slice(19, 30)), strict=False):
        labels[9:21, place, 5:17] = value["value"]
    rows = []
    for number in range(cases):
        case = f"case_{number:02}"
        row = {"label": f"./labelsTr/{case}.nii.gz"}
        _save(labels, OBLIQUE, folder / row["label"])
        for step, name in enumerate(names, start=1):
            file = f"{case}.nii.gz" if len(names) == 1 else f"{case}/{name}.nii.gz"
            image = labels[::step, ::step] * 100 + generator.normal(200, 20, labels[::step, ::step].shape)
            if name == "pet":
                image /= 100  # 2 SUV, and 3 where the block is
            for part in ("imagesTr", "few") if number in (1, 2) else ("imagesTr",):
                _save(image.astype(np.float32), OBLIQUE @ np.diag([step, step, 1, 1]), folder / part / file)
            row[name] = f"./imagesTr/{file}"
        rows.append(row if len(names) == 1 else {"id": case, **row})
    table = {"0": "background"} | {str(row["value"]): row["name"] for row in config(bundle, "metadata")["labels"]}
    content = {"labels": table, "training": rows, "test": []}
    (folder / "dataset.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def _save(array: np.ndarray, affine: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, affine), path)
