"""A normalisation that looks at one voxel at a time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from monai.networks.layers.factories import Norm
from torch import Tensor, nn

__all__ = ["VoxelNorm"]


class VoxelNorm(nn.Module):
    """Layer normalisation over the channels of each voxel, as in ConvNeXt (Liu et al. 2022, arXiv 2201.03545).

    `(N, num_features, *spatial)` to the same shape; `norm="voxel"` in a network.

    Instance normalisation takes its means over the window. What becomes of a voxel then depends on all other voxels of
    the window, on the window's size, and on how much of the window is padding. A tumour that fills the window dims its
    own signal. Batch normalisation does the same in training, and uses other means after it, which do not fit where
    images are missing. This normalisation looks at no other voxel.

    >>> import torch
    >>> VoxelNorm(2)(torch.tensor([[[1.0], [3.0]]])).flatten().round().tolist()
    [-1.0, 1.0]
    """

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Each voxel's channels with mean 0 and variance 1, scaled and shifted for each channel; in the type of `x`."""
        wide = x.to(self.weight.dtype)  # float32, also under autocast
        if self.training and x.device.type == "cpu":  # torch's own is faster there, backwards above all
            last = F.layer_norm(wide.movedim(1, -1), [x.shape[1]], self.weight, self.bias, self.eps)
            return last.movedim(-1, 1).to(x.dtype)
        # Spelt out: torch's layer_norm wants the channels last, and moving them there and back costs OpenVINO
        # as much as the convolutions.
        centred = wide - wide.mean(dim=1, keepdim=True)
        normal = centred * torch.rsqrt(centred.square().mean(dim=1, keepdim=True) + self.eps)
        per_channel = [1, -1] + [1] * (x.dim() - 2)
        return (normal * self.weight.view(per_channel) + self.bias.view(per_channel)).to(x.dtype)


Norm.add_factory_class("voxel", VoxelNorm, "Layer normalisation over the channels of each voxel")
