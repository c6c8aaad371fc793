"""The configs of the bundle that a plan becomes: train.json, inference.json, evaluate.json, multi_gpu_train.json.

Each function gives one part of a config. The shipped bundles are the examples that are followed; the parts stand in the
same order there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from monai_attn.labels import LabelTable
from monai_attn.learn.plan import Plan

__all__ = ["PREPARED", "evaluate_config", "inference_config", "multi_gpu_config", "train_config"]

Config = dict[str, Any]

TRANSFORMS = "monai_attn.transforms."

PREPARED = "prepared"
"""The folder of prepared cases in that of a training; it is removed when the training is over."""

WEIGHTS = "$@bundle_root + '/models/model.pt'"

BODY_HU = -400.0
"""Voxels of a CT above this value belong to the body, or to the table."""

DEVICE = "$torch.device('cuda' if torch.cuda.is_available() else 'cpu')"

NETWORK = "transfer_weights(begin_with_background(@network_def, @background), @initial_weights, prefix=@initial_prefix)"
"""The network at the start of a training."""

ROOT = {"_target_": "monai_attn.bundle.guard.bundle_root"}


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
        **_grid(plan),
        "train_cases": _cases("train"),
        "val_cases": {**_cases("validation"), "limit": "@val_limit"},
        "network_def": _network(plan, table),
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
        "inferer": _inferer(plan),
        "preprocessing": _preprocessing(plan, label=True),
        "joining": _joining(plan),
        "body": _body(plan),
        "storing": [
            {"_target_": "CastToTyped", "keys": ["image", "label"], "dtype": ["$torch.float16", "$torch.uint8"]},
            {"_target_": f"{TRANSFORMS}LabelPlacesd", "key": "label"},
            {"_target_": "SelectItemsd", "keys": ["image", "label", "places", "drawn"]},
        ],
        "augmentation": _augmentation(plan),
        "train": _train(plan),
        "dice": {
            "_target_": "monai_attn.training.DrawnDice",
            "classes": len(table) + 1,
            "names": {str(label.value): label.name for label in table},
        },
        "validate": _validate(),
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


def inference_config(plan: Plan, table: LabelTable) -> Config:
    """inference.json, which makes masks."""
    streams = {**_inferer(plan), "labels": {"_target_": f"{TRANSFORMS}SourceLabels"}}
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
        **_grid(plan),
        "network_def": _network(plan, table),
        "network": "$@network_def.to(@device)",
        "preprocessing": _joined(_preprocessing(plan, label=False), _joining(plan)),
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
        "include_seen": False,
        "weights": WEIGHTS,
        "amp": False,
        "preprocessing": _joined(_preprocessing(plan, label=False), _joining(plan)),
        "dataset": {
            "_target_": "Dataset",
            "data": {
                "_target_": "monai_attn.cases.unseen_of",
                "cases": _cases("all"),
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
                    "provenance": _provenance(),
                    "resample": True,
                }
            ]
        ),
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


def _grid(plan: Plan) -> Config:
    several = {"images": [one.image for one in plan.normalisation]} if len(plan.normalisation) > 1 else {}
    return {**several, "pixdim": list(plan.spacing_mm), "roi_size": list(plan.window), "overlap": plan.overlap}


def _cases(part: str) -> Config:
    named = {} if part == "all" else {"fold": "@fold"}
    places = {"dataset_dir": "@dataset_dir", "split_file": "@split_file", "part": part}
    return {"_target_": "monai_attn.learn.part_cases", **places, **named}


def _network(plan: Plan, table: LabelTable) -> Config:
    images = len(plan.normalisation)
    several = images > 1
    network = {
        "_target_": "monai_attn.networks.AttnUNet",
        "spatial_dims": 3,
        "in_channels": 2 * images if several else 1,
        "out_channels": len(table) + 1,
        "channels": list(plan.channels),
        "strides": [_short(stride) for stride in plan.strides],
        "kernel_sizes": [_short(kernel) for kernel in plan.kernels],
        "attention": "gate",
        "norm": plan.norm,
        "bias": plan.bias,
        "deep_supervision": plan.deep_supervision,
    }
    return {**network, "presence": images} if several else network


def _short(numbers: Sequence[int]) -> int | list[int]:
    """One number where all are the same."""
    return numbers[0] if len(set(numbers)) == 1 else list(numbers)


def _loss(plan: Plan) -> Config:
    weights = {} if plan.class_weights is None else {"class_weights": list(plan.class_weights)}
    return {
        "_target_": "monai_attn.losses.SoftmaxDiceFocalLoss",
        "gamma": 1.0,
        "batch": True,
        "present": True,
        **weights,
    }


def _optimizer() -> Config:
    return {
        "_target_": "monai_attn.training.MuonAdamW",
        "params": "$@network.parameters()",
        "lr": "@learning_rate",
        "adamw_lr": "@head_rate",
        "weight_decay": "@weight_decay",
    }


def _inferer(plan: Plan, overlap: str = "@overlap") -> Config:
    del plan
    return {
        "_target_": "monai_attn.inferers.StreamingInferer",
        "roi_size": "@roi_size",
        "sw_batch_size": 2,
        "overlap": overlap,
        "mode": "gaussian",
        "padding_mode": "replicate",
    }


def _preprocessing(plan: Plan, *, label: bool) -> Config:
    """From files to the network's grid and values. Several images meet on the grid of the first."""
    names = [one.image for one in plan.normalisation]
    steps = [step for one in plan.normalisation for step in one.transforms]
    if len(names) > 1:
        steps = [{**step, "allow_missing_keys": True} for step in steps]
        load = {"_target_": f"{TRANSFORMS}LoadVolumed", "keys": [*names, "label"] if label else "@images"}
        loaded = {**load, "ensure_channel_first": True, "allow_missing_keys": True}
        align = {"_target_": f"{TRANSFORMS}AlignImagesd", "keys": names, "pixdim": "@pixdim"}
        match = {"_target_": "ResampleToMatchd", "keys": "label", "key_dst": "image", "mode": "nearest"}
        return _compose([loaded, *steps, align, *([{**match, "padding_mode": "zeros"}] if label else [])])
    keys: Any = ["image", "label"] if label else "image"
    modes: Any = ["bilinear", "nearest"] if label else "bilinear"
    return _compose(
        [
            {"_target_": f"{TRANSFORMS}LoadVolumed", "keys": keys, "ensure_channel_first": True},
            {"_target_": "Orientationd", "keys": keys, "axcodes": "RAS", "labels": None},
            {"_target_": "Spacingd", "keys": keys, "pixdim": "@pixdim", "mode": modes},
            *[{**step, "keys": "image"} for step in steps],
        ]
    )


def _joining(plan: Plan) -> list[Config]:
    """Several images and the masks of where they were measured, as the channels of one image."""
    if len(plan.normalisation) == 1:
        return []
    return [{"_target_": "ConcatItemsd", "keys": ["image", "presence"], "name": "image"}]


def _body(plan: Plan) -> list[Config]:
    """Of a CT the box around the body: windows of the air around it teach nothing."""
    (first, *others) = plan.normalisation
    scale = first.transforms[0]
    if others or "a_min" not in scale or first.unit != "HU":
        return []
    share = (BODY_HU - scale["a_min"]) / (scale["a_max"] - scale["a_min"])
    least = round(scale["b_min"] + max(share, 0.0) * (scale["b_max"] - scale["b_min"]), 4)
    crop = {"_target_": "CropForegroundd", "keys": ["image", "label"], "source_key": "image", "margin": 4}
    return [{**crop, "select_fn": f"$lambda image: image > {least}", "allow_smaller": True}]


def _joined(preprocessing: Config, joining: Sequence[Config]) -> Config:
    return _compose([*preprocessing["transforms"], *joining])


def _augmentation(plan: Plan) -> list[Config]:
    """Random windows, and random changes of their grey values."""
    patch = {
        "_target_": f"{TRANSFORMS}RandPatchd",
        "spatial_size": "@roi_size",
        "pixdim": "@pixdim",
        "foreground": plan.foreground,
        "prob": 0.8,
        "zoom": list(plan.zoom),
        "rotate": list(plan.rotate),
        "mirror": list(plan.mirror),
        "pairs": [list(pair) for pair in plan.pairs] if 0 in plan.mirror else [],
    }
    sigmas = {f"sigma_{axis}": [0.4, 0.9] for axis in "xyz"}
    return [
        patch,
        {"_target_": "RandScaleIntensityd", "keys": "image", "prob": 0.3, "factors": 0.2},
        {"_target_": "RandShiftIntensityd", "keys": "image", "prob": 0.3, "offsets": 0.2},
        {"_target_": "RandGaussianNoised", "keys": "image", "prob": 0.15, "std": 0.1},
        {"_target_": "RandGaussianSmoothd", "keys": "image", "prob": 0.1, **sigmas},
        {"_target_": "RandSimulateLowResolutiond", "keys": "image", "prob": 0.1, "zoom_range": [0.5, 1.0]},
        {"_target_": "EnsureTyped", "keys": ["image", "label", "drawn"], "track_meta": False},
    ]


def _train(plan: Plan) -> Config:
    return {
        "preprocessing": _compose("$[*@preprocessing.transforms, *@joining, *@body, *@storing, *@augmentation]"),
        "dataset": _cached("@train_cases", "@train::preprocessing") if plan.in_memory else _kept_on_disk(),
        "sampler": {
            "_target_": "torch.utils.data.RandomSampler",
            "data_source": "@train::dataset",
            "num_samples": "$@epoch_steps * @batch_size",
        },
        "dataloader": {
            "_target_": "DataLoader",
            "dataset": "@train::dataset",
            "batch_size": "@batch_size",
            "sampler": "@train::sampler",
            "num_workers": "@num_workers",
        },
        "inferer": {"_target_": "monai_attn.inferers.CPUAutocastInferer", "enabled": "@amp"},
        "handlers": [
            {"_target_": "monai_attn.training.FiniteLoss"},
            {
                "_target_": "ValidationHandler",
                "validator": "@validate::evaluator",
                "epoch_level": True,
                "interval": "@val_interval",
            },
            {"_target_": "monai_attn.training.EpochLog", "_disabled_": "$@rank > 0"},
            _tensorboard(tag_name="train_loss", output_transform="$monai.handlers.from_engine('loss', first=True)"),
        ],
        "trainer": {
            "_target_": "SupervisedTrainer",
            "max_epochs": "@max_epochs",
            "device": "@device",
            "train_data_loader": "@train::dataloader",
            "network": "@network",
            "loss_function": "@loss",
            "optimizer": "@optimizer",
            "prepare_batch": {"_target_": "monai_attn.training.PrepareDrawn"},
            "inferer": "@train::inferer",
            "train_handlers": "$[@schedule, @curve] + @train::handlers",
            "amp": "$@amp and 'cuda' in str(@device)",
            "decollate": False,
        },
    }


def _validate() -> Config:
    return {
        "preprocessing": _compose("$[*@preprocessing.transforms, *@joining, *@body]"),
        "dataset": _cached("@val_cases", "@validate::preprocessing"),
        "dataloader": {"_target_": "DataLoader", "dataset": "@validate::dataset", "batch_size": 1, "num_workers": 0},
        "inferer": {
            "_target_": "monai_attn.inferers.CPUAutocastInferer",
            "inferer": _inferer_of_validation(),
            "enabled": "@amp",
        },
        "postprocessing": _compose([{"_target_": "AsDiscreted", "keys": "pred", "argmax": True}]),
        "key_metric": {"mean_dice": "@dice"},
        "handlers": [
            _tensorboard(),
            "@best_weights",
        ],
        "evaluator": {
            "_target_": "SupervisedEvaluator",
            "device": "@device",
            "val_data_loader": "@validate::dataloader",
            "network": "$@ema.ema_model",
            "inferer": "@validate::inferer",
            "postprocessing": "@validate::postprocessing",
            "key_val_metric": "@validate::key_metric",
            "val_handlers": "@validate::handlers",
            "amp": "$@amp and 'cuda' in str(@device)",
        },
    }


def _inferer_of_validation() -> Config:
    return {
        "_target_": "monai_attn.inferers.StreamingInferer",
        "roi_size": "@roi_size",
        "sw_batch_size": 2,
        "overlap": "@val_overlap",
        "mode": "gaussian",
        "padding_mode": "replicate",
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
        "provenance": _provenance(),
        "warnings": {"_target_": "monai_attn.preflight.mask_warnings", "_mode_": "callable", "metadata": "@_meta_"},
    }


def _provenance() -> Config:
    return {
        "_target_": "monai_attn.bundle.guard.provenance",
        "_mode_": "callable",
        "bundle_root": "@bundle_root",
        "weights": "@weights",
    }


def _cached(cases: str, transform: str) -> Config:
    settings = {"cache_rate": 1.0, "num_workers": 1, "progress": False}
    return {"_target_": "CacheDataset", "data": cases, "transform": transform, **settings}


def _kept_on_disk() -> Config:
    """Prepared training cases in the output folder, for data that do not fit into memory."""
    place = {"cache_dir": f"$@output_dir + '/{PREPARED}'"}
    return {"_target_": "PersistentDataset", "data": "@train_cases", "transform": "@train::preprocessing", **place}


def _tensorboard(**settings: str) -> Config:
    return {
        "_target_": "TensorBoardStatsHandler",
        "_disabled_": "$not @tensorboard or @rank > 0",
        "log_dir": "$@output_dir + '/tensorboard'",
        **settings,
        "iteration_log": False,
    }


def _compose(transforms: str | Sequence[Mapping[str, Any]]) -> Config:
    return {"_target_": "Compose", "transforms": transforms if isinstance(transforms, str) else list(transforms)}
