"""The trainings of a bundle, one or one for each fold, and how their weights become those of the bundle."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from monai_attn.bundle.settings import read_settings
from monai_attn.errors import FileError
from monai_attn.io.atomic import atomic_path
from monai_attn.io.digest import sha256
from monai_attn.io.jsonfile import read_json
from monai_attn.learn.configs import PREPARED
from monai_attn.learn.workflow import train
from monai_attn.learn.write import write_json
from monai_attn.preflight.refresh import refresh_after
from monai_attn.training import Point, join_weights, read_curve

__all__ = ["curve_of", "install_weights", "run_trainings", "seconds_left"]

FINISHED = "finished"
"""An empty file in the folder of a training that has come to its end."""


def run_trainings(
    root: Path,
    dataset: Path,
    seconds: float,
    *,
    listener: Callable[[Point], None],
    wanted: Callable[[], bool] | None = None,
) -> bool:
    """Run the trainings of a bundle that are not finished, which share `seconds`; whether all came to their end.

    A training that was ended before its time goes on where it ended.
    """
    end = time.monotonic() + seconds
    folders = _folders(root)
    for number, folder in enumerate(folders):
        if (folder / FINISHED).exists():
            continue
        waiting = sum(not (one / FINISHED).exists() for one in folders[number:])
        share = max(end - time.monotonic(), 0.0) / waiting
        begun = any(folder.glob("state_checkpoint_epoch=*.pt"))
        if not begun and folder.is_dir():
            shutil.rmtree(folder)  # a training that was ended before its first state
        shutil.rmtree(folder / PREPARED, ignore_errors=True)  # of a run that was killed, maybe of other settings
        overrides = {"output_dir": str(folder), "resume": begun, "deadline": time.time() + share}
        fold = {} if len(folders) == 1 else {"fold": number}
        finished = train(root, dataset, {**overrides, **fold}, listener=listener, wanted=wanted)
        shutil.rmtree(folder / PREPARED, ignore_errors=True)
        if not finished:
            return False
        (folder / FINISHED).touch()
    return True


def seconds_left(root: Path, minutes: float) -> float:
    """Seconds that the trainings of a bundle have left, of so many minutes for each."""
    left = 0.0
    for folder in _folders(root):
        if not (folder / FINISHED).exists():
            points = read_curve(folder / "curve.json") if (folder / "curve.json").is_file() else []
            left += max(60 * minutes - (points[-1].seconds if points else 0.0), 1.0)
    return left


def install_weights(root: Path) -> None:
    """Make the best weights of the training those of the bundle, with their checksum and the cases that they saw.

    Of several folds it is the mean of their networks. Raises `FileError` where no training has left weights.
    """
    found = [path for folder in _folders(root) if (path := folder / "model.pt").is_file()]
    if not found:
        raise FileError(f"The training of {root.name} has left no weights. Give it more minutes.")
    target = root / "models" / "model.pt"
    target.parent.mkdir(exist_ok=True)
    split, seen = read_json(root / "configs" / "split.json"), read_json(found[0].with_name("split.json"))
    if len(_folders(root)) > 1:
        target.unlink(missing_ok=True)
        join_weights(found, target)
        seen = read_json(target.with_name("split.json"))
        target.with_name("split.json").unlink()
        _set_copies(root, len(found))
    else:
        with atomic_path(target, overwrite=True) as temporary:
            shutil.copyfile(found[0], temporary)
    kept: dict[str, Any] = {key: seen[key] for key in ("before", "complete") if key in seen}
    write_json(root / "configs" / "split.json", {**split, **kept, "weights_sha256": [sha256(target)]})
    refresh_after(target)


def curve_of(root: Path) -> list[Point]:
    """The learning curve of the bundle's training; of several folds that of the first."""
    return next((read_curve(path) for folder in _folders(root) if (path := folder / "curve.json").is_file()), [])


def _folders(root: Path) -> Sequence[Path]:
    """The folder of each training."""
    folds = len(read_json(root / "configs" / "split.json").get("folds") or [])
    return [root / "runs" / name for name in ([f"fold{k}" for k in range(folds)] if folds > 1 else ["train"])]


def _set_copies(root: Path, copies: int) -> None:
    """Let inference.json and evaluate.json make the mean of so many networks of the kind that was trained."""
    network = read_settings(root / "configs" / "train.json")["network_def"]
    mean = {"_target_": "monai_attn.networks.NetworkMean", "network": network, "copies": copies}
    made = {"network_def": mean, "network": "$@network_def.to(@device)"}
    for path in (root / "configs" / f"{name}.json" for name in ("inference", "evaluate")):
        write_json(path, {**read_settings(path), **made})
