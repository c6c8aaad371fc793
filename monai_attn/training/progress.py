"""From the start of a training run to its weights: where it begins, what it logs, what it leaves."""

from __future__ import annotations

import json
import logging
import math
import os
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import torch
from ignite.engine import Engine, Events
from ignite.handlers import EMAHandler
from monai.engines import IterationEvents
from torch import nn

from monai_attn.bundle.weights import read_weights
from monai_attn.cases import SplitRecord, join_records, save_record
from monai_attn.errors import BundleError, FileError, InputError
from monai_attn.io import atomic_path, write_bytes_atomic
from monai_attn.io.digest import sha256
from monai_attn.preflight.refresh import refresh_after

__all__ = [
    "BestWeights",
    "EpochLog",
    "FiniteLoss",
    "continue_average",
    "join_weights",
    "save_weights",
    "start_from",
    "start_process",
]

logger = logging.getLogger(__name__)

STATE = re.compile(r"state_checkpoint_epoch=(\d+)\.pt")
"""What MONAI's `CheckpointSaver` calls the state of a run with `file_prefix="state"`."""


GO_BACK = (
    "Go on from an earlier state (--resume true), and if it happens again in float32 (--amp false) or more slowly."
)
"""What to do when a training has come to nothing."""

SCALED = 20
"""Losses in a row that a gradient scaler (CUDA, float16) may skip while it looks for its scale."""


def start_from(folder: str | Path, *, resume: bool) -> str | None:
    """The newest complete state in `folder` when resuming; None for a fresh start.

    A run that is killed while it saves leaves a truncated file; that file is passed over with a warning. Raises
    `FileError` when there is nothing to resume. Raises it too when a fresh start would mix with the states of an
    earlier run or replace its weights.
    """
    found = {int(match[1]): path for path in Path(folder).glob("*.pt") if (match := STATE.fullmatch(path.name))}
    if not resume:
        if found:
            raise FileError(
                f"{Path(folder).name} holds a run that reached epoch {max(found)}. "
                "Go on with it (--resume true), or choose another --output_dir."
            )
        if (Path(folder) / "model.pt").exists():
            raise FileError(f"{Path(folder).name} holds a model.pt, which a run replaces. Choose another --output_dir.")
        return None
    for epoch in sorted(found, reverse=True):
        if zipfile.is_zipfile(found[epoch]):  # the table of a zip, which torch writes, stands at its end
            return str(found[epoch])
        logger.warning("%s is incomplete and passed over.", found[epoch].name)
    raise FileError(
        f"There is no state_checkpoint_epoch=N.pt to resume in {str(folder)!r}. Set --output_dir to that of the run, "
        "or leave --resume out."
    )


def start_process(backend: str) -> None:
    """Join the processes that `torchrun` started, over `backend` ("nccl" or "gloo").

    Raises `InputError` when this process was started without `torchrun`.
    """
    if "RANK" not in os.environ or "LOCAL_RANK" not in os.environ:
        raise InputError(
            "multi_gpu_train.json runs in several processes. "
            "Start it with: torchrun --standalone --nproc_per_node=2 -m monai.bundle run ..."
        )
    if backend == "nccl":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    torch.distributed.init_process_group(backend)


def continue_average(average: EMAHandler, trainer: Engine) -> None:
    """Let the momentum of an average of weights go on where a resumed trainer stands.

    ignite counts its warm-up from the start of the process. So a resumed run would throw the average away at once.
    Attach the average to the trainer before, and load the checkpoint before the trainer starts.
    """

    def catch_up() -> None:
        average.momentum_scheduler.event_index = trainer.state.iteration

    trainer.add_event_handler(Events.STARTED, catch_up)


def save_weights(network: nn.Module, path: str | Path, *, split: SplitRecord | None = None) -> None:
    """Write a network's state dict, and nothing else, to `path`: complete or not at all.

    An earlier file is replaced. Tensors lie in the file in their plain order, also those of a network in
    `torch.channels_last_3d`. `split` says which cases the weights have seen, and is written beside them as
    `split.json`. Where the weights are `models/model.pt` of a bundle, the bundle's metadata.json gets their SHA-256.

    Raises `BundleError` for weights that are not finite; the file at `path` stays then.
    """
    state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    spoilt = [name for name, value in state.items() if not bool(value.isfinite().all())]
    if spoilt:
        raise BundleError(f"{len(spoilt)} of {len(state)} weights are not finite, {spoilt[0]} first. {GO_BACK}")
    with atomic_path(path, overwrite=True) as temporary:
        torch.save(state, temporary)
        if split is not None:
            save_record(split, path, sha256(temporary))
    refresh_after(path)
    logger.info("The weights are in %s.", Path(path).name)


def join_weights(paths: Sequence[str | Path], output: str | Path, *, half: bool = True) -> None:
    """Write the weights of several networks to one file for `monai_attn.networks.NetworkMean`.

    With `half` they are stored as float16, which halves the file; the network computes in float32 all the same. A
    `split.json` beside the output says which cases any of the networks has seen. The SHA-256 goes into the metadata of
    a bundle as in `save_weights`. Raises `FileError` when one of the files is missing or the output exists.
    """
    missing = [str(path) for path in paths if not Path(path).is_file()]
    if missing:
        raise FileError(f"There is no {missing[0]}. Train all folds first.")
    joined = {}
    for number, path in enumerate(paths):
        for name, value in read_weights(Path(path)).items():
            joined[f"networks.{number}.{name}"] = value.half() if half and value.is_floating_point() else value
    with atomic_path(output, overwrite=False) as temporary:
        torch.save(joined, temporary)
        save_record(join_records(paths), output, sha256(temporary))
    refresh_after(output)
    logger.info("The weights of %d networks are in %s.", len(paths), Path(output).name)


class BestWeights:
    """Keeps the best weights of a run in `folder/model.pt`, and their epoch and score in `folder/best.json`.

    - Attach it to a validation. `network` is what the validation scores; `metric` is the score that decides, larger is
      better.
    - `resume`: go on from the score in `best.json`.
    - `enabled`: write files; false in all processes but the first.
    - `split`: as in `save_weights`.

    As long as the score is 0, the newest weights are kept. Without any validation, `finish` writes the last weights.
    """

    def __init__(
        self,
        network: nn.Module,
        folder: str | Path,
        metric: str,
        *,
        resume: bool = False,
        enabled: bool = True,
        split: SplitRecord | None = None,
    ) -> None:
        self.network = network
        self.split = split
        self.enabled = enabled
        self.folder = Path(folder)
        self.metric = metric
        self.best = -math.inf
        record = self.folder / "best.json"
        if resume and record.is_file():
            self.best = float(json.loads(record.read_text(encoding="utf-8"))[metric])

    def attach(self, engine: Engine) -> None:
        """Listen to a validation."""
        if self.enabled:
            engine.add_event_handler(Events.COMPLETED, self._compare)

    def finish(self) -> None:
        """Write the weights as they are, if no validation has written any."""
        if self.enabled and self.best == -math.inf:
            save_weights(self.network, self.folder / "model.pt", split=self.split)

    def _compare(self, engine: Engine) -> None:
        score = float(engine.state.metrics[self.metric])
        if not (score > self.best or score == self.best == 0):
            return
        self.best = score
        save_weights(self.network, self.folder / "model.pt", split=self.split)
        record = {"epoch": engine.state.epoch, self.metric: score}
        write_bytes_atomic(self.folder / "best.json", (json.dumps(record) + "\n").encode(), overwrite=True)


class FiniteLoss:
    """Stops a training at the first loss that is not finite, before the states saved earlier are replaced.

    A gradient scaler (CUDA, float16) skips such steps while it looks for its scale. There the training stops at
    `SCALED` of them in a row. Raises `BundleError`.
    """

    def __init__(self) -> None:
        self.in_a_row = 0

    def attach(self, engine: Engine) -> None:
        """Listen to a trainer."""
        engine.add_event_handler(IterationEvents.LOSS_COMPLETED, self._step)

    def _step(self, engine: Engine) -> None:
        loss = engine.state.output["loss"].detach()
        self.in_a_row = 0 if bool(loss.isfinite()) else self.in_a_row + 1
        if self.in_a_row > (SCALED if getattr(engine, "scaler", None) else 0):
            raise BundleError(f"The loss is {float(loss)} in epoch {engine.state.epoch}. {GO_BACK}")


class EpochLog:
    """Logs one line per epoch: its number, the mean loss of its steps, the learning rate."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def attach(self, engine: Engine) -> None:
        """Listen to a trainer."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._step)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._epoch)

    def _step(self, engine: Engine) -> None:
        output = engine.state.output  # one dictionary, or one per case where the trainer decollates
        self.losses.append(float((output[0] if isinstance(output, list) else output)["loss"].detach()))

    def _epoch(self, engine: Engine) -> None:
        mean = sum(self.losses) / max(len(self.losses), 1)
        rate = engine.optimizer.param_groups[0]["lr"]
        state = engine.state
        logger.info("Epoch %d of %d: loss %.4f, learning rate %.2g", state.epoch, state.max_epochs, mean, rate)
        self.losses.clear()
