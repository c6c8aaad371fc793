"""What all networks of the family share: padding, cropping, deep supervision, attention maps."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from monai_attn.networks.blocks import crop_to, pad_to_multiple, to_grid_of
from monai_attn.networks.encoder import Levels
from monai_attn.networks.maps import predict_with_maps

__all__ = ["SkipNetwork"]


class SkipNetwork(nn.Module):
    """A network with skip connections that takes images of any spatial size; see `AttnUNet`.

    A subclass builds its layers and computes the outputs of its decoder levels. This class pads the image before, and
    brings the outputs back to the grid of the image.
    """

    def __init__(self, levels: Levels, *, deep_supervision: bool, timed: bool = False) -> None:
        super().__init__()
        self.timed = timed
        self.dims = levels.spatial_dims + 2 + int(timed)
        self.multiple = levels.multiple
        self.smallest = levels.smallest
        self.deep_supervision = deep_supervision

    def single_frames(self, x: Tensor) -> Tensor:
        """The images of a sequence one after the other, `(N * T, C, *spatial)`; a lone image as it is.

        Raises `ValueError` (TorchScript has no other errors) where the axis of time is missing.
        """
        if not self.timed:
            return x
        if x.dim() != self.dims:
            raise ValueError(f"A sequence has {self.dims} axes (N, T, C, then space), not {x.dim()}.")
        return x.flatten(0, 1)

    def in_time(self, outputs: Tensor | list[Tensor], x: Tensor) -> Tensor | list[Tensor]:
        """The outputs with the axis of time that the input `x` has, `(N, T, C, *spatial)`."""
        if not self.timed:
            return outputs
        if isinstance(outputs, Tensor):
            return torch.unflatten(outputs, 0, (x.shape[0], x.shape[1]))
        return [torch.unflatten(output, 0, (x.shape[0], x.shape[1])) for output in outputs]

    def padded(self, x: Tensor) -> Tensor:
        """The image, padded at its far borders by repetition to a size that the strides divide."""
        return pad_to_multiple(x, self.multiple, self.smallest)

    def on_grid(self, x: Tensor, padded: Tensor, outputs: list[Tensor]) -> Tensor | list[Tensor]:
        """The outputs of the decoder levels, finest first, on the grid of the image `x`.

        In training with deep supervision these are all outputs, in a list; otherwise it is the finest output alone.
        """
        if self.training and self.deep_supervision:
            return [to_grid_of(x, output, padded) for output in outputs]
        return crop_to(outputs[0], x)

    def attention_maps(self, x: Tensor) -> list[Tensor]:
        """What each attention let through, finest level first: `(N, 1, *spatial)` on the image's grid, in [0, 1]."""
        return predict_with_maps(self, x)[1]
