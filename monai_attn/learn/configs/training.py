"""train.json and multi_gpu_train.json of a learned bundle."""

from __future__ import annotations

from collections.abc import Sequence

from monai_attn.labels import LabelTable
from monai_attn.learn.configs.data import augmentation, body, joining, preprocessing
from monai_attn.learn.configs.loops import train_part, validate_part
from monai_attn.learn.configs.parts import DEVICE, ROOT, TRANSFORMS, Config, cases, grid, inferer, network
from monai_attn.learn.plan import Plan

__all__ = ["multi_gpu_config", "train_config"]

NETWORK = "transfer_weights(begin_with_background(@network_def, @background), @initial_weights, prefix=@initial_prefix)"
"""The network at the start of a training."""


def train_config(plan: Plan, table: LabelTable) -> Config:
    """train.json, which `python -m monai.bundle run` runs by itself."""
    return {
        "imports": [
            "$import ignite",
            "$import torch",
            "$from monai_attn.cases import begin_record",
            "$from monai_attn.training import begin_with_background",
            "$from monai_attn.training import continue_average",
            "$from monai_attn.training import transfer_weights",
        ],
        "bundle_root": ROOT,
        "dataset_dir": "$@bundle_root + '/data'",
        "split_file": "$@bundle_root + '/configs/split.json'",
        "fold": None,
        "output_dir": "$@bundle_root + '/runs/train'",
        "resume": False,
        "initial_weights": None,
        "initial_prefix": "",
        "device": DEVICE,
        "rank": 0,
        "seed": 20261128,
        "minutes": round(plan.minutes, 3),
        "deadline": None,
        "max_steps": None,
        "epoch_steps": plan.epoch_steps,
        "max_epochs": 100000,
        "val_interval": plan.validation_epochs,
        "val_limit": plan.validation_cases,
        "val_overlap": 0.25,
        "save_interval": 1,
        "batch_size": plan.batch,
        "learning_rate": plan.learning_rate,
        "head_rate": plan.head_rate,
        "background": plan.background,
        "weight_decay": 0.01,
        "ema_momentum": plan.average,
        "num_workers": 0,
        "amp": True,
        "tensorboard": False,
        **grid(plan),
        "train_cases": cases("train"),
        "val_cases": {**cases("validation"), "limit": "@val_limit"},
        "network_def": network(plan, table),
        "network": f"${NETWORK}.to(@device, memory_format=torch.channels_last_3d)",
        "loss": _loss(plan),
        "optimizer": _optimizer(),
        "schedule": {
            "_target_": "monai_attn.training.TimedSchedule",
            "optimizer": "@optimizer",
            "minutes": "@minutes",
            "deadline": "@deadline",
            "steps": "@max_steps",
            "reserve": round(plan.validation_cases * (plan.case_seconds or 0.0), 2),
        },
        "ema": {
            "_target_": "ignite.handlers.EMAHandler",
            "model": "@network",
            "momentum": "@ema_momentum",
            "momentum_warmup": 0.2,
            "warmup_iters": max(round(2 / plan.average), 1),
        },
        "inferer": inferer(),
        "preprocessing": preprocessing(plan, label=True),
        "joining": joining(plan),
        "body": body(plan, label=True),
        "storing": [
            {"_target_": "CastToTyped", "keys": ["image", "label"], "dtype": ["$torch.float16", _whole(table)]},
            {"_target_": f"{TRANSFORMS}LabelPlacesd", "key": "label"},
            {"_target_": "SelectItemsd", "keys": ["image", "label", "places", "drawn"]},
        ],
        "augmentation": augmentation(plan),
        "train": train_part(plan),
        "dice": {
            "_target_": "monai_attn.training.DrawnDice",
            "classes": len(table) + 1,
            "names": {str(label.value): label.name for label in table},
        },
        "validate": validate_part(),
        "split_record": {
            "_target_": "monai_attn.cases.training_record",
            "train": "@train_cases",
            "validation": "@val_cases",
            "initial_weights": "@initial_weights",
        },
        "curve": {
            "_target_": "monai_attn.training.LearningCurve",
            "folder": "@output_dir",
            "schedule": "@schedule",
            "dice": "@dice",
            "resume": "@resume",
            "enabled": "$@rank == 0",
        },
        "best_weights": {
            "_target_": "monai_attn.training.BestWeights",
            "network": "$@ema.ema_model",
            "folder": "@output_dir",
            "metric": "mean_dice",
            "resume": "@resume",
            "enabled": "$@rank == 0",
            "split": "@split_record",
        },
        **_checkpoints(),
        "initialize": [{"_target_": "monai_attn.bundle.guard.check"}],
        "run": [
            "@checkpoint",
            "$monai.utils.set_determinism(seed=@seed + @rank)",
            "$begin_record(@split_record, @output_dir, resume=@resume) if @rank == 0 else None",
            "$@ema.attach(@train::trainer, event=ignite.engine.Events.ITERATION_COMPLETED)",
            "$@schedule.watch(@validate::evaluator)",
            "$@curve.watch(@validate::evaluator)",
            "$@checkpoint_saver.attach(@train::trainer) if @rank == 0 else None",
            "$@checkpoint_loader.attach(@train::trainer) if @resume else None",
            "$continue_average(@ema, @train::trainer)",
            "$@train::trainer.run()",
            "$None if @schedule.stopped else @validate::evaluator.run(@train::trainer.state.epoch)",
            "$@best_weights.finish()",
        ],
    }


def multi_gpu_config() -> Config:
    """multi_gpu_train.json, which is laid over train.json under `torchrun`."""
    return {
        "+imports": ["$import os", "$import torch.distributed as dist"],
        "backend": "$'nccl' if torch.cuda.is_available() else 'gloo'",
        "rank": "$dist.get_rank()",
        "device": "$torch.device('cuda', int(os.environ['LOCAL_RANK'])) if @backend == 'nccl' else torch.device('cpu')",
        "network": {
            "_target_": "torch.nn.parallel.DistributedDataParallel",
            "module": f"${NETWORK}.to(@device)",
            "device_ids": "$[@device] if @backend == 'nccl' else None",
        },
        "validate::sampler": {
            "_target_": "DistributedSampler",
            "dataset": "@validate::dataset",
            "even_divisible": "$len(@val_cases) < dist.get_world_size()",
            "shuffle": False,
        },
        "validate::dataloader::sampler": "@validate::sampler",
        "initialize": [
            {"_target_": "monai_attn.bundle.guard.check"},
            {"_target_": "monai_attn.training.start_process", "backend": "@backend"},
        ],
        "finalize": ["$dist.destroy_process_group()"],
    }


def _whole(table: LabelTable) -> str:
    """The type in which labels are kept in memory: a byte holds 255 structures."""
    return "$torch.uint8" if len(table) < 256 else "$torch.int16"


def _loss(plan: Plan) -> Config:
    return {
        "_target_": "monai_attn.losses.SoftmaxDiceFocalLoss",
        "gamma": 1.0,
        "batch": True,
        "present": True,
        "class_weights": None if plan.class_weights is None else list(plan.class_weights),
        "level_strides": _level_strides(plan.strides),
    }


def _level_strides(strides: Sequence[Sequence[int]]) -> list[list[int]]:
    """How much coarser than the image the decoder's levels are, along each axis, finest first."""
    levels: list[list[int]] = [[1, 1, 1]]
    for stride in strides[:-1]:  # the deepest level has no output of its own
        levels.append([whole * step for whole, step in zip(levels[-1], stride, strict=True)])
    return levels


def _optimizer() -> Config:
    return {
        "_target_": "monai_attn.training.MuonAdamW",
        "params": "$@network.parameters()",
        "lr": "@learning_rate",
        "adamw_lr": "@head_rate",
        "weight_decay": "@weight_decay",
    }


def _checkpoints() -> Config:
    """Saving the state of a run after each epoch, and going on from the newest state."""
    return {
        "checkpoint": {"_target_": "monai_attn.training.start_from", "folder": "@output_dir", "resume": "@resume"},
        "checkpoint_state": {
            "model": "$@ema.ema_model",
            "network": "@network",
            "optimizer": "@optimizer",
            "schedule": "@schedule",
            "trainer": "@train::trainer",
        },
        "checkpoint_loader": {
            "_target_": "CheckpointLoader",
            "_disabled_": "$not @resume",
            "load_path": "@checkpoint",
            "load_dict": "@checkpoint_state",
            "strict": True,
            "map_location": "@device",
        },
        "checkpoint_saver": {
            "_target_": "CheckpointSaver",
            "save_dir": "@output_dir",
            "save_dict": "@checkpoint_state",
            "save_interval": "@save_interval",
            "n_saved": 2,
            "epoch_level": True,
            "file_prefix": "state",
        },
    }
