"""inference.json and evaluate.json of a learned bundle."""

from __future__ import annotations

from collections.abc import Sequence

from monai_attn.labels import LabelTable
from monai_attn.learn.configs.data import body, joined, joining, preprocessing
from monai_attn.learn.configs.parts import DEVICE, ROOT, TRANSFORMS, Config, cases, grid, inferer, network, provenance
from monai_attn.learn.plan import Plan

__all__ = ["evaluate_config", "inference_config"]

WEIGHTS = "$@bundle_root + '/models/model.pt'"


def inference_config(plan: Plan, table: LabelTable) -> Config:
    """inference.json, which makes masks."""
    streams = {**inferer(), "labels": {"_target_": f"{TRANSFORMS}SourceLabels"}}
    several = len(plan.normalisation) > 1
    return {
        "imports": ["$import torch"],
        "bundle_root": ROOT,
        "dataset_dir": "$@bundle_root + '/data'",
        "pattern": "*",
        "output_dir": "$@bundle_root + '/runs/inference'",
        "overwrite": False,
        "force": False,
        "weights": WEIGHTS,
        "device": DEVICE,
        "amp": False,
        "num_workers": 0,
        **grid(plan),
        "network_def": network(plan, table),
        "network": "$@network_def.to(@device)",
        "preprocessing": joined(preprocessing(plan, label=False), [*joining(plan), *body(plan, label=False)]),
        "inferer": streams,
        "postprocessing": {"_target_": "Compose", "transforms": [_on_source(), _saver()]},
        "checked_preprocessing": {
            "_target_": "monai_attn.preflight.CheckedImages",
            "preprocessing": "@preprocessing",
            "metadata": "@_meta_",
            "force": "@force",
            **({"keys": "@images"} if several else {}),
        },
        "dataset": {
            "_target_": "Dataset",
            "data": {
                "_target_": "monai_attn.cases.several_image_cases",
                "dataset_dir": "@dataset_dir",
                "images": "@images",
            }
            if several
            else {"_target_": "monai_attn.cases.inference_cases", "dataset_dir": "@dataset_dir", "pattern": "@pattern"},
            "transform": "$@checked_preprocessing",
        },
        **_evaluator([]),
    }


def evaluate_config(plan: Plan) -> Config:
    """evaluate.json, laid over train.json or inference.json: it scores the cases that the weights never saw."""
    return {
        "split_file": "$@bundle_root + '/configs/split.json'",
        "output_dir": "$@bundle_root + '/runs/evaluate'",
        "overwrite": False,
        "part": "all",
        "include_seen": False,
        "weights": WEIGHTS,
        "amp": False,
        "preprocessing": joined(preprocessing(plan, label=False), [*joining(plan), *body(plan, label=False)]),
        "dataset": {
            "_target_": "Dataset",
            "data": {
                "_target_": "monai_attn.cases.unseen_of",
                "cases": cases("@part"),
                "weights": "@weights",
                "include_seen": "@include_seen",
            },
            "transform": "@preprocessing",
        },
        "postprocessing": {"_target_": "Compose", "transforms": [_on_source()]},
        **_evaluator(
            [
                {
                    "_target_": "monai_attn.training.CaseScores",
                    "labels": "@_meta_::labels",
                    "output_dir": "@output_dir",
                    "overwrite": "@overwrite",
                    "weights": "@weights",
                    "provenance": provenance(),
                    "resample": True,
                }
            ]
        ),
    }


def _evaluator(handlers: Sequence[Config]) -> Config:
    """How inference.json and evaluate.json run the network over their data set."""
    return {
        "dataloader": {
            "_target_": "DataLoader",
            "dataset": "@dataset",
            "batch_size": 1,
            "shuffle": False,
            "num_workers": "@num_workers",
        },
        "checkpointloader": {
            "_target_": "CheckpointLoader",
            "load_path": "@weights",
            "load_dict": {"model": "@network"},
            "strict": True,
            "map_location": "@device",
        },
        "handlers": ["@checkpointloader", *handlers],
        "evaluator": {
            "_target_": "SupervisedEvaluator",
            "device": "@device",
            "val_data_loader": "@dataloader",
            "network": "@network",
            "inferer": "@inferer",
            "postprocessing": "@postprocessing",
            "val_handlers": "@handlers",
            "amp": "@amp",
        },
        "initialize": [{"_target_": "monai_attn.bundle.guard.check", "weights": "@weights"}],
        "run": ["$@evaluator.run()"],
    }


def _on_source() -> Config:
    return {"_target_": f"{TRANSFORMS}LabelsOnSourced", "keys": "pred", "orig_keys": "image"}


def _saver() -> Config:
    return {
        "_target_": f"{TRANSFORMS}SaveSegmentationd",
        "keys": "pred",
        "source_key": "image",
        "output_dir": "@output_dir",
        "postfix": "seg",
        "overwrite": "@overwrite",
        "provenance": provenance(),
        "warnings": {"_target_": "monai_attn.preflight.mask_warnings", "_mode_": "callable", "metadata": "@_meta_"},
    }
