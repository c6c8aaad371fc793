"""The rows of the study of attention: what each network scored on each unseen case, in one CSV file.

Dice, HD95, NSD and volumes are those of the bundle's own evaluate.json. The boundary Dice is computed here from the
label maps that the run kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attention_rows import read_rows, write_rows
from attention_runs import Run
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, find_objects

from monai_attn import Volume, read
from monai_attn.bundle import find_bundle
from monai_attn.cases.labelled import LabelledSet, find_labelled
from monai_attn.io.jsonfile import read_json
from monai_attn.measure import dice, labels_on_grid

Mask = NDArray[np.bool_]

KEY = ("data", "budget", "variant", "seed", "scene")
SCORES = ("dice", "hd95_mm", "nsd", "boundary_dice", "prediction_ml", "reference_ml")
ABOUT = ("steps", "minutes", "cpu_minutes", "processes", "commit", "hardware")
COLUMNS = (*KEY, "case", "structure", *SCORES, *ABOUT)


def boundary_dice(prediction: Mask, reference: Mask, spacing_mm: Sequence[float], band_mm: float) -> float:
    """Dice of the rims of two masks: the voxels of each within `band_mm` of its own boundary.

    It is the boundary IoU of Cheng et al. 2021 (arXiv 2103.16562) as a Dice. The voxels at the boundary are always in
    the rim. Both masks empty: nan. One empty: 0.

    >>> mask = np.zeros((9, 9, 9), bool)
    >>> mask[2:7, 2:7, 2:7] = True
    >>> boundary_dice(mask, mask, (1, 1, 1), 1.0), boundary_dice(mask, np.zeros_like(mask), (1, 1, 1), 1.0)
    (1.0, 0.0)
    """
    return dice(rim(prediction, spacing_mm, band_mm), rim(reference, spacing_mm, band_mm))


def rim(mask: Mask, spacing_mm: Sequence[float], band_mm: float) -> Mask:
    """The voxels of a mask whose centre is at most `band_mm` from the nearest voxel outside; at least one layer."""
    found = np.zeros_like(mask)
    for box in find_objects(mask.astype(np.uint8)):
        padded = np.pad(mask[box], 1)
        depth = distance_transform_edt(padded, sampling=spacing_mm)
        layer = distance_transform_edt(padded) <= 1
        found[box] = (padded & ((depth <= band_mm * (1 + 1e-5)) | layer))[1:-1, 1:-1, 1:-1]
    return found


def rows_of(run: Run, root: Path, scene: str = "clean") -> list[dict[str, Any]]:
    """The rows of a run that is done: one for each case and structure."""
    about = {name: run.about()[name] for name in ABOUT}
    key = dict(zip(KEY, (run.data, run.budget, run.variant, run.seed, scene), strict=True))
    scored = list(_without(run)) if scene == "without" else list(_scored(run, root, scene))
    return [{**key, **row, **about} for row in scored]


def _scored(run: Run, root: Path, scene: str) -> Iterator[dict[str, Any]]:
    """The rows of scores.csv with the boundary Dice of each."""
    folder, labelled = run.scene(scene), find_labelled(run.what.cases(root))
    scores = read_rows(folder / "scores.csv")
    for case in dict.fromkeys(row["case"] for row in scores):
        prediction, reference = _maps(folder / f"{case}_seg.nii.gz", labelled, case)
        spacing = np.linalg.norm(reference.affine[:3, :3], axis=0)
        for row in (one for one in scores if one["case"] == case):
            one, other = (volume.array == int(row["value"]) for volume in (prediction, reference))
            rims = boundary_dice(one, other, spacing, run.what.band_mm)
            numbers = {name: float(row[name]) for name in SCORES if row.get(name)}
            yield {"case": case, "structure": row["name"], **numbers, "boundary_dice": rims}


def _maps(path: Path, labelled: LabelledSet, case: str) -> tuple[Volume, Volume]:
    """The label map of a case and its reference, on the grid of the reference."""
    prediction = read(path)
    reference = labelled[case].label.read(like=prediction)
    return labels_on_grid(prediction, reference), reference


def _without(run: Run) -> Iterator[dict[str, Any]]:
    """What was marked in scans that lack the structure, in ml."""
    metadata = read_json(find_bundle(run.what.bundle) / "configs" / "metadata.json")
    for name in run.what.without:
        found = read(run.scene("without") / f"{name}_seg.nii.gz")
        for label in metadata["labels"]:
            ml = float((found.array == label["value"]).sum()) * found.voxel_ml
            yield {"case": name, "structure": label["name"], "prediction_ml": ml, "reference_ml": 0.0}


def keep(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Put rows into the CSV file, in place of those of the same run and scene that are there."""
    new = {tuple(str(row[name]) for name in KEY) for row in rows}
    before = [row for row in read_rows(path) if tuple(row[name] for name in KEY) not in new]
    write_rows(path, COLUMNS, [*before, *rows])
