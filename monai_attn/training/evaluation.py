"""How good a network is on cases it never saw: a row per case and structure, and a summary."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ignite.engine import Engine, Events

from monai_attn.errors import FileError
from monai_attn.io import read, write_bytes_atomic
from monai_attn.labels import LabelTable
from monai_attn.measure import compare, detect_lesions, rows, to_csv
from monai_attn.volume import Volume, same_grid

__all__ = ["CaseScores", "summary_of"]

logger = logging.getLogger(__name__)

WORST = {"dice": min, "hd95_mm": max}
"""The scores of the summary, and which end of each is the worst."""

FILES = ("scores.csv", "summary.json")

LESIONS = "lesions.csv"


class CaseScores:
    """An evaluator's handler that writes `scores.csv` and `summary.json` into `output_dir` when all cases are done.

    `labels` are rows such as `{"value": 1, "name": "tumour"}`. The evaluator's postprocessing must leave a label map
    at "pred" on the grid of the image; each case names its reference file at "label". The scores are those of
    `monai_attn.measure.compare`: in millimetres, nan where a structure is in neither map, Dice 0 and distance inf
    where it is in one only; `tolerance_mm` is that of the surface Dice. With `lesions`, `lesions.csv` says which
    lesions were found (`monai_attn.measure.detect_lesions`). With `resample` a label map on another grid than the
    reference, as a network makes it of an image on another grid, is brought there by nearest neighbour. Raises
    `FileError` at the start when the files exist and `overwrite` is not set.
    """

    def __init__(
        self,
        labels: Sequence[Mapping[str, Any]],
        output_dir: str | Path,
        *,
        overwrite: bool = False,
        provenance: Callable[[], Mapping[str, Any]] | None = None,
        tolerance_mm: float = 1.0,
        lesions: bool = False,
        resample: bool = False,
    ) -> None:
        self.tolerance_mm = tolerance_mm
        self.resample = resample
        self.files = (*FILES, LESIONS) if lesions else FILES
        self.detections: list[dict[str, Any]] = []
        self.table = LabelTable.of_names({int(label["value"]): str(label["name"]) for label in labels})
        self.output_dir = Path(output_dir)
        self.overwrite = overwrite
        self.provenance = provenance
        self.scores: list[dict[str, Any]] = []

    def attach(self, engine: Engine) -> None:
        """Listen to an evaluator."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._score)
        engine.add_event_handler(Events.COMPLETED, self._finish)

    def _start(self, engine: Engine) -> None:
        del engine
        self.scores.clear()
        self.detections.clear()
        there = [name for name in self.files if (self.output_dir / name).exists()]
        if there and not self.overwrite:
            raise FileError(
                f"{self.output_dir.name} already holds {' and '.join(there)}. "
                "Choose another --output_dir, or set --overwrite true."
            )

    def _score(self, engine: Engine) -> None:
        for case, output in zip(engine.state.batch, engine.state.output, strict=True):
            labels = output["pred"].cpu()  # (1, I, J, K)
            prediction = Volume(np.asarray(labels)[0], np.asarray(labels.affine))
            reference, name = read(case["label"]), case["case"]
            resample = self.resample and not same_grid(prediction, reference)
            compared = compare(prediction, reference, self.table, tolerance_mm=self.tolerance_mm, resample=resample)
            self.scores += rows(compared, case=name)
            if LESIONS in self.files:
                found = (detect_lesions(prediction, reference, one.value, resample=resample) for one in self.table)
                self.detections += rows(list(found), case=name)

    def _finish(self, engine: Engine) -> None:
        del engine
        summary = summary_of(self.scores)
        made_by = dict(self.provenance()) if self.provenance else {}
        text = json.dumps(_plain({**summary, "provenance": made_by}), indent=2) + "\n"
        contents = (to_csv(self.scores), text, to_csv(self.detections))
        for name, content in zip(self.files, contents, strict=False):
            write_bytes_atomic(self.output_dir / name, content.encode(), overwrite=self.overwrite)
        for name, scores in summary["labels"].items():
            for score, values in scores.items():
                logger.info(
                    "%s, %s of %d cases: mean %.3f, SD %.3f, median %.3f, worst %.3f",
                    *(name, score, values["defined"], values["mean"], values["sd"], values["median"], values["worst"]),
                )


def summary_of(scores: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Per structure and score (Dice, HD95) the mean, SD, median, worst value and worst case.

    `defined` counts the cases with the structure in at least one map, `infinite` those of them where one map lacks it:
    these stay in, so that a missed structure cannot raise an average. SD is the sample's (n - 1), nan for one case.
    `mean_dice` is the mean of the structures' means.
    """
    tables: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(str(row["name"]) for row in scores):
        mine = [row for row in scores if row["name"] == name]
        tables[name] = {score: _statistics({row["case"]: row[score] for row in mine}, score) for score in WORST}
    return {
        "cases": len({row["case"] for row in scores}),
        "mean_dice": float(np.mean([table["dice"]["mean"] for table in tables.values()])),
        "labels": tables,
    }


def _statistics(of_cases: Mapping[str, float], score: str) -> dict[str, Any]:
    values = {case: value for case, value in of_cases.items() if not np.isnan(value)}
    numbers = np.array(list(values.values()))
    infinite = int(np.isinf(numbers).sum())
    nan = float("nan")
    worst = WORST[score](values, key=values.__getitem__) if values else None
    return {
        "defined": len(values),
        "infinite": infinite,
        "mean": float(numbers.mean()) if values else nan,
        "sd": float(numbers.std(ddof=1)) if len(values) > 1 and not infinite else nan,
        "median": float(np.median(numbers)) if values else nan,
        "worst": values[worst] if worst is not None else nan,
        "worst_case": worst,
    }


def _plain(node: Any) -> Any:
    """JSON has neither nan nor inf; null stands for both, and `infinite` says how many were inf."""
    if isinstance(node, dict):
        return {key: _plain(value) for key, value in node.items()}
    return None if isinstance(node, float) and not np.isfinite(node) else node
