"""How many masks are marked where there is no hippocampus: `python benchmarks/wrong_places.py`.

Cuts random crops, of the sizes of the training images, out of the MNI152 brain that nilearn ships. A crop whose middle
lies more than 30 mm from the middle of both hippocampi shows none, or a part of one. Prints the share of these crops
whose mask carries a warning. Two more shares follow: of crops that the volume of a structure marks by itself, and of
crops that the certainty of the network marks by itself.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from monai_attn import Segmenter, read
from monai_attn.io.samples import brain_file

SIZES = ((31, 40, 24), (43, 59, 47))
"""The smallest and the largest crop in voxels of 1 mm, as in the training data."""

CENTRES_MM = {"left": (-27.0, -21.0, -12.0), "right": (27.0, -21.0, -12.0)}
"""About the middle of each hippocampus of the MNI152 brain, RAS+."""

FAR_MM = 30.0
BRAIN_SHARE = 0.3
"""A crop with fewer voxels of brain than this share is not used."""


def main() -> int:
    """Print the two shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crops", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    segmenter = Segmenter.from_bundle("hippocampus_mri", device="cpu", threads=1)
    brain = read(brain_file())
    rng = np.random.default_rng(args.seed)
    warnings: list[tuple[str, ...]] = []
    used = 0
    while used < args.crops:
        size = rng.integers(SIZES[0], np.array(SIZES[1]) + 1)
        first = rng.integers(0, np.array(brain.shape) - size + 1)
        i, j, k = (slice(int(a), int(a + n)) for a, n in zip(first, size, strict=True))
        crop = brain.crop((i, j, k))
        if np.mean(np.asarray(crop.array) != 0) < BRAIN_SHARE:
            continue
        used += 1
        middle = crop.to_world((np.array(crop.shape) - 1) / 2)
        if min(float(np.linalg.norm(middle - centre)) for centre in CENTRES_MM.values()) > FAR_MM:
            warnings.append(segmenter(crop).warnings)
    marked = sum(bool(said) for said in warnings)
    by_volume = sum(any(" ml" in text for text in said) for said in warnings)
    unsure = sum(any("The network is unsure" in text for text in said) for said in warnings)
    print(
        f"{marked} of {len(warnings)} crops far from both hippocampi are marked; {by_volume} of them by a volume, "
        f"{unsure} by the certainty"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
