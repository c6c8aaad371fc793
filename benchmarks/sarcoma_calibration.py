"""Do the probabilities of the sarcoma networks mean what they say? On the patients that each fold kept aside.

    python benchmarks/sarcoma_calibration.py DATASET OUT [IMAGES ...]

OUT keeps the shipped weights of each fold, as sarcoma_folds.py does; IMAGES are subsets such as "t1 pet" ("t1 ct pet"
and "t1" unless given).
Voxels of 4 mm, as the networks see them, are put into ten bins of the tumour's probability. In each bin the mean
probability is compared with the share of voxels that are tumour (reliability). The expected calibration error (ECE) is
the mean of the differences, weighted by voxels (Naeini et al. 2015). The ECE is given a second time over the voxels of
at least 1 %, since most of an image is certain background. Prints Markdown.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.bundle import ConfigParser
from numpy.typing import NDArray
from sarcoma_folds import FOLDS, SHIPPED, that_never_saw

from monai_attn.bundle import find_bundle

BINS = 10
UNSURE = 0.01


def fold_config(name: str, dataset: Path, fold: int, images: list[str]) -> ConfigParser:
    root = find_bundle("soft_tissue_sarcoma").resolve()
    parser = ConfigParser()
    parser.read_config(str(root / "configs" / f"{name}.json"))
    for key, value in {"bundle_root": str(root), "dataset_dir": str(dataset), "fold": fold, "images": images}.items():
        parser[key] = value
    return parser


@torch.no_grad()
def tumour_probabilities(
    dataset: Path, weights: Path, fold: int, images: list[str]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Probability and truth of every voxel that an image measured, of all patients whom the fold kept aside."""
    shipped = fold_config("inference", dataset, fold, images)
    shipped["network_def::copies"] = 1
    network = shipped.get_parsed_content("network_def").eval()
    parser = fold_config("train", dataset, fold, images)
    network.load_state_dict(torch.load(weights, weights_only=True))
    infer = parser.get_parsed_content("inferer")
    prepare = parser.get_parsed_content("validate::preprocessing")
    said, true = [], []
    for case in parser.get_parsed_content("val_cases"):
        item = prepare(case)
        logits = infer(item["image"].as_tensor()[None], network)
        measured = item["presence"].as_tensor().amax(dim=0) > 0
        said.append(logits.softmax(dim=1)[0, 1][measured].numpy())
        true.append(item["label"].as_tensor()[0][measured].numpy() > 0)
    return np.concatenate(said), np.concatenate(true)


def reliability(said: NDArray[Any], true: NDArray[Any]) -> tuple[NDArray[Any], float]:
    """Voxels, mean probability and share of tumour by bin, shape (bins, 3), and the expected calibration error."""
    which = np.minimum((said * BINS).astype(int), BINS - 1)
    count = np.bincount(which, minlength=BINS)
    filled = np.maximum(count, 1)
    mean = np.bincount(which, weights=said, minlength=BINS) / filled
    share = np.bincount(which, weights=true, minlength=BINS) / filled
    return np.stack([count, mean, share], axis=1), float((count * np.abs(mean - share)).sum() / count.sum())


def main() -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    dataset, out = (Path(argument).resolve() for argument in sys.argv[1:3])
    for subset in sys.argv[3:] or ("t1 ct pet", "t1"):
        parts = [
            tumour_probabilities(dataset, that_never_saw(fold, SHIPPED, out), fold, subset.split()) for fold in FOLDS
        ]
        said, true = (np.concatenate(column) for column in zip(*parts, strict=True))
        table, error = reliability(said, true)
        unsure = said >= UNSURE
        print(f"\n{subset.replace(' ', ' + ')}: ECE {error:.3f}, over voxels of at least {UNSURE:.0%} ", end="")
        print(
            f"{reliability(said[unsure], true[unsure])[1]:.3f}; {said.size} voxels, {true.mean():.1%} of them tumour\n"
        )
        print("| probability | voxels | mean probability | share of tumour |\n|---|---|---|---|")
        for low, (count, mean, share) in enumerate(table):
            print(f"| {low / BINS:.1f}-{(low + 1) / BINS:.1f} | {int(count)} | {mean:.3f} | {share:.3f} |")


if __name__ == "__main__":
    main()
