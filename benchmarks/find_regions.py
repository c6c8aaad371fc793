"""How often the finder's boxes hold both hippocampi: on real heads in 48 orientations, and on simulated heads.

    python benchmarks/find_regions.py --seeds 1000 1025
    python benchmarks/find_regions.py --seeds 1000 1008 --segment
    python benchmarks/find_regions.py --seeds 0 10 --sources ch2

The first gives the figures of docs/regions.md. The second takes the regions of whole runs, after the second look. The
seeds below 1000 of the third were looked at while the finder was built.

A case counts as right when each box holds at least 97 % of its hippocampus. Reference places are the AAL atlas for ch2
(Tzourio-Mazoyer 2002, in mricron-data) and the bundle's masks in boxes placed by hand for the MNI152 brain. Both are
simulations of two heads, not a study of patients.
"""

from __future__ import annotations

import argparse
import time
from itertools import permutations, product

import numpy as np
from simulated_heads import Simulated, Source, mricron_folder, simulate, with_neck

from monai_attn.bundle.locate import find_bundle, read_metadata
from monai_attn.errors import InputError
from monai_attn.finders import Finder, Found, finder_of
from monai_attn.io import read
from monai_attn.io.samples import brain_file
from monai_attn.volume import Box, Volume

AAL = {"left": 37, "right": 38}
HELD = 0.97
SOURCES = ("mni", "ch2", "ch2brain", "ch2neck")


def source_of(name: str) -> Source:
    """A real head with the places of its hippocampi, from installed packages alone."""
    if name == "mni":
        return Source(read(brain_file()), _of_bundle(read(brain_file())))
    folder = mricron_folder()
    head, atlas = read(folder / "ch2.nii.gz"), read(folder / "aal.nii.gz")
    places = {side: atlas.to_world(np.argwhere(atlas.array == value)) for side, value in AAL.items()}
    if name == "ch2brain":
        return Source(head.with_array(read(folder / "ch2bet.nii.gz").array), places)
    return Source(with_neck(head) if name == "ch2neck" else head, places)


def _of_bundle(brain: Volume) -> dict[str, np.ndarray]:
    from monai_attn import Segmenter

    segmenter = Segmenter.from_bundle("hippocampus_mri")
    found = {}
    for side, r in (("left", -25.0), ("right", 25.0)):
        labels = segmenter(brain, region=Box.around((r, -23.5, -12.5), (40, 54, 44))).labels
        found[side] = labels.to_world(np.argwhere(labels.array))
    return found


def stored(image: Volume) -> list[Volume]:
    """The image in the 48 orientations in which it can be stored."""
    images = []
    for order, signs in product(permutations(range(3)), product((1, -1), repeat=3)):
        array, affine = image.array.transpose(order), image.affine[:, [*order, 3]].copy()
        for axis, sign in enumerate(signs):
            if sign < 0:
                affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
                affine[:3, axis] *= -1
                array = np.flip(array, axis)
        images.append(Volume(array, affine))
    return images


class SecondLook:
    """Gives the regions that a whole run ends with: found, and moved to the structures."""

    def __init__(self) -> None:
        from monai_attn import Segmenter

        self.segmenter = Segmenter.from_bundle("hippocampus_mri")

    def find(self, image: Volume) -> Found:
        """As the bundle's finder; a run that is refused gives the finder's own words."""
        try:
            said = self.segmenter(image).provenance["finder"]
        except InputError as error:
            return Found({}, (str(error),))
        regions = {name: Box(tuple(low), tuple(high)) for name, (low, high) in said["regions_mm"].items()}
        return Found(regions, (), {"head_scale": said["head_scale"], "centred_by_mm": said["centred_by_mm"]})


def judge(finder: Finder | SecondLook, case: Simulated, title: str) -> dict[str, float]:
    """The figures of one case, printed in one line."""
    start = time.process_time()
    found = finder.find(case.image)
    seconds = time.process_time() - start
    held, off = [], []
    for side, points in case.hippocampi.items():
        box = found.regions.get(side)
        inside = _in_box(points, box) if box else np.zeros(len(points), bool)
        held.append(float(inside.mean()))
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        off.append(float(np.linalg.norm(middle - np.add(box.lower_mm, box.upper_mm) / 2)) if box else np.inf)
    head = found.measures.get("head_scale", float("nan"))
    figures = {"held": min(held), "off_mm": max(off), "seconds": seconds, "said": float(bool(found.problems))}
    figures |= {"head_scale": head, "true_scale": case.scale}
    words = " ".join(f"{key} {value:.3f}" for key, value in {**figures, **found.measures}.items())
    print(title, case.image.summary, words, *found.problems[:1], flush=True)
    return figures


def _in_box(points: np.ndarray, box: Box) -> np.ndarray:
    return np.asarray(np.all((points >= box.lower_mm) & (points <= box.upper_mm), axis=1))


def summary(title: str, rows: list[dict[str, float]]) -> str:
    """One line of the table in docs/regions.md."""
    held = np.array([row["held"] for row in rows])
    said = np.array([row["said"] for row in rows]) > 0
    right = held >= HELD
    off = np.array([row["off_mm"] for row in rows])
    return (
        f"| {title} | {len(rows)} | {right.sum()} | {(right & said).sum()} | {(~right & ~said).sum()} | "
        f"{100 * held.min():.1f} | {np.median(off):.1f} / {off.max():.1f} | "
        f"{np.mean([row['seconds'] for row in rows]):.1f} |"
    )


def main() -> None:
    """Print a line for each case, then a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs=2, default=(1000, 1025))
    parser.add_argument("--sources", nargs="*", default=SOURCES)
    parser.add_argument("--orientations", action="store_true", help="also the real heads in 48 orientations, at 2 mm")
    parser.add_argument("--segment", action="store_true", help="the regions of whole runs, not of the finder alone")
    args = parser.parse_args()
    root = find_bundle("hippocampus_mri")
    finder = SecondLook() if args.segment else finder_of(read_metadata(root)["finder"], root)
    assert finder is not None
    lines = []
    for name in args.sources:
        source = source_of(name)
        rows = [judge(finder, simulate(source, seed), f"{name} {seed}") for seed in range(*args.seeds)]
        lines += [summary(f"{name}, simulated", rows)] if rows else []
        if args.orientations:
            part = source.image.array[::2, ::2, ::2]
            half = Volume(part, source.image.affine @ np.diag([2.0, 2.0, 2.0, 1.0]))
            rows = [judge(finder, Simulated(one, source.hippocampi, 1.0), name) for one in stored(half)]
            lines.append(summary(f"{name}, 48 orientations, 2 mm", rows))
    print("| heads | cases | right | of these doubted | wrong unsaid | least held, % | off, mm | CPU, s |")
    print("|---|---|---|---|---|---|---|---|", *lines, sep="\n")


if __name__ == "__main__":
    main()
