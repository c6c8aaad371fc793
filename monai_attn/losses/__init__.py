"""Losses against class imbalance, also for partly labelled cases. Know nothing of files."""

from monai_attn.losses.dice_focal import SoftmaxDiceFocalLoss, softmax_focal
from monai_attn.losses.partly_labelled import merge_undrawn

__all__ = ["SoftmaxDiceFocalLoss", "merge_undrawn", "softmax_focal"]
