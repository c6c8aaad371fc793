"""The two loops of train.json: over the training cases, and over the validation cases."""

from __future__ import annotations

from monai_attn.learn.configs.parts import Config, compose, inferer
from monai_attn.learn.plan import Plan

__all__ = ["PREPARED", "train_part", "validate_part"]

PREPARED = "prepared"
"""The folder of prepared cases in that of a training; it is removed when the training is over."""


def train_part(plan: Plan) -> Config:
    """The section "train" of train.json: data set, random windows, handlers and trainer."""
    return {
        "preprocessing": compose("$[*@preprocessing.transforms, *@joining, *@body, *@storing, *@augmentation]"),
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


def validate_part() -> Config:
    """The section "validate" of train.json: data set, sliding window, score and evaluator."""
    return {
        "preprocessing": compose("$[*@preprocessing.transforms, *@joining, *@body]"),
        "dataset": _cached("@val_cases", "@validate::preprocessing"),
        "dataloader": {"_target_": "DataLoader", "dataset": "@validate::dataset", "batch_size": 1, "num_workers": 0},
        "inferer": {
            "_target_": "monai_attn.inferers.CPUAutocastInferer",
            "inferer": inferer("@val_overlap"),
            "enabled": "@amp",
        },
        "postprocessing": compose([{"_target_": "AsDiscreted", "keys": "pred", "argmax": True}]),
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
