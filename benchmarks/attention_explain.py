"""Do the attention maps explain the prediction? Figures of the maps of trained networks, from their kept weights.

    python benchmarks/attention_explain.py DATA RUNS [--data hippocampus] [--seeds 1 2 3] [--cases 5]

RUNS is the folder of `attention.py`. Needs Captum (`pip install "monai_attn[explain]"`), whose gradient maps stand
beside the attention maps. The rows go into docs/attention/maps.csv, in place of those of the same data set. The maps of
the best and the worst case go into a picture beside it, such as maps_hippocampus.png. `attention.py --report` makes the
tables. What each figure is stands in docs/attention.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attention_explain_figures import FRACTIONS, agreement, changed, entropy, order_of, share_inside
from attention_maps_picture import Seen, picture
from attention_rows import read_rows, write_rows
from attention_runs import Run
from attention_table import DATA, SEEDS, VARIANTS
from monai.bundle import ConfigParser
from torch import Tensor, nn

from monai_attn.bundle import find_bundle
from monai_attn.io import write_bytes_atomic
from monai_attn.measure import dice
from monai_attn.networks import predict_with_maps

FIELDS = ("data", "budget", "variant", "seed", "case", "figure", "order", "fraction", "value")
KEPT = Path(__file__).parents[1] / "docs" / "attention"
WITHOUT_MAPS = ("none", "wide", "fcn", "aspp")

Row = dict[str, Any]


def main(given: argparse.Namespace) -> None:
    """Look at each variant that has a map, seed by seed, and write the table and the picture."""
    torch.set_num_threads(1)
    rows: list[Row] = []
    seen: list[Seen] = []
    for name in (one for one in VARIANTS if one not in WITHOUT_MAPS):
        runs = [Run(given.data, given.budget, name, seed, given.runs.resolve()) for seed in given.seeds]
        runs = [run for run in runs if run.weights.exists()]
        if runs:
            cases = items(runs[0], given.root)
            chosen = [cases[number] for number in np.linspace(0, len(cases) - 1, given.cases).astype(int)]
            rows += of_variant(runs, chosen)
            seen += [Seen(name, *looked(network_of(runs[0]), case)) for case in ends(runs[0], cases, given.kept)]
            print(f"{given.data}, {name}: {len(runs)} seeds, {len(chosen)} cases", flush=True)
    if not rows:
        raise SystemExit(f"{given.runs} has no trained network of {given.data} with a map. Run attention.py first.")
    table = given.kept / "maps.csv"
    others = [row for row in read_rows(table) if row["data"] != given.data]
    write_rows(table, FIELDS, others + rows)
    write_bytes_atomic(given.kept / f"maps_{given.data}.png", picture(seen), overwrite=True)


def items(run: Run, root: Path) -> Any:
    """The unseen cases as the network sees them: image, reference and name of each."""
    bundle = find_bundle(run.what.bundle)
    parser = ConfigParser()
    parser.read_meta(bundle / "configs" / "metadata.json")
    parser.read_config(bundle / "configs" / "train.json")
    changes = {"bundle_root": str(bundle), "dataset_dir": str(run.what.cases(root)), "output_dir": str(run.folder)}
    dataset = {"_target_": "Dataset", "data": "@val_cases", "transform": "@validate::preprocessing"}
    grid = {key: value for key, value in run.what.evaluate.items() if key in ("pixdim", "roi_size")}
    parser.update({**changes, **grid, "validate::dataset": dataset})
    if "val_limit" in parser:
        parser.update({"val_limit": None})
    if "part" in parser["val_cases"] and "folds_file" not in parser["val_cases"]:
        parser.update({"val_cases::part": "test"})
    return parser.get_parsed_content("validate::dataset")


def network_of(run: Run, *, trained: bool = True) -> nn.Module:
    """The network of a run in evaluation mode, with its weights or with random ones."""
    torch.manual_seed(10_000 + run.seed)
    network = ConfigParser({"network": run.what.network(run.variant)}).get_parsed_content("network")
    if trained:
        network.load_state_dict(torch.load(run.weights, map_location="cpu", weights_only=True))
    return network.eval()  # type: ignore[no-any-return]


def looked(network: nn.Module, case: Any) -> tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of one case its name, the image, the reference, the prediction and the finest map, each `(I, J, K)`."""
    x = torch.as_tensor(np.asarray(case["image"]))[None].float()
    logits, maps = predict_with_maps(network, x)
    reference, labels = np.asarray(case["label"])[0], logits[0].argmax(0).numpy()
    return str(case["case"]), x[0, 0].numpy(), reference, labels, maps[0][0, 0].numpy()


def of_variant(runs: list[Run], cases: list[Any]) -> Iterator[Row]:
    """The rows of all seeds of one variant; those of two seeds together bear the first of them."""
    networks = {run: (network_of(run), network_of(run, trained=False)) for run in runs}
    for case in cases:
        maps = {}
        for run, (network, fresh) in networks.items():
            base = {
                "data": run.data,
                "budget": run.budget,
                "variant": run.variant,
                "seed": run.seed,
                "case": case["case"],
            }
            _, _, reference, labels, maps[run] = looked(network, case)
            x = torch.as_tensor(np.asarray(case["image"]))[None].float()
            yield from ({**base, **row} for row in of_map(network, fresh, x, maps[run], reference > 0))
            yield from ({**base, **row} for row in of_order(network, x, maps[run], labels))
        for one, other in combinations(runs, 2):
            row = {
                "data": one.data,
                "budget": one.budget,
                "variant": one.variant,
                "seed": one.seed,
                "case": case["case"],
            }
            yield {**row, "figure": "agreement of seeds", "value": agreement(maps[one], maps[other])}


def of_map(network: nn.Module, fresh: nn.Module, x: Tensor, found: np.ndarray, inside: np.ndarray) -> Iterator[Row]:
    """What one map looks like, how steady it is, and whether a network that has learned nothing draws it too."""
    flipped = predict_with_maps(network, x.flip(2))[1][0].flip(2)[0, 0].numpy()
    untrained = predict_with_maps(fresh, x)[1][0][0, 0].numpy()
    yield {"figure": "share inside", "value": share_inside(found, inside)}
    yield {"figure": "volume of the structure", "value": float(inside.mean())}
    yield {"figure": "entropy", "value": entropy(found)}
    yield {"figure": "agreement under a flip", "value": agreement(found, flipped)}
    yield {"figure": "agreement with random weights", "value": agreement(found, untrained)}


def of_order(network: nn.Module, x: Tensor, found: np.ndarray, labels: np.ndarray) -> Iterator[Row]:
    """How the prediction falls and comes back as voxels are taken and given, in three orders."""
    generator = np.random.default_rng(0)
    orders = {
        "map": order_of(found, generator),
        "gradient": order_of(gradient(network, x, labels), generator),
        "random": order_of(np.zeros_like(found), generator),
    }
    for figure in ("deletion", "insertion"):
        for name, order in orders.items():
            for fraction in FRACTIONS:
                with torch.no_grad():
                    now = network(changed(x, order, fraction, figure))[0].argmax(0).numpy()
                value = dice(now > 0, labels > 0) if (labels > 0).any() else float("nan")
                yield {"figure": figure, "order": name, "fraction": fraction, "value": value}


def gradient(network: nn.Module, x: Tensor, labels: np.ndarray) -> np.ndarray:
    """How much each voxel of the image moves the logits of the predicted structures: Captum's saliency."""
    from captum.attr import Saliency

    where = torch.from_numpy(labels > 0)

    def structures(image: Tensor) -> Tensor:
        best: Tensor = network(image)[:, 1:].amax(dim=1)
        return best[:, where].sum(dim=1)

    return np.asarray(Saliency(structures).attribute(x.clone().requires_grad_(), abs=True)[0].mean(dim=0).detach())


def ends(run: Run, cases: Any, kept: Path) -> list[Any]:
    """The case that the network without attention segments best, and the one that it segments worst."""
    rows = [row for row in read_rows(kept / "scores.csv") if (row["data"], row["variant"]) == (run.data, "none")]
    of_case: dict[str, list[float]] = {}
    for row in (one for one in rows if one["scene"] == "clean" and one["budget"] == run.budget):
        of_case.setdefault(row["case"], []).append(float(row["dice"]))
    ranked = sorted(of_case, key=lambda name: float(np.nanmean(of_case[name])))
    names = [one["case"] for one in cases.data]
    return [cases[names.index(name)] for name in (ranked[-1], ranked[0])] if ranked else []


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, metavar="DATA")
    parser.add_argument("runs", type=Path, metavar="RUNS")
    parser.add_argument("--data", choices=DATA, default="hippocampus")
    parser.add_argument("--budget", default="small")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--cases", type=int, default=5)
    parser.add_argument("--kept", type=Path, default=KEPT, help="the folder of scores.csv, and of what is written")
    main(parser.parse_args())
