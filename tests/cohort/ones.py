"""A segmenter that needs no network, and cases for it: label 1 is where the image is positive."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from monai_attn import Volume, write
from monai_attn.cases import Case, ImageInput, find_cases
from monai_attn.cohort import Recipe
from monai_attn.labels import LabelTable
from monai_attn.segmentation import Segmentation


class Ones:
    """Gives 1 where the image is positive; `during` is called with the number of the case."""

    def __init__(self, during=lambda _: None, **made) -> None:
        self.made = {"bundle": "ones", "bundle_version": "1", "weights_sha256": "0", "config_sha256": "0"}
        self.made |= {"scripts_sha256": "0", "overrides": {}, **made}
        names = {"bundle": "name", "bundle_version": "version"}
        parts = {names.get(key, key): value for key, value in self.made.items()}
        self.parts = SimpleNamespace(inputs=(ImageInput("image"),), joined=False, **parts)
        self.during = during
        self.number = 0

    def __call__(self, images, *, progress=None, region=None, maps=(), force=False) -> Segmentation:
        del region
        assert not force
        self.number += 1
        if progress:
            progress(self.number, None)
        self.during(self.number)
        image = images["image"]
        labels = Volume((image.array > 0).astype(np.uint8), image.affine)
        table = LabelTable.of_names({1: "one"})
        volumes = {f"{name}_1": Volume(np.ones(image.shape, np.float32), image.affine) for name in maps}
        return Segmentation(labels, table, {**self.made, "region_mm": None}, volumes)


def make_cases(folder: Path, count: int = 5) -> list[Case]:
    """Images of which the first `number` voxels are positive."""
    for number in range(1, count + 1):
        array = np.full((4, 5, 6), -1.0, dtype=np.float32)
        array.ravel()[:number] = 1
        write(Volume(array, np.diag([1.0, 2.0, 3.0, 1.0])), folder / f"case_{number}.nii.gz")
    return find_cases([folder])


@dataclass(frozen=True)
class OnesRecipe(Recipe):
    """A recipe whose segmenter is `Ones`, in other processes too; `hurts` says what a case does to its process."""

    pause_s: float = 0.0
    killers: tuple[int, ...] = ()

    def segmenter(self) -> Ones:
        """`Ones`, which notes that it was opened, and kills its process at an image of so many positive voxels."""
        (self.output.parent / f"opened-{os.getpid()}-{time.time_ns()}").touch()
        return Dying(self)


class Dying(Ones):
    """Waits before each case, and dies of some."""

    def __init__(self, recipe: OnesRecipe) -> None:
        super().__init__()
        self.recipe = recipe

    def __call__(self, images, **options) -> Segmentation:
        time.sleep(self.recipe.pause_s)
        if np.count_nonzero(images["image"].array > 0) in self.recipe.killers:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(images, **options)
