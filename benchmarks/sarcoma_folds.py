"""The networks of the sarcoma bundle, each scored on the patients of the fold it never saw, as one table.

    python benchmarks/sarcoma_folds.py DATASET OFF_CENTRE OUT [--weights FILE] [IMAGES ...]

OFF_CENTRE is the cut copy of DATASET (off_centre_crops.py). The weights are the shipped ones unless FILE is given, one
that `ensemble.json` made. IMAGES are subsets such as "t1 pet"; all seven unless given. Scores of the same weights that
are in OUT already are not computed again. Prints Markdown.
"""

from __future__ import annotations

import argparse
import csv
import json
from functools import cache
from pathlib import Path

import numpy as np
import torch
from sarcoma import bundle_run, ellipsoid

from monai_attn.bundle import find_bundle
from monai_attn.cases import save_record, training_record
from monai_attn.io import atomic_path
from monai_attn.io.digest import sha256

SUBSETS = ("t1 ct pet", "t1 ct", "t1 pet", "ct pet", "t1", "ct", "pet")
FOLDS = range(5)
SHIPPED = find_bundle("soft_tissue_sarcoma") / "models" / "model.pt"


@cache
def that_never_saw(fold: int, weights: Path, out: Path) -> Path:
    """The networks in `weights` that were trained without a fold, as a file for the bundle's network with copies=1."""
    path = out / sha256(weights)[:8] / f"fold{fold}" / "model.pt"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        state = torch.load(weights, map_location="cpu", weights_only=True)
        picked = {}
        for name, value in state.items():
            _, number, rest = name.split(".", 2)  # networks.7.encoder...: the second network of fold 2
            if int(number) % len(FOLDS) == fold:
                picked[f"networks.{int(number) // len(FOLDS)}.{rest}"] = value
        listed = json.loads((find_bundle("soft_tissue_sarcoma") / "configs" / "folds.json").read_text())["folds"]
        seen = [{"case": case} for number, cases in enumerate(listed) if number != fold for case in cases]
        with atomic_path(path, overwrite=True) as temporary:
            torch.save(picked, temporary)
            save_record(training_record(seen), path, sha256(temporary))
    return path


def rows_of(
    out: Path, weights: Path, dataset: Path, name: str, images: str
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """The rows of scores.csv and lesions.csv of all folds."""
    scores: list[dict[str, str]] = []
    lesions: list[dict[str, str]] = []
    for fold in FOLDS:
        of_fold = that_never_saw(fold, weights, out)
        output = of_fold.parent / f"{name}_{images.replace(' ', '_')}"
        if not (output / "scores.csv").exists():
            options = {"dataset_dir": str(dataset), "output_dir": str(output), "fold": fold, "overwrite": True}
            options |= {"weights": str(of_fold), "images": images.split(), "network_def::copies": 1}
            bundle_run(["inference", "evaluate"], options, of_fold.parent / "evaluate.log")
        for rows, file in ((scores, "scores.csv"), (lesions, "lesions.csv")):
            with (output / file).open(newline="") as stream:
                rows += csv.DictReader(stream)
    return scores, lesions


def line(title: str, scores: list[dict[str, str]], lesions: list[dict[str, str]]) -> str:
    dice, hd95, nsd = (np.array([float(row[key]) for row in scores]) for key in ("dice", "hd95_mm", "nsd"))
    error = np.array([float(row["volume_difference_ml"]) / float(row["reference_ml"]) for row in scores]) * 100
    found, missed, extra = (sum(int(float(row[key])) for row in lesions) for key in ("matched", "missed", "extra"))
    worst = min(scores, key=lambda row: float(row["dice"]))
    return (
        f"| {title} | {dice.mean():.3f} ({dice.std(ddof=1):.3f}) | {np.median(dice):.3f} "
        f"| {dice.min():.2f} ({worst['case']}) | {np.median(hd95):.1f} | {nsd.mean():.2f} "
        f"| {np.median(error):+.0f} % ({np.median(np.abs(error)):.0f} %) | {found}/{found + missed}, {extra} |"
    )


def main(given: argparse.Namespace) -> None:
    datasets = {"whole": given.dataset.resolve(), "off_centre": given.off_centre.resolve()}
    print(
        "| images | Dice, mean (SD) | median | worst | HD95, median, mm | NSD, 2 mm | volume error, median "
        "(absolute) | lesions found, extra |"
    )
    print("|" + "---|" * 8)
    for name, subset in [("whole", subset) for subset in given.images or SUBSETS] + [
        ("off_centre", "t1 ct pet"),
        ("off_centre", "t1"),
    ]:
        title = f"{subset.replace(' ', ' + ')}, {'whole crops' if name == 'whole' else 'off-centre crops'}"
        print(line(title, *rows_of(given.out.resolve(), given.weights, datasets[name], name, subset)), flush=True)
    for name, path in datasets.items():
        dice = np.array([one for fold in FOLDS for one in ellipsoid(path, fold)])
        print(f"| ellipsoid, {name} | {dice.mean():.3f} ({dice.std(ddof=1):.3f}) | {np.median(dice):.3f} | | | | | |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("off_centre", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("images", nargs="*")
    parser.add_argument("--weights", type=Path, default=SHIPPED)
    main(parser.parse_args())
