"""Do the probabilities of the sarcoma networks mean what they say? On the patients that each fold kept aside.

    python benchmarks/sarcoma_calibration.py DATASET OUT [IMAGES ...]

OUT keeps the shipped weights of each fold, as sarcoma_folds.py does; IMAGES are subsets such as "t1 pet" ("t1 ct pet"
and "t1" unless given).
The voxels of the bundle's grid are put into ten bins of the tumour's probability. In each bin the mean probability is
compared with the share of voxels that are tumour (reliability). The expected calibration error (ECE) is the mean of the
differences, weighted by voxels (Naeini et al. 2015). The ECE is given a second time over the voxels of at least 1 %,
since most of an image is certain background.

Each table is printed for three states: uncalibrated, as shipped, and with a temperature and an offset (Platt 1999)
fitted on the other four folds. At the end stand the temperature and the offset of all folds and subsets, for
`network_def` of the bundle's inference.json. Prints Markdown.
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
def tumour_margins(dataset: Path, weights: Path, fold: int, images: list[str]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Logit of the tumour less that of the background, and the truth, of every voxel that an image measured.

    All patients whom the fold kept aside, one after the other; nothing is calibrated.
    """
    shipped = fold_config("inference", dataset, fold, images)
    shipped["network_def::copies"] = 1
    shipped["network_def::temperature"], shipped["network_def::offsets"] = 1.0, None
    network = shipped.get_parsed_content("network_def").eval()
    network.load_state_dict(torch.load(weights, weights_only=True))
    shipped["inferer::labels"] = None
    infer = shipped.get_parsed_content("inferer")
    parser = fold_config("train", dataset, fold, images)
    parser["pixdim"] = shipped["pixdim"]
    prepare = parser.get_parsed_content("validate::preprocessing")
    said, true = [], []
    for case in parser.get_parsed_content("val_cases"):
        item = prepare(case)
        logits = infer(item["image"].as_tensor()[None], network)
        measured = item["presence"].as_tensor().amax(dim=0) > 0
        said.append((logits[0, 1] - logits[0, 0])[measured].numpy())
        true.append(item["label"].as_tensor()[0][measured].numpy() > 0)
    return np.concatenate(said), np.concatenate(true)


def fit(margins: NDArray[Any], true: NDArray[Any]) -> tuple[float, float]:
    """The temperature and the offset for which `sigmoid(margin / temperature + offset)` is most likely the truth.

    Newton's method on 400 bins of the margin.
    """
    edges = np.linspace(-20, 20, 401)
    which = np.clip(np.digitize(margins, edges) - 1, 0, 399)
    count = np.bincount(which, minlength=400).astype(float)
    hits = np.bincount(which, weights=true, minlength=400)
    x = np.stack([(edges[:-1] + edges[1:]) / 2, np.ones(400)], axis=1)
    scale = np.array([1.0, 0.0])
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ scale))
        scale = scale + np.linalg.solve((x.T * (count * p * (1 - p))) @ x, x.T @ (hits - count * p))
    return float(1 / scale[0]), float(scale[1])


def probability(margins: NDArray[Any], temperature: float = 1.0, offset: float = 0.0) -> NDArray[Any]:
    """The probability of the tumour at margins of the logits."""
    return np.asarray(1 / (1 + np.exp(-(margins / temperature + offset))))


def reliability(said: NDArray[Any], true: NDArray[Any]) -> tuple[NDArray[Any], float]:
    """Voxels, mean probability and share of tumour by bin, shape (bins, 3), and the expected calibration error."""
    which = np.minimum((said * BINS).astype(int), BINS - 1)
    count = np.bincount(which, minlength=BINS)
    filled = np.maximum(count, 1)
    mean = np.bincount(which, weights=said, minlength=BINS) / filled
    share = np.bincount(which, weights=true, minlength=BINS) / filled
    return np.stack([count, mean, share], axis=1), float((count * np.abs(mean - share)).sum() / count.sum())


def show(title: str, said: NDArray[Any], true: NDArray[Any]) -> None:
    """Print the reliability of one state."""
    table, error = reliability(said, true)
    unsure = said >= UNSURE
    print(f"\n{title}: ECE {error:.3f}, over voxels of at least {UNSURE:.0%} ", end="")
    print(f"{reliability(said[unsure], true[unsure])[1]:.3f}; {said.size} voxels, {true.mean():.1%} of them tumour\n")
    print("| probability | voxels | mean probability | share of tumour |\n|---|---|---|---|")
    for low, (count, mean, share) in enumerate(table):
        print(f"| {low / BINS:.1f}-{(low + 1) / BINS:.1f} | {int(count)} | {mean:.3f} | {share:.3f} |")


def main() -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    dataset, out = (Path(argument).resolve() for argument in sys.argv[1:3])
    network = fold_config("inference", dataset, 0, ["t1"])["network_def"]
    shipped = float(network.get("temperature", 1.0)), float((network.get("offsets") or [0.0, 0.0])[1])
    pooled = []
    for subset in sys.argv[3:] or ("t1 ct pet", "t1"):
        parts = [tumour_margins(dataset, that_never_saw(fold, SHIPPED, out), fold, subset.split()) for fold in FOLDS]
        pooled += parts
        said, true = (np.concatenate(column) for column in zip(*parts, strict=True))
        others = []
        for number, (margins, _) in enumerate(parts):
            rest = [part for other, part in enumerate(parts) if other != number]
            others.append(probability(margins, *fit(*(np.concatenate(column) for column in zip(*rest, strict=True)))))
        name = subset.replace(" ", " + ")
        show(f"{name}, uncalibrated", probability(said), true)
        show(
            f"{name}, as shipped (temperature {shipped[0]:g}, offset {shipped[1]:g})", probability(said, *shipped), true
        )
        show(f"{name}, fitted on the other folds", np.concatenate(others), true)
    temperature, offset = fit(*(np.concatenate(column) for column in zip(*pooled, strict=True)))
    print(f"\nAll folds and subsets: temperature {temperature:.2f}, offset {offset:.2f}")


if __name__ == "__main__":
    main()
