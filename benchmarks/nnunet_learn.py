"""nnU-Net's own training for `learn.py`, within MINUTES. Run by that script with a Python that has nnunetv2 2.8.

The trainer is `nnUNetTrainer` as it is, but for the number of epochs. After the first steps this number is set so that
the training, with nnU-Net's learning-rate schedule, ends when the minutes are over.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import torch
from nnunetv2.experiment_planning.plan_and_preprocess_api import extract_fingerprints, plan_experiments, preprocess
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

DATASET = 901

NAME = "Dataset901_benchmark"

WARM = 3
"""Steps by which the time of a step is measured."""


class TimedTrainer(nnUNetTrainer):
    """nnU-Net's trainer whose epochs, of 10 steps each, fit into the minutes."""

    def on_train_start(self) -> None:
        """Measure a few steps, and set the number of epochs."""
        began = time.monotonic()
        super().on_train_start()
        self.num_iterations_per_epoch, self.num_val_iterations_per_epoch = 10, 1
        start = time.monotonic()
        for _ in range(WARM):
            self.train_step(next(self.dataloader_train))
        step = (time.monotonic() - start) / WARM
        left = 60 * float(os.environ["MINUTES"]) - (time.monotonic() - began)
        self.num_epochs = max(int(left / (step * 10.5)), 1)
        self.lr_scheduler.max_steps = self.num_epochs


def main() -> None:
    extract_fingerprints([DATASET])
    plan_experiments([DATASET])
    preprocess([DATASET], configurations=("3d_fullres",), num_processes=(2,))
    done = Path(nnUNet_preprocessed) / NAME
    (done / "splits_final.json").write_text(os.environ["SPLITS"])
    plans = {**json.loads((done / "nnUNetPlans.json").read_text()), "continue_training": False}
    about = json.loads((done / "dataset.json").read_text())
    trainer = TimedTrainer(plans, "3d_fullres", 0, about, device=torch.device("cpu"))
    trainer.run_training()
    trainer.set_deep_supervision_enabled(False)
    predictor = nnUNetPredictor(use_mirroring=False, device=torch.device("cpu"), allow_tqdm=False)
    predictor.manual_initialization(
        trainer.network, trainer.plans_manager, trainer.configuration_manager, [trainer.network.state_dict()],
        trainer.dataset_json, nnUNetTrainer.__name__, trainer.inference_allowed_mirroring_axes,
    )  # fmt: skip
    raw = Path(nnUNet_raw)
    predictor.predict_from_files(
        str(raw / NAME / "imagesTs"), str(raw.parent / "predicted"), num_processes_preprocessing=1,
        num_processes_segmentation_export=1,
    )  # fmt: skip


if __name__ == "__main__":
    main()
