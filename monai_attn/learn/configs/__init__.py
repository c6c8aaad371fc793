"""The configs of the bundle that a plan becomes: train.json, inference.json, evaluate.json, multi_gpu_train.json.

Each function gives one part of a config. The shipped bundles are the examples that are followed; the parts stand in the
same order there.
"""

from __future__ import annotations

from monai_attn.learn.configs.inference import evaluate_config, inference_config
from monai_attn.learn.configs.loops import PREPARED
from monai_attn.learn.configs.training import multi_gpu_config, train_config

__all__ = ["PREPARED", "evaluate_config", "inference_config", "multi_gpu_config", "train_config"]
