"""Do the probabilities of the sarcoma networks mean what they say? On the patients that each fold kept aside.

    python benchmarks/sarcoma_calibration.py DATASET OUT [IMAGES ...] [--write]

OUT keeps the shipped weights of each fold, as sarcoma_folds.py does; IMAGES are subsets such as "t1 pet" ("t1 ct pet"
and "t1" unless given).
The voxels of the bundle's grid are put into ten bins of the tumour's probability. In each bin the mean probability is
compared with the share of voxels that are tumour (reliability). The expected calibration error (ECE) is the mean of the
differences, weighted by voxels (Naeini et al. 2015). The ECE is given a second time over the voxels of at least 1 %,
since most of an image is certain background.

Each table is printed for three states: uncalibrated, as shipped, and calibrated by factors that were fitted on the
other four folds. The calibration is that of `monai_attn.transforms.CalibrateLesiond`; every patient weighs the same.
Below each table stand Dice and volume error of the masks. At the end stand the factors of all folds and of all choices
of images with PET, for `with_uptake` of the bundle's inference.json, and the scale of the others.

`--write` puts the certainty of these unseen patients into `made_for` of metadata.json: how sure the bundle is of
a tumour, for each choice of images. Prints Markdown.
"""

from __future__ import annotations

import argparse
import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.bundle import ConfigParser
from numpy.typing import NDArray
from sarcoma_baselines import EDGES_ML
from sarcoma_folds import FOLDS, SHIPPED, that_never_saw

from monai_attn.bundle.locate import find_bundle, read_metadata
from monai_attn.measure import dice
from monai_attn.preflight import MadeFor
from monai_attn.preflight.made_for import choice_key
from monai_attn.preflight.refresh import write_made_for
from monai_attn.transforms.calibration import Evidence, lesion_evidence

VOXEL_ML = 0.064
"""Of the bundle's grid, 4 mm."""

BINS = 10
UNSURE = 0.01


def fold_config(name: str, dataset: Path, fold: int, images: list[str]) -> ConfigParser:
    root = find_bundle("soft_tissue_sarcoma").resolve()
    parser = ConfigParser()
    parser.read_config(str(root / "configs" / f"{name}.json"))
    for key, value in {"bundle_root": str(root), "dataset_dir": str(dataset), "fold": fold, "images": images}.items():
        parser[key] = value
    return parser


@dataclass(frozen=True)
class Patient:
    """The logit of the tumour less that of the background, the truth, and the evidence, on the bundle's grid."""

    fold: int
    margin: NDArray[Any]
    true: NDArray[Any]
    measured: NDArray[Any]
    evidence: Evidence


@torch.no_grad()
def patients(dataset: Path, weights: Path, fold: int, images: list[str]) -> list[Patient]:
    """What the networks that never saw a fold say of its patients; nothing is calibrated."""
    shipped = fold_config("inference", dataset, fold, images)
    shipped["network_def::copies"] = 1
    network = shipped.get_parsed_content("network_def").eval()
    network.load_state_dict(torch.load(weights, weights_only=True))
    infer = shipped.get_parsed_content("inferer")
    parser = fold_config("train", dataset, fold, images)
    prepare = parser.get_parsed_content("validate::preprocessing")
    found = []
    for case in parser.get_parsed_content("val_cases"):
        item = prepare(case)
        image = item["image"].as_tensor()
        logits = infer(image[None], network)
        margin = (logits[0, 1] - logits[0, 0]).numpy()
        pet = np.where(image[5].numpy() > 0, image[2].numpy() ** 2 * 20, np.nan) if "pet" in images else None
        evidence = lesion_evidence(margin, parser["pixdim"], pet)
        true, measured = item["label"].as_tensor()[0].numpy() > 0, image[3:].amax(dim=0).numpy() > 0
        found.append(Patient(fold, margin, true, measured, evidence))
    return found


def fit(known: Sequence[Patient]) -> NDArray[Any]:
    """The factors for which the truth is most likely near lesions with uptake; patients weigh the same."""
    known = [one for one in known if one.evidence.uptake is not None]
    x = [one.evidence.columns(one.margin) for one in known]
    y = np.concatenate([one.true[one.evidence.near] for one in known]).astype(float)
    weight = np.concatenate([np.full(len(rows), 1 / len(rows)) for rows in x])
    rows = np.concatenate(x)
    factors = np.zeros(rows.shape[1])
    for _ in range(25):
        p = 1 / (1 + np.exp(-rows @ factors))
        steep = (rows.T * (weight * p * (1 - p))) @ rows + 1e-4 * np.eye(len(factors))
        factors = factors + np.linalg.solve(steep, rows.T @ (weight * (y - p)))
    return factors


def scale(known: Sequence[Patient]) -> float:
    """The factor of the margin for which the truth is most likely near the lesions; patients weigh the same."""
    factor = 1.0
    for _ in range(25):
        slope = steep = 1e-9
        for one in known:
            if one.evidence.near.any():
                margin, true = one.margin[one.evidence.near], one.true[one.evidence.near]
                p = 1 / (1 + np.exp(-factor * margin))
                slope += float((margin * (true - p)).mean())
                steep += float((margin**2 * p * (1 - p)).mean())
        factor += slope / steep
    return factor


def probability(one: Patient, factors: NDArray[Any]) -> NDArray[Any]:
    """The probability of the tumour in the voxels of a patient, as `CalibrateLesiond` leaves it."""
    new = -np.abs(one.margin) * factors[0]
    if one.evidence.near.any():
        new[one.evidence.near] = one.evidence.columns(one.margin) @ factors
    return np.asarray(1 / (1 + np.exp(-new)))


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


def masks(said: Sequence[NDArray[Any]], known: Sequence[Patient]) -> str:
    """Dice and volume error of the masks, a line for each class of size."""
    true = [one.true for one in known]
    ml = np.array([mask.sum() for mask in true]) * VOXEL_ML
    scores = np.array([dice(one > 0.5, mask) for one, mask in zip(said, true, strict=True)])
    error = np.array([(one > 0.5).sum() / mask.sum() - 1 for one, mask in zip(said, true, strict=True)])
    lines = [f"Dice {scores.mean():.3f}, median {np.median(scores):.3f}, volume {100 * np.median(error):+.0f} %"]
    for low, high in itertools.pairwise((0.0, *EDGES_ML, np.inf)):
        of_class = (ml >= low) & (ml < high)
        lines.append(
            f"{low:g} to {high:g} ml, {of_class.sum()} patients: Dice {scores[of_class].mean():.3f}, "
            f"volume {100 * np.median(error[of_class]):+.0f} %"
        )
    return "; ".join(lines)


def certain(said: Sequence[NDArray[Any]]) -> tuple[float, float]:
    """The least and the greatest certainty over patients: the mean probability over the voxels of a mask."""
    means = [float(one[one > 0.5].mean()) for one in said if (one > 0.5).any()]
    return round(min(means), 4), round(max(means), 4)


def main() -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("images", nargs="*", default=("t1 ct pet", "t1"))
    parser.add_argument("--write", action="store_true", help="put the certainty into the bundle's metadata.json")
    args = parser.parse_args()
    dataset, out = args.dataset.resolve(), args.out.resolve()
    config = fold_config("inference", dataset, 0, ["t1"])
    shipped = {"pet": np.array(config["with_uptake"]), "": np.array(config["without_uptake"])}
    pooled: dict[str, list[Patient]] = {"pet": [], "": []}
    found, certainty = {}, {}
    for subset in args.images:
        of_folds = [patients(dataset, that_never_saw(fold, SHIPPED, out), fold, subset.split()) for fold in FOLDS]
        found[subset] = [one for fold in of_folds for one in fold]
        pooled["pet" if "pet" in subset else ""] += found[subset]
    for subset, known in found.items():
        kind = "pet" if "pet" in subset else ""
        others = {}
        for fold in FOLDS:
            rest = [one for one in pooled[kind] if one.fold != fold]
            others[fold] = fit(rest) if kind else np.array([scale(rest), 0.0, 0.0])
        true = np.concatenate([one.true[one.measured] for one in known])
        for title, factors in (
            ("uncalibrated", None),
            ("as shipped", shipped[kind]),
            ("fitted on other folds", others),
        ):
            said = []
            for one in known:
                if factors is None:
                    said.append(1 / (1 + np.exp(-one.margin)))
                else:
                    mine = factors[one.fold] if isinstance(factors, dict) else factors
                    said.append(probability(one, mine if one.evidence.uptake is not None or not kind else shipped[""]))
            show(
                f"{subset.replace(' ', ' + ')}, {title}",
                np.concatenate([p[one.measured] for p, one in zip(said, known, strict=True)]),
                true,
            )
            print(f"\n{masks(said, known)}")
            if title == "as shipped":
                certainty[choice_key(subset.split())] = certain(said)
    print(f"\nCertainty: {certainty}")
    if args.write:
        root = find_bundle("soft_tissue_sarcoma")
        made_for = MadeFor.from_json(read_metadata(root)["made_for"])
        assert made_for is not None
        write_made_for(root, made_for.with_certainty({1: certainty}))
    for kind, known in pooled.items():
        if known:
            print(f"\n{'with' if kind else 'without'}_uptake: {np.round(fit(known) if kind else scale(known), 2)}")


if __name__ == "__main__":
    main()
