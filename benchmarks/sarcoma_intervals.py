"""Between which volumes the true one lies: the interval of the sarcoma bundle, and how often it holds.

    python benchmarks/sarcoma_intervals.py OUT [--write]

OUT holds the scores of sarcoma_folds.py: each patient was scored by the networks that never saw this patient. For each
choice of images the ratios of reference volume to measured volume give two factors, their ranks for 90 % (conformal:
Lei et al. 2018, doi 10.1080/01621459.2017.1307116). The coverage is that of factors from four folds on the patients of
the fifth. `--write` puts the factors into `made_for` of the bundle's metadata.json. Prints Markdown.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sarcoma_folds import FOLDS, SHIPPED, SUBSETS, that_never_saw

from monai_attn.bundle.locate import find_bundle, read_metadata
from monai_attn.measure import from_csv
from monai_attn.preflight import MadeFor
from monai_attn.preflight.made_for import choice_key
from monai_attn.preflight.refresh import write_made_for

LEVEL = 0.9
TUMOUR = 1


def factors(ratios: Sequence[float], level: float = LEVEL) -> tuple[float, float]:
    """Two factors between which a new ratio lies with the given probability: ranks of the ratios that are known.

    >>> factors([float(n) for n in range(1, 20)], 0.8)
    (2.0, 18.0)
    """
    known = sorted(ratios)
    rank = max(1, math.floor((len(known) + 1) * (1 - level) / 2))
    return known[rank - 1], known[-rank]


def ratios_of(out: Path, images: str) -> list[list[float]]:
    """Reference volume by measured volume of each patient, fold by fold; patients without a mask are left out."""
    folds = []
    for fold in FOLDS:
        text = (
            that_never_saw(fold, SHIPPED, out).parent / f"whole_{images.replace(' ', '_')}" / "scores.csv"
        ).read_text()
        rows = from_csv(text)
        folds.append([float(row["reference_ml"]) / ml for row in rows if (ml := float(row["prediction_ml"])) > 0])
    return folds


def coverage(folds: Sequence[Sequence[float]]) -> float:
    """The share of patients whose ratio lies between the factors of the other folds."""
    held = []
    for number, fold in enumerate(folds):
        low, high = factors([one for other, ratios in enumerate(folds) if other != number for one in ratios])
        held += [low <= one <= high for one in fold]
    return float(np.mean(held))


def main() -> None:
    """Print the table, and write the factors where that is asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--write", action="store_true", help="put the factors into the bundle's metadata.json")
    args = parser.parse_args()
    intervals = {}
    print(f"| images | patients | volume times, {LEVEL:.0%} | coverage on unseen patients |\n|---|---|---|---|")
    for images in SUBSETS:
        folds = ratios_of(args.out.resolve(), images)
        low, high = (float(f"{one:.3g}") for one in factors([one for fold in folds for one in fold]))
        intervals[choice_key(images.split())] = (low, high)
        print(f"| {images.replace(' ', ' + ')} | {sum(map(len, folds))} | {low} to {high} | {coverage(folds):.0%} |")
    if args.write:
        root = find_bundle("soft_tissue_sarcoma")
        known = MadeFor.from_json(read_metadata(root)["made_for"])
        assert known is not None
        write_made_for(root, known.with_volume_interval({TUMOUR: intervals}))


if __name__ == "__main__":
    main()
