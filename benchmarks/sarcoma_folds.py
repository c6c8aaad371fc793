"""The five folds of the sarcoma bundle, each scored on the patients it kept aside, as one table.

    python benchmarks/sarcoma_folds.py DATASET OFF_CENTRE RUNS [IMAGES ...]

RUNS holds fold0/model.pt to fold4/model.pt (train.json with --fold), OFF_CENTRE the cut copy of DATASET
(off_centre_crops.py). IMAGES are subsets such as "t1 pet"; all seven unless given. Scores that are
there already are not computed again. Prints Markdown.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
from sarcoma import bundle_run, ellipsoid

SUBSETS = ("t1 ct pet", "t1 ct", "t1 pet", "ct pet", "t1", "ct", "pet")
FOLDS = range(5)


def rows_of(runs: Path, dataset: Path, name: str, images: str) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """The rows of scores.csv and lesions.csv of all folds."""
    scores: list[dict[str, str]] = []
    lesions: list[dict[str, str]] = []
    for fold in FOLDS:
        folder = runs / f"fold{fold}"
        output = folder / f"{name}_{images.replace(' ', '_')}"
        if not (output / "scores.csv").exists():
            options = {"dataset_dir": str(dataset), "output_dir": str(output), "fold": fold, "overwrite": True}
            options |= {"weights": str(folder / "model.pt"), "images": images.split()}
            bundle_run(["train", "evaluate"], options, folder / "evaluate.log")
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


def main() -> None:
    datasets = {"whole": Path(sys.argv[1]).resolve(), "off_centre": Path(sys.argv[2]).resolve()}
    runs = Path(sys.argv[3]).resolve()
    print(
        "| images | Dice, mean (SD) | median | worst | HD95, median, mm | NSD, 2 mm | volume error, median "
        "(absolute) | lesions found, extra |"
    )
    print("|" + "---|" * 8)
    for name, subset in [("whole", subset) for subset in sys.argv[4:] or SUBSETS] + [
        ("off_centre", "t1 ct pet"),
        ("off_centre", "t1"),
    ]:
        title = f"{subset.replace(' ', ' + ')}, {'whole crops' if name == 'whole' else 'off-centre crops'}"
        print(line(title, *rows_of(runs, datasets[name], name, subset)), flush=True)
    for name, path in datasets.items():
        dice = np.array([one for fold in FOLDS for one in ellipsoid(path, fold)])
        print(f"| ellipsoid, {name} | {dice.mean():.3f} ({dice.std(ddof=1):.3f}) | {np.median(dice):.3f} | | | | | |")


if __name__ == "__main__":
    main()
