"""The training of a written bundle: its own train.json, run as `python -m monai.bundle run` runs it."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from ignite.engine import Events
from monai.bundle import ConfigWorkflow

from monai_attn.bundle.parts import why
from monai_attn.io.atomic import hidden_folder
from monai_attn.learn.pace import Pace
from monai_attn.training import Point

__all__ = ["measure_pace", "train"]

logger = logging.getLogger(__name__)

STEPS = 5
"""Steps by which the pace is measured; the first two, which load kernels and fill caches, do not count."""


def train(
    root: Path,
    dataset: Path,
    overrides: Mapping[str, Any],
    *,
    listener: Callable[[Point], None] | None = None,
    wanted: Callable[[], bool] | None = None,
) -> bool:
    """Run the train.json of a bundle with these overrides; whether it ran to its end.

    `listener` is called with each new point of the learning curve. The training ends after the step that runs when
    `wanted` gives true, or at Ctrl-C; its best weights are kept then. Raises `BundleError` for what MONAI raises.
    """
    with _running(root, dataset, overrides) as workflow:
        schedule, curve = _made(workflow, root, ("schedule", "curve"))
        curve.listener = listener
        schedule.wanted = wanted or (lambda: False)
        _run(workflow, root)
        return not schedule.stopped


def measure_pace(root: Path, dataset: Path, minutes: float) -> Pace:
    """The pace of the very training on this computer: a few steps on one case, its preparing, and one validation.

    The case is prepared a second time for that, when all libraries are loaded. The steps end when `minutes` are over,
    however few they are. Ctrl-C ends the whole and not these steps alone.
    """
    with hidden_folder(root) as folder:
        steps = {"minutes": minutes, "max_steps": STEPS, "epoch_steps": STEPS, "val_interval": STEPS}
        one = {"train_cases::limit": 1, "val_limit": 1, "output_dir": str(folder), "save_interval": 1000}
        with _running(root, dataset, {**steps, **one}) as workflow:
            names = ("schedule", "train::trainer", "train::dataset")
            schedule, trainer, cases = _made(workflow, root, names)
            times: list[float] = []
            trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda _: times.append(time.monotonic()))
            began = time.monotonic()
            _run(workflow, root)
            if schedule.stopped:
                raise KeyboardInterrupt
            ended = time.monotonic()
            cases.set_data(cases.data)
            _ = cases[0]
            prepared = time.monotonic() - ended
            lengths = [later - earlier for earlier, later in pairwise([began, *times])]
            return Pace(median(lengths[2:] or lengths[-1:]), max(schedule.reserve, 1e-3), prepared)


@contextmanager
def _running(root: Path, dataset: Path, overrides: Mapping[str, Any]) -> Iterator[ConfigWorkflow]:
    """An initialised workflow of the train.json of a bundle, which is finished at the end of the block."""
    logging.getLogger("monai.bundle.workflows").setLevel(logging.ERROR)  # that no file of logs is written
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # MONAI's, on trusting the config that we have just written
        workflow = ConfigWorkflow(
            config_file=str(root / "configs" / "train.json"),
            meta_file=str(root / "configs" / "metadata.json"),
            workflow_type="train",
            logging_file=False,
            **{"bundle_root": str(root.resolve()), "dataset_dir": str(dataset), **overrides},
        )
    try:
        workflow.initialize()
    except RuntimeError as error:
        raise why(error, f"The bundle {root.name} cannot begin its training") from error
    try:
        yield workflow
    finally:
        workflow.finalize()


def _made(workflow: ConfigWorkflow, root: Path, names: Sequence[str]) -> list[Any]:
    """Parts of the config as objects. Raises `BundleError`, for example for a setting that a part does not take."""
    try:
        return [workflow.parser.get_parsed_content(name) for name in names]
    except RuntimeError as error:
        raise why(error, f"The bundle {root.name} cannot begin its training") from error


def _run(workflow: ConfigWorkflow, root: Path) -> None:
    try:
        workflow.run()
    except RuntimeError as error:
        raise why(error, f"The training of {root.name} failed") from error
