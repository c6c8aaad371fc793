"""One training of the study of attention, its scores on unseen cases, and where both are kept.

A run is the bundle's own train.json under `monai.bundle run`, with a file of overrides that stays beside it. A run that
is done is not done again, and one that was stopped goes on from its last saved state.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attention_table import DATA, NEVER, Data

from monai_attn.bundle import find_bundle


@dataclass(frozen=True)
class Run:
    """One training: which data set, budget, network and seed, and the folder of all runs."""

    data: str
    budget: str
    variant: str
    seed: int
    runs: Path

    @property
    def what(self) -> Data:
        return DATA[self.data]

    @property
    def folder(self) -> Path:
        return self.runs / self.data / self.budget / f"{self.variant}_{self.seed}"

    @property
    def weights(self) -> Path:
        return self.folder / "model.pt"

    @property
    def title(self) -> str:
        return f"{self.data}, {self.budget}, {self.variant}, seed {self.seed}"

    def scene(self, name: str) -> Path:
        """The folder of the scores and label maps of one kind of images: "clean", or disturbed ones."""
        return self.folder / name.replace(" ", "_")

    def about(self) -> dict[str, Any]:
        """What is known of the training: commit, hardware, minutes, steps."""
        return dict(json.loads((self.folder / "about.json").read_text(encoding="utf-8")))


def train(run: Run, root: Path, commit: str) -> None:
    """Train, unless that was done."""
    if (run.folder / "about.json").exists():
        return
    run.folder.mkdir(parents=True, exist_ok=True)
    options = {
        "dataset_dir": str(run.what.cases(root)),
        "output_dir": str(run.folder),
        "seed": run.seed,
        "tensorboard": False,
        "val_interval": NEVER,
        "resume": any(run.folder.glob("state_*.pt")),
        "network_def": run.what.network(run.variant),
        **run.what.train[run.budget],
    }
    spent = run.folder / "spent.json"
    before = json.loads(spent.read_text()) if spent.exists() else {"minutes": 0.0, "cpu_minutes": 0.0, "processes": 0}
    wall, cpu = time.monotonic(), children_seconds()
    try:
        bundle_run(run, ["train"], options, "train")
    finally:
        before["minutes"] += (time.monotonic() - wall) / 60
        before["cpu_minutes"] += (children_seconds() - cpu) / 60
        before["processes"] += 1
        spent.write_text(json.dumps(before), encoding="utf-8")
    about = {"commit": commit, "hardware": hardware(), "steps": steps_of(run), **before}
    (run.folder / "about.json").write_text(json.dumps(about, indent=1), encoding="utf-8")


def evaluate(run: Run, root: Path, scene: str = "clean") -> None:
    """Score the cases that the training never saw and keep their label maps, unless that was done."""
    folder = run.scene(scene)
    if (folder / "scores.csv").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    options = {
        "dataset_dir": str(run.what.cases(root)),
        **segmenting(run, folder),
        **({} if scene == "clean" else run.what.scenes[scene]),
    }
    bundle_run(run, ["train", "evaluate"], options, f"evaluate_{scene}")


def segment_without(run: Run, root: Path) -> None:
    """Segment the scans that lack the structure, unless that was done."""
    for name, (image, file) in run.what.without.items():
        folder = run.scene("without")
        if not (folder / f"{name}_seg.nii.gz").exists():
            folder.mkdir(parents=True, exist_ok=True)
            options = {
                **segmenting(run, folder),
                "images": [image],
                "dataset::data": [{"case": name, image: str((root / file).resolve())}],
                "handlers": ["@checkpointloader"],
            }
            bundle_run(run, ["train", "evaluate"], options, f"without_{name}")


def segmenting(run: Run, folder: Path) -> dict[str, Any]:
    """The overrides of evaluate.json: these weights, and the label maps written into a folder."""
    back = {"_target_": "monai_attn.transforms.LabelsOnSourced", "keys": "pred", "orig_keys": "image"}
    save = {"_target_": "monai_attn.transforms.SaveSegmentationd", "keys": "pred", "output_dir": str(folder)}
    return {
        "output_dir": str(folder),
        "weights": str(run.weights),
        "network_def": run.what.network(run.variant),
        "postprocessing::transforms": [back, save],
        **(run.what.evaluate if run.budget == "small" else {}),
    }


def bundle_run(run: Run, configs: list[str], options: dict[str, Any], name: str) -> None:
    """`monai.bundle run` with the bundle's configs and a file of overrides, on one thread unless more are asked for.

    Raises `SystemExit` with the exit code and the last line of the log when the run fails.
    """
    root = find_bundle(run.what.bundle).resolve()
    overrides = run.folder / f"{name.replace(' ', '_')}.json"
    overrides.write_text(json.dumps(options, indent=1), encoding="utf-8")
    files = [str(root / "configs" / f"{one}.json") for one in configs]
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "monai.bundle",
        "run",
        "--config_file",
        str([*files, str(overrides)]),
    ]
    command += ["--bundle_root", str(root), "--meta_file", str(root / "configs" / "metadata.json")]
    threads = os.environ.get("OMP_NUM_THREADS", "1")
    log = overrides.with_suffix(".log")
    with log.open("a", encoding="utf-8") as stream:
        done = subprocess.run(
            command, stdout=stream, stderr=stream, env={**os.environ, "OMP_NUM_THREADS": threads}, check=False
        )
    if done.returncode:
        last = log.read_text(encoding="utf-8").strip().splitlines()[-1]
        raise SystemExit(f"{run.title}: {name} ended with exit code {done.returncode}. {last}")


def steps_of(run: Run) -> int:
    """How many optimiser steps a run has behind it, by its learning curve or its last state; 0 where none was saved.

    A training by steps may end within an epoch, whose state is not saved.
    """
    import torch

    curve = run.folder / "curve.json"
    if curve.exists():
        return int(json.loads(curve.read_text(encoding="utf-8"))[-1]["step"])

    found = {int(path.stem.rpartition("=")[2]): path for path in run.folder.glob("state_checkpoint_epoch=*.pt")}
    if not found:
        return 0
    state = torch.load(found[max(found)], map_location="cpu", weights_only=True)
    return int(state["trainer"]["iteration"])


def clear_states(run: Run) -> None:
    """Remove the saved states of a run that is done; its weights stay."""
    for path in run.folder.glob("state_checkpoint_epoch=*.pt"):
        path.unlink()


def children_seconds() -> float:
    """CPU seconds (user and system) of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def hardware() -> str:
    """The processor's name and the number of threads."""
    model = ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{model or 'unknown processor'}; {os.environ.get('OMP_NUM_THREADS', '1')} thread"
