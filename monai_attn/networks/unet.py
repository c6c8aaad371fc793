"""The attention U-Net: an encoder, a decoder, and attention on every skip connection between them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.layers.factories import Conv
from torch import Tensor, nn

from monai_attn.errors import InputError
from monai_attn.networks.attention import SkipAttention
from monai_attn.networks.blocks import UPSAMPLE, ConvStack, LayerSpec
from monai_attn.networks.choices import AttentionChoice, attention_per_level
from monai_attn.networks.encoder import LevelEncoder, Levels
from monai_attn.networks.family import SkipNetwork
from monai_attn.networks.temporal import temporal_of

__all__ = ["AttnUNet"]


class DecoderLevel(nn.Module):
    """One step up: attend to the skip connection, bring the coarse features to its grid, join both, convolve.

    It is no single call, since a call holds its arguments to its end. With 32 features in a window of 128^3 the skip
    takes 0.25 GiB, which is free while `block` convolves.
    """

    def __init__(self, attention: SkipAttention, up: nn.Module, block: ConvStack) -> None:
        super().__init__()
        self.attention = attention
        self.up = up
        self.block = block

    def joined(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """`(N, G, *spatial / stride)` and `(N, C, *spatial)` to what the block convolves, `(N, 2 * C, *spatial)`."""
        attended = self.attention(skip, coarse)
        del skip  # nobody else has it
        return torch.cat([attended, self.up(coarse)], dim=1)


class AttnUNet(SkipNetwork):
    """An encoder-decoder with attention on its skip connections, in 2-D or 3-D.

    `(N, in_channels, *spatial)` to logits `(N, out_channels, *spatial)`, for any spatial size: the image is padded at
    its far borders by repetition, and the logits are cropped back. In training with `deep_supervision` the output is a
    list. The finest output comes first, then the output of each coarser decoder level, all interpolated to the image's
    grid.

    - `channels`: the number of features on each level, finest first.
    - `strides`: the step from each level to the next, a number or one for each axis.
    - `kernel_sizes`: the kernel of each level, a number or one for each axis; 3 by default.
    - `attention`: a name from `ATTENTION`, or a factory `(spatial_dims, skip_channels, gating_channels, stride) ->
      SkipAttention`. A list has one of these for each skip connection, finest first.
    - `bottleneck`: "conv", or "aspp" as in DeepLab. `upsample`: "transposed" or "interpolated".
    - `presence`: how many of the last input channels say where an image was measured, 1 or 0 (`AlignImagesd`). Their
      means steer the features of the encoder, so that the network knows which images it has.
    - `temporal`: "none", or "attention" for sequences of images `(N, T, in_channels, *spatial)`. Their logits are
      `(N, T, out_channels, *spatial)`. The frames look at each other at the coarsest level (`TemporalAttention`).
    - `norm`, `act`: MONAI's layer names, and "voxel" for `VoxelNorm`.
    - `depth`: the number of convolutions in a block. `residual`: residual blocks. `dropout`: for whole channels.

    With `attention="none"` it is the U-Net of Ronneberger 2015 and Çiçek 2016. With "gate" it is the Attention U-Net of
    Oktay 2018 (arXiv 1804.03999), with strided convolutions in place of max pooling. Raises `InputError` for arguments
    that do not fit together.

    >>> import torch
    >>> network = AttnUNet(3, 1, 2, channels=[4, 8], strides=[2])
    >>> network(torch.zeros(1, 1, 9, 8, 7)).shape
    torch.Size([1, 2, 9, 8, 7])
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        *,
        channels: Sequence[int],
        strides: Sequence[int | Sequence[int]],
        kernel_sizes: Sequence[int | Sequence[int]] | None = None,
        attention: AttentionChoice | Sequence[AttentionChoice] = "gate",
        bottleneck: str = "conv",
        upsample: str = "transposed",
        norm: LayerSpec = ("instance", {"affine": True}),
        act: LayerSpec = ("leakyrelu", {"negative_slope": 0.01, "inplace": True}),
        depth: int = 2,
        residual: bool = False,
        dropout: float = 0.0,
        bias: bool = False,
        presence: int = 0,
        temporal: str = "none",
        deep_supervision: bool = False,
    ) -> None:
        if upsample not in UPSAMPLE:
            raise InputError(f"Unknown upsample {upsample!r}. Choose one of {', '.join(UPSAMPLE)}.")
        levels = Levels(
            spatial_dims=spatial_dims,
            channels=channels,
            strides=strides,
            kernel_sizes=kernel_sizes,
            norm=norm,
            act=act,
            depth=depth,
            residual=residual,
            dropout=dropout,
            bias=bias,
        )
        super().__init__(levels, deep_supervision=deep_supervision, timed=temporal != "none")
        attentions = attention_per_level(attention, spatial_dims, channels[:-1], channels[1:], levels.steps)
        self.encoder = LevelEncoder(levels, in_channels, bottleneck=bottleneck, presence=presence)
        self.temporal = temporal_of(temporal, channels[-1])
        self.decoder = nn.ModuleList()  # coarsest first, the order in which they run
        self.heads = nn.ModuleList()  # likewise; without deep supervision only the finest level has one
        for level in reversed(range(len(levels.steps))):
            up = UPSAMPLE[upsample](spatial_dims, channels[level + 1], channels[level], levels.steps[level])
            self.decoder.append(DecoderLevel(attentions[level], up, levels.block(level, 2 * channels[level])))
            has_head = level == 0 or deep_supervision
            self.heads.append(
                Conv["conv", spatial_dims](channels[level], out_channels, kernel_size=1) if has_head else nn.Identity()
            )

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        """Logits `(N, out_channels, *spatial)`; a list of them, finest first, in training with deep supervision.

        With `temporal="attention"` the image and the logits have the axis of time after the first.
        """
        images = self.single_frames(x)
        padded = self.padded(images)
        features = self.encoder(padded)
        coarse = self.temporal(features.pop(), x.shape[1] if self.timed else 1)
        outputs: list[Tensor] = []
        for index, (level, head) in enumerate(zip(self.decoder, self.heads)):  # noqa: B905 - TorchScript has no strict
            coarse = level.block(level.joined(coarse, features.pop()))  # type: ignore[operator]
            if index == len(self.decoder) - 1 or (self.training and self.deep_supervision):
                outputs.insert(0, head(coarse))
        return self.in_time(self.on_grid(images, padded, outputs), x)
