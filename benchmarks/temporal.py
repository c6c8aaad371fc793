"""What attention over time can do that a single frame cannot: `python benchmarks/temporal.py`.

Phantoms in 2-D: two equal discs in noise, of which one moves from frame to frame and the other stays. The structure to
be segmented is the one that moves. A single frame shows two equal discs, so that a network for single frames can do no
better than guess. Such a network is trained and scored beside, with the same layers, steps and seeds. A third row gives
the network with attention sequences whose frames are all the same: the answer is not in the images then.

The phantoms are made up. Nothing is said here about real sequences.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from torch import Tensor

from monai_attn.losses import SoftmaxDiceFocalLoss
from monai_attn.measure import dice
from monai_attn.networks import AttnUNet
from monai_attn.training import MuonAdamW

SIZE, FRAMES, RADIUS = 48, 5, 5.0
UNSEEN_SEED = 10**6


def phantom(generator: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A sequence `(FRAMES, 1, SIZE, SIZE)` and its labels `(FRAMES, SIZE, SIZE)`: 1 where the moving disc is."""
    while True:
        start, still = generator.uniform(9, SIZE - 9, (2, 2))
        angle, speed = generator.uniform(0, 2 * np.pi), generator.uniform(1.5, 3)
        path = start + speed * np.arange(FRAMES)[:, None] * [np.cos(angle), np.sin(angle)]
        inside = ((path > RADIUS) & (path < SIZE - RADIUS)).all()
        if inside and (np.linalg.norm(path - still, axis=1) > 2.2 * RADIUS).all():
            break
    places = np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE), indexing="ij"), axis=-1)
    moving = np.linalg.norm(places - path[:, None, None], axis=-1) < RADIUS
    staying = np.linalg.norm(places - still, axis=-1) < RADIUS
    image = np.where(moving | staying, 1.0, 0.0) + generator.normal(0, 0.3, (FRAMES, SIZE, SIZE))
    return torch.from_numpy(image[:, None].astype(np.float32)), torch.from_numpy(moving.astype(np.int64))


def batch(generator: np.random.Generator, number: int) -> tuple[Tensor, Tensor]:
    """Sequences `(N, T, 1, SIZE, SIZE)` and labels `(N, T, SIZE, SIZE)`."""
    images, labels = zip(*(phantom(generator) for _ in range(number)), strict=True)
    return torch.stack(images), torch.stack(labels)


def train(temporal: str, seed: int, steps: int) -> AttnUNet:
    """A network that was trained on phantoms of this seed."""
    torch.manual_seed(seed)
    network = AttnUNet(2, 1, 2, channels=[8, 16, 32], strides=[2, 2], norm="voxel", bias=True, temporal=temporal)
    optimizer = MuonAdamW(network.parameters(), lr=0.02, adamw_lr=0.004)
    loss, generator = SoftmaxDiceFocalLoss(batch=True), np.random.default_rng(seed)
    for step in range(steps):
        for group in optimizer.param_groups:
            group.setdefault("begin", group["lr"])
            group["lr"] = group["begin"] * min((step + 1) / 20, 1) * (1 - step / steps)
        images, labels = batch(generator, 4)
        logits = network(images) if temporal != "none" else network(images.flatten(0, 1)).unflatten(0, (4, FRAMES))
        optimizer.zero_grad()
        loss(logits.flatten(0, 1), labels.flatten(0, 1)[:, None]).backward()
        optimizer.step()
    return network.eval()


@torch.no_grad()
def scores(network: AttnUNet, number: int, *, frozen: bool = False) -> list[float]:
    """The Dice of each unseen sequence, over all its frames."""
    generator, found = np.random.default_rng(UNSEEN_SEED), []
    for _ in range(number):
        images, labels = phantom(generator)
        if frozen:
            images, labels = images[:1].repeat(FRAMES, 1, 1, 1), labels[:1].repeat(FRAMES, 1, 1)
        logits = network(images[None])[0] if network.timed else network(images)
        found.append(dice(logits.argmax(1).numpy() > 0, labels.numpy() > 0))
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--unseen", type=int, default=100)
    args = parser.parse_args()
    rows: dict[str, list[list[float]]] = {"single frames": [], "attention over time": [], "the same, frames equal": []}
    for seed in range(args.seeds):
        rows["single frames"].append(scores(train("none", seed, args.steps), args.unseen))
        timed = train("attention", seed, args.steps)
        rows["attention over time"].append(scores(timed, args.unseen))
        rows["the same, frames equal"].append(scores(timed, args.unseen, frozen=True))
    print("| network | Dice of unseen sequences, mean (SD) | each seed |\n|---|---|---|")
    for name, found in rows.items():
        each = ", ".join(f"{np.mean(one):.3f}" for one in found)
        print(f"| {name} | {np.mean(found):.3f} ({np.std(found, ddof=1):.3f}) | {each} |")


if __name__ == "__main__":
    main()
