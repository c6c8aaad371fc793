"""What can be had without learning, by size of the tumour.

    python benchmarks/sarcoma_baselines.py DATASET [SCORES ...]

Three kinds of masks on the T1 grid, of every patient of the data set:

- an ellipsoid in the middle of the image, which looks at nothing: the images are cropped around the tumour;
- the voxels above 30 % or 41 % of the highest uptake in the PET, largest piece;
- the voxels above SUV 2.5, largest piece.

SCORES are files `scores.csv` of a network, such as those of sarcoma_folds.py, one for each fold. They get lines beside
these. Prints a Markdown table for each class of reference volume: Dice, volume error with its sign, sensitivity,
precision, surface distance. The last column has the limits of agreement of the volumes (Bland and Altman 1986).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from monai_attn.io import read
from monai_attn.labels import LabelTable
from monai_attn.measure import SizeClass, by_size, compare, from_csv, rows
from monai_attn.volume import Volume

EDGES_ML = (50.0, 150.0, 500.0)
TUMOUR = LabelTable.of_names({1: "tumour"})
RADIUS = 0.6
"""The ellipsoid's share of the half extents: the best of 0.5 to 0.75 on these data."""

Guess = Callable[[NDArray[Any]], NDArray[np.bool_]]

UPTAKE: dict[str, Guess] = {
    "30 % of the highest uptake": lambda suv: largest(suv > 0.3 * suv.max()),
    "41 % of the highest uptake": lambda suv: largest(suv > 0.41 * suv.max()),
    "SUV 2.5": lambda suv: largest(suv > 2.5),
}


def largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest piece of a mask; an empty mask stays empty."""
    pieces, count = ndimage.label(mask)
    if count < 2:
        return mask
    return np.asarray(pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:]))


def onto(image: Volume, grid: Volume) -> NDArray[np.float32]:
    """An image at the voxels of another grid, linearly interpolated in patient space."""
    matrix = np.linalg.inv(image.affine) @ grid.affine
    values = np.asarray(image.array, np.float32)
    return np.asarray(
        ndimage.affine_transform(
            values, matrix[:3, :3], matrix[:3, 3], output_shape=grid.shape, order=1, mode="nearest"
        )
    )


def ellipsoid(shape: Sequence[int]) -> NDArray[np.bool_]:
    """An ellipsoid in the middle of a grid."""
    axes = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij", sparse=True)
    return np.asarray(sum(axis**2 for axis in axes) < RADIUS**2)


def baselines(dataset: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of a comparison with the reference, for each kind of guess."""
    found: dict[str, list[dict[str, Any]]] = {}
    for folder in sorted(path.parent for path in dataset.glob("*/tumour.nii.gz")):
        reference = read(folder / "tumour.nii.gz")
        reference = reference.with_array((np.asarray(reference.array) > 0).astype(np.uint8))
        suv = onto(read(folder / "pet.nii.gz"), reference)
        guesses = {"ellipsoid in the middle": ellipsoid(reference.shape)}
        guesses |= {name: guess(suv) for name, guess in UPTAKE.items()}
        for name, mask in guesses.items():
            compared = compare(reference.with_array(mask.astype(np.uint8)), reference, TUMOUR, tolerance_mm=2.0)
            found.setdefault(name, []).extend(rows(compared, case=folder.name))
    return found


def line(what: str, one: SizeClass) -> str:
    """One line of the table."""
    return (
        f"| {one.title} | {what} | {one.cases} | {one.dice_mean:.3f} ({one.dice_sd:.3f}) | {one.dice_median:.3f} | "
        f"{100 * one.volume_error:+.0f} % ({100 * one.volume_error_size:.0f} %) | {one.sensitivity_mean:.2f} | "
        f"{one.precision_mean:.2f} | {one.assd_median_mm:.1f} | {one.difference_ml:+.0f} ({one.lower_limit_ml:+.0f} to "
        f"{one.upper_limit_ml:+.0f}) |"
    )


def table(kinds: dict[str, list[dict[str, Any]]]) -> list[str]:
    """The table: for each size class, and for all sizes, a line of each kind of mask."""
    classes = {name: [*by_size(found, EDGES_ML), *by_size(found, [])] for name, found in kinds.items()}
    lines = [
        "| tumour | mask | patients | Dice, mean (SD) | median | volume error, median (absolute) | sensitivity "
        "| precision | ASSD, median, mm | volume difference, ml (limits of agreement) |",
        "|" + "---|" * 10,
    ]
    for number in range(len(EDGES_ML) + 2):
        lines += [line(name, found[number]) for name, found in classes.items()]
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("scores", type=Path, nargs="*", help="scores.csv of a network")
    args = parser.parse_args()
    network = [row for file in args.scores for row in from_csv(file.read_text(encoding="utf-8"))]
    print("\n".join(table(({"network": network} if network else {}) | baselines(args.dataset))))


if __name__ == "__main__":
    main()
