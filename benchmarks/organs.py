"""A network of 14 organs for the benchmarks, trained in half an hour on one trunk CT: its speed is the point.

    python benchmarks/organs.py DATA_DIR [--minutes 30] [--out runs/organs] [--go-on]

`DATA_DIR` holds `images/ct_trunk_3mm.nii.gz` and its label map of many organs, which covers the upper 9 cm. It is
trained and used on that one image: the labels look like anatomy, as speed in the last steps needs, and say nothing of
accuracy. In the last part of the time it learns its own labels of the whole CT, smoothed and without specks. It is then
as decided as a trained network is, also where no label map taught it. The network is an `AttnUNet` of 32-64-128-256
channels with attention gates, 901 GFLOP for a window of 128^3; nnU-Net's default for such a CT has 956. Weights are
written every ten steps; `--go-on` starts from them.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.inferers import sliding_window_inference
from monai.transforms import Compose, GaussianSmooth, Orientationd, ScaleIntensityRanged, Spacingd

from monai_attn.losses import SoftmaxDiceFocalLoss
from monai_attn.networks import AttnUNet
from monai_attn.transforms import LoadVolumed

ORGANS: dict[str, tuple[int, ...]] = {
    "spleen": (1,),
    "kidney right": (2,),
    "kidney left": (3,),
    "gallbladder": (4,),
    "liver": (5,),
    "stomach": (6,),
    "pancreas": (7,),
    "bowel": (18, 19, 20),
    "lungs": (10, 11, 12, 13, 14),
    "vertebrae": (30, 31, 32, 33, 79),
    "aorta": (52,),
    "large veins": (63, 64),
    "muscles of the back": (86, 87, 88, 89),
    "ribs": (*range(92, 116), 117),
}
"""The classes 1 to 14, and the labels of TotalSegmentator that each joins."""

NETWORK: dict[str, Any] = {
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": len(ORGANS) + 1,
    "channels": [32, 64, 128, 256],
    "strides": [2, 2, 2],
    "attention": "gate",
    "deep_supervision": True,
}

GRID_MM, HU_RANGE = 1.5, (-500.0, 300.0)

FIRST_SLICE_MM = 82 * 3
"""Where the label map belongs: its 30 slices are the last of the CT's 112, whatever its header says. There the labels
explain 81 % of the variance of the intensities inside them; one slice further they explain 72 %."""

STAGES = (((48, 48, 48), 0.4), ((48, 48, 48), 0.7), ((96, 96, 64), 1.0))
"""Voxels of a training step, and until which share of the time; from the second on it learns its own labels."""

SMOOTH_MM, LEAST_ML = 3.0, 5.0
"""Its own labels: the deviation of the Gaussian over its probabilities, and what is smaller is background."""

LEARNING_RATE = 1.5e-3


def preprocessing(keys: list[str]) -> Compose:
    """What is done with the CT, and with its label map where there is one, before the network."""
    modes = ["bilinear", "nearest"][: len(keys)]
    low, high = HU_RANGE
    return Compose(
        [
            LoadVolumed(keys, ensure_channel_first=True),
            Orientationd(keys, "RAS", labels=None),
            Spacingd(keys, (GRID_MM,) * 3, mode=modes, dtype=np.float32),
            ScaleIntensityRanged("image", low, high, -1.0, 1.0, clip=True),
        ]
    )


def merged(labels: torch.Tensor) -> torch.Tensor:
    """Many labels to the 14 of `ORGANS`."""
    table = torch.zeros(256, dtype=torch.long)
    for number, members in enumerate(ORGANS.values(), 1):
        table[list(members)] = number
    return table[labels.long()]


def labelled(data_dir: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """The labelled part of the CT and its labels `(1, I, J, K)`."""
    folder = data_dir / "images"
    case = preprocessing(["image", "label"])(
        {"image": folder / "ct_trunk_3mm.nii.gz", "label": folder / "ct_trunk_3mm_labels.nii.gz"}
    )
    labels = merged(case["label"].as_tensor())
    first = round(FIRST_SLICE_MM / GRID_MM)
    return case["image"].as_tensor()[..., first : first + labels.shape[-1]], labels


def patch(
    image: torch.Tensor, labels: torch.Tensor, size: tuple[int, ...], generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """A window of `size` around a voxel of a structure drawn at random, `(1, 1, *size)` each."""
    present = torch.unique(labels)
    wanted = present[torch.randint(len(present), (1,), generator=generator)]
    inside = (labels[0] == wanted).nonzero()
    centre = inside[int(torch.randint(len(inside), (1,), generator=generator))]
    corner = [
        max(min(int(middle) - edge // 2, length - edge), 0)
        for middle, edge, length in zip(centre, size, labels.shape[1:], strict=True)
    ]
    box = (slice(None), *(slice(start, start + edge) for start, edge in zip(corner, size, strict=True)))
    return image[box][None], labels[box][None]


@torch.no_grad()
def own_labels(network: AttnUNet, image: torch.Tensor) -> torch.Tensor:
    """What the network finds in an image `(1, I, J, K)`, with smooth borders and no small structures."""
    network.eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = sliding_window_inference(image[None], (128,) * 3, 1, network, overlap=0.1)
    network.train()
    labels = GaussianSmooth(SMOOTH_MM / GRID_MM)(found[0].float().softmax(0)).argmax(0, keepdim=True)
    counts = labels.flatten().bincount(minlength=len(ORGANS) + 1) * GRID_MM**3 / 1000
    print("own labels, ml:", [round(float(count)) for count in counts], flush=True)
    return torch.where(counts[labels] < LEAST_ML, 0, labels)


def train(data_dir: Path, out: Path, minutes: float) -> None:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    network = AttnUNet(**NETWORK).train()
    loss = SoftmaxDiceFocalLoss(gamma=0.0, batch=True, class_weights=[0.2] + [1.0] * len(ORGANS))
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE)
    out.mkdir(parents=True, exist_ok=True)
    weights = out / "model.pt"
    if weights.exists():
        network.load_state_dict(torch.load(weights, weights_only=True))
    image, labels = labelled(data_dir)
    begin, step, passed = time.monotonic(), 0, 0.0
    for stage, (size, until) in enumerate(STAGES):
        if stage == 1:
            ct = data_dir / "images" / "ct_trunk_3mm.nii.gz"
            image = preprocessing(["image"])({"image": ct})["image"].as_tensor()
            labels = own_labels(network, image)
        while passed < until:
            for group in optimizer.param_groups:
                group["lr"] = (
                    LEARNING_RATE * min(1, (step + 1) / 10) * max(0.5 * (1 + math.cos(math.pi * passed)), 0.02)
                )
            x, target = patch(image, labels, size, generator)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                outputs = network(x)
            cost = loss([output.float() for output in outputs], target)
            optimizer.zero_grad()
            cost.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            step += 1
            passed = (time.monotonic() - begin) / (60 * minutes)
            if step % 10 == 0:
                right = float((outputs[0].argmax(1) == target[:, 0])[target[:, 0] > 0].float().mean())
                print(f"step {step}, {passed:.0%} of the time, loss {float(cost):.3f}, organs {right:.0%}", flush=True)
                torch.save(network.state_dict(), weights)
    torch.save(network.state_dict(), weights)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/organs"))
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--go-on", action="store_true", help="from the weights that are there")
    given = parser.parse_args()
    if (given.out / "model.pt").exists() and not given.go_on:
        print(f"{given.out / 'model.pt'} is there already; remove it to train anew.")
        sys.exit()
    train(given.data_dir, given.out, given.minutes)
