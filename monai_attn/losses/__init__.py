"""Losses against class imbalance. Know nothing of files."""

from monai_attn.losses.dice_focal import SoftmaxDiceFocalLoss, softmax_focal

__all__ = ["SoftmaxDiceFocalLoss", "softmax_focal"]
