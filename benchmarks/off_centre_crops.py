"""A copy of a dataset in which position gives nothing away: each case cut to a corner of its image.

    python benchmarks/off_centre_crops.py DATASET OUTPUT [KEEP]

DATASET holds a dataset.json with `training` entries of `id`, `label` and images; the first image is the reference.
Along each axis of the reference a share KEEP (default 0.65) of its extent is kept, from one end or the other at
random (seeded by the case's id). A tumour in the middle of the image then lies at the border of the cut. The other
images are cut to the same box, 15 mm wider. Redrawn, at most 20 times, while less than half a millilitre is left.
"""

from __future__ import annotations

import json
import sys
import zlib
from pathlib import Path

import numpy as np

from monai_attn import Box, Volume, read, write
from monai_attn.volume import same_grid


def off_centre(reference: Volume, label: Volume, keep: float, case: str) -> tuple[slice, slice, slice]:
    draw = np.random.default_rng(zlib.crc32(case.encode()))
    for _ in range(20):
        block = []
        for size in reference.shape:
            kept = max(1, round(size * keep))
            start = int(draw.integers(2)) * (size - kept)
            block.append(slice(start, start + kept))
        if np.count_nonzero(label.array[tuple(block)]) * label.voxel_ml >= 0.5:
            break
    return block[0], block[1], block[2]


def wider(box: Box, by_mm: float) -> Box:
    lower, upper = np.array(box.lower_mm) - by_mm, np.array(box.upper_mm) + by_mm
    return Box(tuple(lower), tuple(upper))


def main() -> None:
    dataset, output = Path(sys.argv[1]), Path(sys.argv[2])
    keep = float(sys.argv[3]) if len(sys.argv) > 3 else 0.65
    listing = json.loads((dataset / "dataset.json").read_text(encoding="utf-8"))
    for row in listing["training"]:
        images = {name: read(dataset / path) for name, path in row.items() if name != "id"}
        reference = images[next(name for name in row if name not in ("id", "label"))]
        block = off_centre(reference, images["label"], keep, row["id"])
        box = wider(reference.crop(block).bounds, by_mm=15.0)
        for name, image in images.items():
            cut = image.crop(block if same_grid(image, reference) else image.slices_of(box))
            (output / row[name]).parent.mkdir(parents=True, exist_ok=True)
            write(cut, output / row[name])
        print(row["id"], reference.shape, "->", reference.crop(block).shape)
    (output / "dataset.json").write_text(json.dumps(listing, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
