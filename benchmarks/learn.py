"""The same minutes on the same processor cores: `monai-attn learn`, nnU-Net, and a stock MONAI UNet.

    python benchmarks/learn.py DATASET OUTPUT --minutes 20 [--who ours stock nnunet] [--nnunet peer/bin/python]
                               [--split bundles/hippocampus_mri/configs/split.json]

All learn from the same cases, and are scored on the same unseen cases, those that `learn` keeps for its test. With
`--split` the parts are those of another bundle, so that its scores stand beside these. The
scores are those of monai_attn. OUTPUT/scores.md gets a table of the mean Dice (SD over cases) of each structure,
with what earlier runs into OUTPUT found.

- ours: `monai-attn learn` as it is; reading, planning, scores and model card count in its minutes.
- stock: MONAI's tutorial recipe: `UNet` with residual units, `RandCropByPosNegLabeld`, `DiceCELoss`, AdamW of 1e-3, the
  spacing and grey values of our plan. Reading counts, scoring does not. What was not drawn is background to it.
- nnunet: its own planning, preprocessing and `nnUNetTrainer` (nnunetv2 in a Python of its own, see docs/benchmarks.md).
  The number of epochs is set by the time of the first steps, so that its learning rate comes to its end. Planning and
  preprocessing do not count in its minutes. What was not drawn is background to it.

Of several images stock and nnU-Net need each in every case, and nnU-Net needs them on one grid.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.bundle import ConfigParser
from monai.data import CacheDataset, DataLoader, Dataset, MetaTensor
from monai.inferers import SlidingWindowInferer
from monai.losses import DiceCELoss
from monai.networks.nets import UNet
from monai.transforms import (
    Compose,
    ConcatItemsd,
    EnsureTyped,
    Orientationd,
    RandCropByPosNegLabeld,
    RandFlipd,
    RandScaleIntensityd,
    RandShiftIntensityd,
    ResampleToMatchd,
    SelectItemsd,
    Spacingd,
    SpatialPadd,
)

from monai_attn import Volume, read, write
from monai_attn.cases.labelled import PARTS, LabelledCase, LabelledSet, find_labelled
from monai_attn.io.jsonfile import read_json
from monai_attn.labels import LabelTable
from monai_attn.learn.fingerprint import FingerprintSoFar
from monai_attn.learn.plan import Machine, Plan, make_plan
from monai_attn.learn.rows import split_of
from monai_attn.learn.score import segment_case
from monai_attn.measure import compare, rows
from monai_attn.preflight.labelled_figures import read_cases
from monai_attn.segmenter import Segmenter
from monai_attn.training import summary_of
from monai_attn.transforms import LabelsOnSourced, LoadVolumed
from monai_attn.volume import same_grid

STRIDE = 8
"""The edges of the stock network's windows are multiples of this: it halves each axis three times."""

Predict = Callable[[LabelledCase], Volume]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--who", nargs="+", choices=list(RIVALS), default=["ours", "stock"])
    parser.add_argument("--nnunet", type=Path, help="the Python that has nnunetv2")
    parser.add_argument("--cases", type=int, help="score only so many of the unseen cases")
    parser.add_argument("--split", type=Path, help="a split.json with the parts of the cases, for a dataset.json")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    if args.split:
        args.dataset = with_parts(args.dataset, args.split, args.output / "dataset")
    labelled = find_labelled(args.dataset)
    split = split_of(labelled, [case.name for case in labelled])
    unseen = [labelled[name] for name in split["test"][: args.cases]]
    for who in args.who:
        began = time.monotonic()
        predict = RIVALS[who](labelled, split, args)
        trained = (time.monotonic() - began) / 60
        found = {"minutes": trained, **scored(predict, unseen, labelled.labels)}
        (args.output / f"{who}.json").write_text(json.dumps(found, indent=1, default=str))
        print(who, f"{trained:.1f} min, mean Dice {found['mean_dice']:.3f}", flush=True)
    done = {who: json.loads(path.read_text()) for who in RIVALS if (path := args.output / f"{who}.json").exists()}
    (args.output / "scores.md").write_text(table(done, labelled.labels))


def with_parts(dataset: Path, split: Path, folder: Path) -> Path:
    """A folder whose `dataset.json` lists the same files, each with its part in the `split.json` of a bundle."""
    parts = {name: part for part in PARTS for name in read_json(split)[part]}
    content, cases = read_json(dataset / "dataset.json"), find_labelled(dataset).cases
    entries = [
        {**entry, "image": str(next(iter(case.images.values())).path), "label": str(case.label.path)}
        | ({"part": parts[case.name]} if case.name in parts else {})
        for entry, case in zip(content["training"], cases, strict=True)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset.json").write_text(json.dumps({**content, "training": entries}, indent=1))
    return folder


def ours(labelled: LabelledSet, split: dict[str, Any], args: argparse.Namespace) -> Predict:
    """`monai-attn learn`."""
    del labelled, split
    root = args.output / "ours"
    command = [sys.executable, "-m", "monai_attn.cli.main", "learn", args.dataset, "-o", root]
    subprocess.run([*map(str, command), "--minutes", str(args.minutes)], check=True)
    segmenter = Segmenter.from_bundle(root, trust=True)
    return lambda case: segment_case(segmenter, {name: image.read() for name, image in case.images.items()})


def stock(labelled: LabelledSet, split: dict[str, Any], args: argparse.Namespace) -> Predict:
    """MONAI's UNet with the recipe of its tutorials, on our grid and grey values."""
    began = time.monotonic()
    so_far = FingerprintSoFar(labelled, split["train"])
    read_cases([labelled[name] for name in split["train"]], labelled.labels, visit=so_far.visit)
    plan = make_plan(so_far.fingerprint(), args.minutes, Machine(), len(split["validation"]))
    classes = len(labelled.labels) + 1
    window = [STRIDE * math.ceil(edge / STRIDE) for edge in plan.window]
    names = [image.name for image in labelled.images]
    network = UNet(
        3, len(names), classes, channels=(16, 32, 64, 128), strides=(2, 2, 2), num_res_units=2, norm="instance"
    )
    patches = Compose(
        [
            *prepared(plan, names, ["label"]),
            SelectItemsd(["image", "label"]),
            SpatialPadd(["image", "label"], window),
            RandCropByPosNegLabeld(["image", "label"], "label", window, pos=2, neg=1, num_samples=1),
            *(RandFlipd(["image", "label"], prob=0.5, spatial_axis=axis) for axis in plan.mirror if not plan.pairs),
            RandScaleIntensityd("image", factors=0.1, prob=0.5),
            RandShiftIntensityd("image", offsets=0.1, prob=0.5),
            EnsureTyped(["image", "label"], track_meta=False),
        ]
    )
    loader = DataLoader(
        CacheDataset(labelled.rows(split["train"]), patches, progress=False), batch_size=plan.batch, shuffle=True
    )
    loss = DiceCELoss(to_onehot_y=True, softmax=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    while time.monotonic() - began < 60 * args.minutes:
        for batch in loader:
            for group in optimizer.param_groups:
                group["lr"] = 1e-3 * max(1 - (time.monotonic() - began) / (60 * args.minutes), 1e-3) ** 0.9
            optimizer.zero_grad()
            loss(network(batch["image"]), batch["label"]).backward()
            optimizer.step()
            if time.monotonic() - began >= 60 * args.minutes:
                break
    network.eval()
    inferer = SlidingWindowInferer(window, 2, 0.5, mode="gaussian")

    @torch.no_grad()
    def predict(case: LabelledCase) -> Volume:
        row = case.row(labelled.labels)
        (item,) = Dataset([{name: row[name] for name in names}], Compose(prepared(plan, names)))
        logits = inferer(item["image"][None], network)[0]
        item["pred"] = MetaTensor(logits).copy_meta_from(item["image"])
        labels = LabelsOnSourced("pred", orig_keys="image")(item)["pred"]
        return Volume(np.asarray(labels)[0], np.asarray(labels.affine))

    return predict


def prepared(plan: Plan, names: Sequence[str], labels: Sequence[str] = ()) -> list[Any]:
    """Reading, grid and grey values as in our plan; the images of a case become the channels of "image"."""
    keys, first = [*names, *labels], names[0]
    parser = ConfigParser({"steps": [dict(step) for one in plan.normalisation for step in one.transforms]})
    return [
        LoadVolumed(keys, ensure_channel_first=True),
        Orientationd(keys, axcodes="RAS", labels=None),
        Spacingd(keys, pixdim=plan.spacing_mm, mode=["bilinear"] * len(names) + ["nearest"] * len(labels)),
        *([ResampleToMatchd(names[1:], key_dst=first)] if names[1:] else []),
        *parser.get_parsed_content("steps"),
        ConcatItemsd(names, "image"),
    ]


def nnunet(labelled: LabelledSet, split: dict[str, Any], args: argparse.Namespace) -> Predict:
    """nnU-Net's own planning, preprocessing, trainer and predictor."""
    if args.nnunet is None:
        raise SystemExit("Name the Python that has nnunetv2 with --nnunet.")
    folder = (args.output / "nnunet").resolve()
    raw = folder / "raw" / "Dataset901_benchmark"
    for kind in ("imagesTr", "labelsTr", "imagesTs"):
        (raw / kind).mkdir(parents=True, exist_ok=True)
    learned = [*split["train"], *split["validation"]]
    for part, names in (("Tr", learned), ("Ts", split["test"][: args.cases])):
        for case in (labelled[name] for name in names):
            images = [case.images[one.name].read() for one in labelled.images]
            if not all(same_grid(images[0], image) for image in images):
                raise SystemExit(f"nnU-Net takes images of one grid, and those of {case.name} differ.")
            for number, image in enumerate(images):
                write(image, raw / f"images{part}" / f"{case.name}_{number:04d}.nii.gz", overwrite=True)
            if part == "Tr":
                write(case.label.read(like=images[0]), raw / "labelsTr" / f"{case.name}.nii.gz", overwrite=True)
    about = {
        "channel_names": {str(i): "CT" if one.modality == "CT" else "MRI" for i, one in enumerate(labelled.images)},
        "labels": {"background": 0, **{label.name: label.value for label in labelled.labels}},
        "numTraining": len(learned),
        "file_ending": ".nii.gz",
    }
    (raw / "dataset.json").write_text(json.dumps(about))
    places = {f"nnUNet_{kind}": str(folder / kind) for kind in ("raw", "preprocessed", "results")}
    peer = Path(__file__).with_name("nnunet_learn.py")
    folds = json.dumps([{"train": split["train"], "val": split["validation"]}])
    settings = {**os.environ, **places, "MINUTES": str(args.minutes), "SPLITS": folds}
    subprocess.run([str(args.nnunet), str(peer)], check=True, env=settings)
    return lambda case: read(folder / "predicted" / f"{case.name}.nii.gz")


RIVALS: dict[str, Callable[..., Predict]] = {"ours": ours, "stock": stock, "nnunet": nnunet}


def scored(predict: Predict, cases: Sequence[LabelledCase], labels: LabelTable) -> dict[str, Any]:
    """The summary of the scores of unseen cases, of the structures that were drawn and are to be scored."""
    found: list[dict[str, Any]] = []
    for case in cases:
        wanted = LabelTable(tuple(labels[value] for value in case.scored(labels)))
        known = [label.value for label in wanted]
        reference = case.label.read(like=next(iter(case.images.values())).read())
        predicted, drawn = (
            one.with_array(np.where(np.isin(one.array, known), one.array, 0)) for one in (predict(case), reference)
        )
        found += rows(compare(predicted, drawn, wanted, resample=True), case=case.name)
    return summary_of(found)


def table(found: dict[str, dict[str, Any]], labels: LabelTable) -> str:
    """A table in Markdown: a row for each way to train, a column for each structure."""
    names = [label.name for label in labels]
    lines = [f"| | minutes | {' | '.join(names)} | mean |", "|---" * (len(names) + 3) + "|"]
    for who, one in found.items():
        dice = [one["labels"].get(name, {}).get("dice", {}) for name in names]
        spread = [f"{x.get('mean', math.nan):.3f} ({x.get('sd', math.nan):.3f})" for x in dice]
        lines.append(f"| {who} | {one['minutes']:.1f} | {' | '.join(spread)} | {one['mean_dice']:.3f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
