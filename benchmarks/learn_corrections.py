"""What a bundle gains from a handful of corrected masks: Dice on further cases after 1, 3, 5 and 10 corrections.

    python benchmarks/learn_corrections.py DATASET RUNS [--counts 1,3,5,10] [--minutes 5] [--base-cases 8]
                                           [--base-minutes 15] [--base BUNDLE] [--unseen 20]

DATASET is a labelled data set in any layout, RUNS a folder for the bundles. First a base bundle is trained on few cases
(or `--base` names one that has seen none of the cases). Then the masks of 1, 3, 5 and 10 further cases are saved as
napari saves corrected masks, and `learn --from` the base goes on from there. All bundles are scored on the same cases,
which none of them has seen. A bundle that is there already is not trained again. Prints a Markdown table.

Only cases in which all structures were drawn serve as corrections, since a corrected mask has all of them. Where the
data set names parts, corrections come from train and scores from test.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from monai_attn.cases.labelled import IMAGES, LabelledCase, LabelledSet, find_labelled, image_record
from monai_attn.io import write
from monai_attn.io.jsonfile import read_json
from monai_attn.learn import learn
from monai_attn.learn.score import mean_dice_of, score_cases
from monai_attn.results import commit
from monai_attn.segmentation import Segmentation, result_files


def save_corrected(cases: Sequence[LabelledCase], labelled: LabelledSet, folder: Path) -> Path:
    """The reference masks of cases as napari's "Save all" writes corrected masks, each with its record."""
    folder.mkdir(parents=True, exist_ok=True)
    for case in cases:
        mask, record, _ = result_files(folder, case.name)
        if record.exists():
            continue
        names = {image.name: {"modality": image.modality} for image in labelled.images}
        several = {"images": names, "missing": []} if len(names) > 1 else {}
        made = {"bundle": "base", "edited_by_hand": True, "source": next(iter(names.values())), **several}
        label_map = case.label.read()
        segmentation = Segmentation(label_map.with_array(label_map.array.astype(np.uint8)), labelled.labels, made)
        images: dict[str, Any] = {}
        for name, file in case.images.items():
            images |= image_record(file, folder, name)
        files = {mask: partial(write, segmentation.labels, table=labelled.labels)}
        commit(files, record=record, about={**segmentation.about(), IMAGES: images})
    return folder


def save_table(cases: Sequence[LabelledCase], labelled: LabelledSet, path: Path) -> Path:
    """A table of cases for the training of the base, with a file of the structures' names beside it."""
    names = [image.name for image in labelled.images]
    rows = [",".join(["case", *names, "label", "drawn"])]
    for case in cases:
        images = [str(case.images[name].path.resolve()) if name in case.images else "" for name in names]
        drawn = "|".join(map(str, case.known(labelled.labels))) or "none"
        rows.append(",".join([case.name, *images, str(case.label.path.resolve()), drawn]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    entries = ", ".join(f'"{label.value}": "{label.name}"' for label in labelled.labels)
    path.with_name("labels.json").write_text(f'{{"labels": {{{entries}}}}}\n', encoding="utf-8")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--counts", default="1,3,5,10")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--base", help="a bundle that has seen none of the cases; without it one is trained")
    parser.add_argument("--base-cases", type=int, default=8)
    parser.add_argument("--base-minutes", type=float, default=15.0)
    parser.add_argument("--unseen", type=int, default=20)
    args = parser.parse_args()
    counts = [int(count) for count in args.counts.split(",")]
    labelled = find_labelled(args.dataset)
    further, pool = _dealt(labelled, args.unseen)
    whole = [case for case in pool if case.known(labelled.labels) == tuple(label.value for label in labelled.labels)]
    corrections = whole[: max(counts)]
    if len(corrections) < max(counts):
        raise SystemExit(f"Only {len(corrections)} cases have all structures drawn, and {max(counts)} are wanted.")
    base = Path(args.base) if args.base else args.runs / "base"
    if not args.base and not _trained(base):
        rest = [case for case in pool if case not in corrections][: args.base_cases]
        learn(save_table(rest, labelled, args.runs / "base_cases" / "cases.csv"), base, minutes=args.base_minutes)
    bundles = {0: base}
    for count in counts:
        bundles[count] = args.runs / f"after_{count}"
        if not _trained(bundles[count]):
            folder = save_corrected(corrections[:count], labelled, args.runs / f"corrected_{count}")
            learn(folder, bundles[count], minutes=args.minutes, initial=base)
    print(f"| corrected cases | mean Dice on {len(further)} further cases | "
          + " | ".join(label.name for label in labelled.labels) + " |")  # fmt: skip
    print("|---" * (2 + len(labelled.labels)) + "|")
    for count, bundle in bundles.items():
        scores = score_cases(bundle, further, labelled.labels, kind="unseen", deadline=time.monotonic() + 24 * 3600)
        means = [_mean(scores.rows, label.name) for label in labelled.labels]
        row = [str(count) if count else "0 (base)", f"{mean_dice_of(scores):.3f}", *(f"{mean:.3f}" for mean in means)]
        print(f"| {' | '.join(row)} |", flush=True)


def _dealt(labelled: LabelledSet, unseen: int) -> tuple[list[LabelledCase], list[LabelledCase]]:
    """The cases for the scores, evenly spaced, and those that a training may see."""
    test, rest = list(labelled.of_part("test")), [case for case in labelled if case.part != "test"]
    if not test:
        test, rest = rest[1::2], rest[::2]
    return test[:: max(len(test) // unseen, 1)][:unseen], rest


def _trained(bundle: Path) -> bool:
    """Whether a bundle is there with its scores, which are written last."""
    metadata = bundle / "configs" / "metadata.json"
    return (bundle / "models" / "model.pt").is_file() and "eval_metrics" in read_json(metadata)


def _mean(rows: Sequence[dict[str, object]], name: str) -> float:
    """The mean Dice of a structure over the cases in which it was scored."""
    values = [float(str(row["dice"])) for row in rows if row["name"] == name]
    return float(np.nanmean(values)) if values else float("nan")


if __name__ == "__main__":
    main()
