"""What attention, the loss and the network bring on the sarcoma data: the same recipe and budget for each.

    python benchmarks/sarcoma.py DATASET OFF_CENTRE RUNS [--epochs 60] [--seeds 1,2,3] [--rows ROW ...] [--full]

DATASET is the sarcoma data set, OFF_CENTRE its cut copy (off_centre_crops.py), RUNS a folder for the trainings. A
training that is there already is not done again, and a training that was stopped goes on. Each trains on four folds,
with three seeds, and is scored on the fifth, fold 0. Prints a Markdown table: mean over seeds of the mean Dice, and the
seeds' range.

51 trainings: voxels of 6 mm and windows of 192 mm, so that each takes minutes; `--full` takes the bundle's 4 mm. Two
processes can share the work with different `--seeds` or `--rows`; a last one without prints the whole table.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from sarcoma_baselines import ellipsoid as middle_ellipsoid

from monai_attn import read
from monai_attn.bundle import find_bundle
from monai_attn.cases import fold_cases
from monai_attn.measure import dice

IMAGES = ("t1", "ct", "pet")
RECIPE = ["train", "train_instance"]
"""The configs that all are trained with: instance normalisation and AdamW, with which the table was made."""
SEEDS = (1, 2, 3)
PLAIN = {"spatial_dims": 3, "in_channels": 6, "out_channels": 2}
CHANNELS = {"channels": [16, 32, 64, 128, 128], "strides": [2, 2, 2, 2]}
MUON = {"optimizer::_target_": "monai_attn.training.MuonAdamW", "learning_rate": 0.02}
RUNS: dict[str, dict[str, Any]] = {
    **{
        f"AttnUNet, {name}": {"network_def::attention": name} for name in ("none", "gate", "channel", "spatial", "scse")
    },
    "MONAI UNet": {"network_def": {"_target_": "UNet", **PLAIN, **CHANNELS, "num_res_units": 2}},
    "MONAI SegResNet": {"network_def": {"_target_": "SegResNet", **PLAIN, "init_filters": 16}},
    "MONAI AttentionUnet": {"network_def": {"_target_": "AttentionUnet", **PLAIN, **CHANNELS}},
    "gate, batch normalisation, five levels": {
        "network_def::norm": "batch",
        **{f"network_def::{k}": v for k, v in CHANNELS.items()},
    },
    "gate, voxel normalisation": {"network_def::norm": "voxel"},
    "gate, Muon": MUON,
    "gate, voxel normalisation, Muon": {"network_def::norm": "voxel", **MUON},
    "gate, Dice of each patch": {"loss::batch": False},
    "gate, Dice alone": {"loss::focal_weight": 0.0},
    "gate, focal alone": {"loss::dice_weight": 0.0},
    "gate, Dice + cross-entropy": {"loss::gamma": 0.0},
    "gate, Dice + focal, tumour weighs 3": {"loss::class_weights": [1.0, 3.0]},
}
"""Row of the table, and its overrides of the bundle's train.json."""

COARSE: dict[str, Any] = {
    "pixdim": [6.0, 6.0, 6.0],
    "roi_size": [32, 32, 32],
    "augmentation::1::transforms::1::roi_size": [11, 11, 14],
    "augmentation::1::transforms::1::max_roi_size": [27, 27, 32],
    "augmentation::2::spatial_size": [38, 38, 38],
    "augmentation::3::spatial_size": [38, 38, 38],
}
"""The grid of the comparison, and the sizes of the augmentation that go with it."""


def bundle_run(configs: list[str], options: dict[str, Any], log: Path) -> None:
    root = find_bundle("soft_tissue_sarcoma").resolve()
    files = str([str(root / "configs" / f"{name}.json") for name in configs])
    command = [sys.executable, "-W", "ignore", "-m", "monai.bundle", "run", "--config_file", files]
    command += ["--bundle_root", str(root), "--meta_file", str(root / "configs" / "metadata.json")]
    for key, value in options.items():
        command += [f"--{key}", value if isinstance(value, str) else repr(value)]
    with log.open("a") as stream:
        subprocess.run(command, check=True, stdout=stream, stderr=stream)


def train(folder: Path, dataset: Path, overrides: dict[str, Any], seed: int, epochs: int) -> None:
    if not (folder / "model.pt").exists():
        folder.mkdir(parents=True, exist_ok=True)
        resume = any(folder.glob("state_*.pt"))
        options = {"dataset_dir": str(dataset), "output_dir": str(folder), "fold": 0, "seed": seed, "resume": resume}
        options |= {"max_epochs": epochs, "val_interval": 0, "tensorboard": False, **overrides}
        bundle_run(RECIPE, options, folder / "train.log")


def scores(folder: Path, dataset: Path, name: str, overrides: dict[str, Any]) -> list[float]:
    """The Dice of the patients of fold 0, on their own grids."""
    output = folder / name
    if not (output / "scores.csv").exists():
        output.mkdir(exist_ok=True)
        options = {
            "dataset_dir": str(dataset),
            "output_dir": str(output),
            "weights": str(folder / "model.pt"),
            "fold": 0,
        }
        kept = {key: overrides[key] for key in overrides if key.startswith(("network_def", "pixdim", "roi_size"))}
        bundle_run([*RECIPE, "evaluate"], {**options, **kept}, folder / "evaluate.log")
    with (output / "scores.csv").open(newline="") as stream:
        return [float(row["dice"]) for row in csv.DictReader(stream)]


def ellipsoid(dataset: Path, fold: int = 0) -> list[float]:
    """The Dice of a guess without looking: an ellipsoid in the middle; see sarcoma_baselines.py."""
    folds = find_bundle("soft_tissue_sarcoma") / "configs" / "folds.json"
    found = []
    for case in fold_cases(dataset, folds, fold, "validation", IMAGES):
        label = np.asarray(read(case["label"]).array) != 0
        found.append(dice(middle_ellipsoid(label.shape), label))
    return found


def main(given: argparse.Namespace) -> None:
    datasets = {"whole": given.dataset.resolve(), "off_centre": given.off_centre.resolve()}
    seeds = [int(seed) for seed in given.seeds.split(",")]
    grid, edge_mm = ({}, 4) if given.full else (COARSE, 6)
    runs = given.runs.resolve() / f"{edge_mm}mm_{given.epochs}_epochs"  # others are not to be taken for these
    rows: list[tuple[str, list[list[float]]]] = [
        ("centre ellipsoid", [[float(np.mean(ellipsoid(path)))] for path in datasets.values()])
    ]
    for name in given.rows or RUNS:
        overrides = {**grid, **RUNS[name]}
        of_seeds: list[list[float]] = [[] for _ in datasets]
        for seed in seeds:
            folder = runs / f"{''.join(c if c.isalnum() else '_' for c in name)}_{seed}"
            train(folder, datasets["whole"], overrides, seed, given.epochs)
            for place, (kind, path) in zip(of_seeds, datasets.items(), strict=True):
                place.append(float(np.mean(scores(folder, path, kind, overrides))))
        rows.append((name, of_seeds))
        print(json.dumps([name, of_seeds]), file=sys.stderr, flush=True)
    print(f"| {given.epochs} epochs, {edge_mm} mm, fold 0 | whole crops | off-centre crops |")
    print("|---|---|---|")
    for name, kinds in rows:
        cells = [f"{np.mean(one):.3f}" + (f" ({min(one):.3f}-{max(one):.3f})" if len(one) > 1 else "") for one in kinds]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("off_centre", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)))
    parser.add_argument("--rows", nargs="+", choices=RUNS, metavar="ROW", help=f"all, or some of: {'; '.join(RUNS)}")
    parser.add_argument("--full", action="store_true", help="the bundle's own grid")
    main(parser.parse_args())
