"""How good a network is on cases that it never saw: a row for each case and structure, and a summary."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from ignite.engine import Engine, Events

from monai_attn.cases import split_record_of
from monai_attn.cases.labelled import LabelFile
from monai_attn.errors import FileError
from monai_attn.io import read
from monai_attn.labels import LabelTable
from monai_attn.measure import by_size, compare, detect_lesions, rows, to_csv
from monai_attn.preflight.estimate import duration
from monai_attn.results import commit, text_writer
from monai_attn.transforms.load import CarriedFile
from monai_attn.volume import Volume, same_grid

__all__ = ["CaseScores", "summary_of"]

logger = logging.getLogger(__name__)

WORST = {"dice": min, "hd95_mm": max}
"""The scores of the summary, and which end of each is the worst."""

FILES = ("scores.csv", "summary.json")

LESIONS = "lesions.csv"

SEEN = {"no": "cases", "yes": "cases that training saw", "unknown": "cases that training may have seen"}
"""What the log calls the cases, by the column `seen` of their rows."""


class CaseScores:
    """A handler of an evaluator that scores each case and writes `scores.csv` and `summary.json` at the end.

    - `labels`: rows such as `{"value": 1, "name": "tumour"}`.
    - `output_dir`: the folder of the files. They are replaced only with `overwrite`.
    - `weights`: the file of the network's weights. Its record (`monai_attn.cases.split_record_of`) says which cases
      training saw: the column `seen` of each row is yes, no, or unknown where there is no record.
    - `provenance`: gives what made the scores, for `summary.json`.
    - `tolerance_mm`: the tolerance of the surface Dice (NSD), in millimetres.
    - `lesions`: also write `lesions.csv`, which says of each case which lesions were found.
    - `size_edges_ml`: where the size classes of the summary begin; by default each structure has three classes of
      about as many cases. See `monai_attn.measure.by_size`.
    - `resample`: bring a label map on another grid to the grid of the reference, by nearest neighbour. Without it
      another grid is an error.

    The evaluator's postprocessing must leave a label map `(1, I, J, K)` at "pred" on the grid of the image. Each case
    names its reference file at "label". Where a case has the marks "scored" `(C,)`, only marked structures get a row. A
    structure that was not drawn, or is cut by the end of the scan, has no score.

    The scores are those of `monai_attn.measure.compare`: distances in millimetres; nan where a structure is in neither
    map; Dice 0 and distance inf where it is in one map only. Lesions are those of `monai_attn.measure.detect_lesions`.

    The summary counts cases that training saw apart, under "seen". Raises `FileError` at the start when the files
    exist and `overwrite` is not set, and `GeometryError` for another grid without `resample`.
    """

    def __init__(
        self,
        labels: Sequence[Mapping[str, Any]],
        output_dir: str | Path,
        *,
        overwrite: bool = False,
        weights: str | Path | None = None,
        provenance: Callable[[], Mapping[str, Any]] | None = None,
        tolerance_mm: float = 1.0,
        lesions: bool = False,
        resample: bool = False,
        size_edges_ml: Sequence[float] | None = None,
    ) -> None:
        by_size([], size_edges_ml)  # edges that cannot be used are refused before anything is computed
        self.size_edges_ml = size_edges_ml
        self.tolerance_mm = tolerance_mm
        self.resample = resample
        self.files = (*FILES, LESIONS) if lesions else FILES
        self.detections: list[dict[str, Any]] = []
        self.table = LabelTable.of_names({int(label["value"]): str(label["name"]) for label in labels})
        self.output_dir = Path(output_dir)
        self.overwrite = overwrite
        self.record = split_record_of(weights) if weights is not None else None
        self.provenance = provenance
        self.scores: list[dict[str, Any]] = []

    def attach(self, engine: Engine) -> None:
        """Listen to an evaluator."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._score)
        engine.add_event_handler(Events.COMPLETED, self._finish)

    def _start(self, engine: Engine) -> None:
        """Refuse to begin where result files exist, unless they may be replaced."""
        del engine
        self.scores.clear()
        self.detections.clear()
        self._began = time.monotonic()
        there = [name for name in self.files if (self.output_dir / name).exists()]
        if there and not self.overwrite:
            raise FileError(
                f"{self.output_dir.name} already holds {' and '.join(there)}. "
                "Choose another --output_dir, or set --overwrite true."
            )

    def _score(self, engine: Engine) -> None:
        """Add the rows of the cases of one batch, and log how far the evaluation is."""
        before = len(self.scores)
        for case, output in zip(engine.state.batch, engine.state.output, strict=True):
            labels = output["pred"].cpu()  # (1, I, J, K)
            prediction = Volume(np.asarray(labels)[0], np.asarray(labels.affine))
            place, name = case["label"], case["case"]
            place = place.file if isinstance(place, CarriedFile) else place
            reference = place.read() if isinstance(place, LabelFile) else read(place)
            resample = self.resample and not same_grid(prediction, reference)
            compared = compare(prediction, reference, self.table, tolerance_mm=self.tolerance_mm, resample=resample)
            scored = self._scored(case)
            seen = {"seen": self.record.has_seen(name) if self.record else "unknown"}
            self.scores += [row | seen for row in rows([one for one in compared if one.value in scored], case=name)]
            if LESIONS in self.files:
                found = (detect_lesions(prediction, reference, value, resample=resample) for value in scored)
                self.detections += [row | seen for row in rows(list(found), case=name)]
        self._log_progress(engine, self.scores[before:])

    def _log_progress(self, engine: Engine, scores: Sequence[Mapping[str, Any]]) -> None:
        """One line for each batch: its number, its cases, their mean Dice, and the time left."""
        done, of = engine.state.iteration, engine.state.epoch_length or engine.state.iteration
        left = (time.monotonic() - self._began) / done * (of - done)
        names, dice = ", ".join(str(case["case"]) for case in engine.state.batch), summary_of(scores)["mean_dice"]
        found = "nothing to score" if np.isnan(dice) else f"mean Dice {dice:.3f}"
        logger.info("%d of %d, %s: %s%s", done, of, names, found, f", about {duration(left)} left" if done < of else "")

    def _scored(self, case: Mapping[str, Any]) -> list[int]:
        """The structures that count in a case: all, or those that its row marks as scored (see `LabelledCase.row`)."""
        marks = case.get("scored")
        return [one.value for one in self.table if marks is None or (one.value < len(marks) and bool(marks[one.value]))]

    def _finish(self, engine: Engine) -> None:
        """Write the table and the summary, and log the scores of each structure."""
        del engine
        parts = {seen: [row for row in self.scores if row["seen"] == seen] for seen in SEEN}
        counted = [*parts["no"], *parts["unknown"]]
        sizes = [asdict(one) for one in by_size(counted, self.size_edges_ml)]
        summary = summary_of(counted) | {"by_size": sizes}
        apart = {"seen": summary_of(parts["yes"]), "unknown": len({row["case"] for row in parts["unknown"]})}
        made_by = dict(self.provenance()) if self.provenance else {}
        text = json.dumps(_plain({**summary, **apart, "provenance": made_by}), indent=2) + "\n"
        contents = (to_csv(self.scores), text, to_csv(self.detections))
        files = {self.output_dir / name: text_writer(one) for name, one in zip(self.files, contents, strict=False)}
        commit(files, overwrite=self.overwrite)
        for seen, part in parts.items():
            _log(summary_of(part)["labels"], SEEN[seen])


def _log(labels: Mapping[str, Any], cases: str) -> None:
    """One line for each structure and score."""
    for name, scores in labels.items():
        for score, values in scores.items():
            logger.info(
                "%s, %s of %d %s: mean %.3f, SD %.3f, median %.3f, worst %.3f",
                *(name, score, values["defined"], cases),
                *(values[column] for column in ("mean", "sd", "median", "worst")),
            )


def summary_of(scores: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Per structure and score (Dice, HD95) the mean, SD, median, worst value and worst case.

    `defined` counts the cases with the structure in at least one map. `infinite` counts the cases among these where
    one map lacks the structure; they stay in, so that a missed structure cannot raise an average. SD is the sample's
    (n - 1), nan for one case. `mean_dice` is the mean of the structures' means. Without rows there are no cases and
    no labels, and `mean_dice` is nan.
    """
    tables: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(str(row["name"]) for row in scores):
        mine = [row for row in scores if row["name"] == name]
        tables[name] = {score: _statistics({row["case"]: row[score] for row in mine}, score) for score in WORST}
    return {
        "cases": len({row["case"] for row in scores}),
        "mean_dice": float(np.mean([table["dice"]["mean"] for table in tables.values()])) if tables else float("nan"),
        "labels": tables,
    }


def _statistics(of_cases: Mapping[str, float], score: str) -> dict[str, Any]:
    """The statistics of one score over cases; nan is left out."""
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
    if isinstance(node, list):
        return [_plain(value) for value in node]
    return None if isinstance(node, float) and not np.isfinite(node) else node
