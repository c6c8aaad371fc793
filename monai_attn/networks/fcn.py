"""The fully convolutional network to compare with: class scores of each level, interpolated and summed."""

from __future__ import annotations

from collections.abc import Sequence

from monai.networks.layers.factories import Conv
from torch import Tensor, nn

from monai_attn.networks.attention import SkipAttention
from monai_attn.networks.blocks import InterpolatedUp, LayerSpec
from monai_attn.networks.choices import AttentionChoice, attention_per_level
from monai_attn.networks.encoder import LevelEncoder, Levels
from monai_attn.networks.family import SkipNetwork

__all__ = ["AttnFCN"]


class ScoreLevel(nn.Module):
    """One step up: attend to the encoder's features, score them, add the coarser scores."""

    def __init__(self, attention: SkipAttention, up: nn.Module, score: nn.Module) -> None:
        super().__init__()
        self.attention = attention
        self.up = up
        self.score = score

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """`(N, classes, *spatial / stride)` and `(N, C, *spatial)` to `(N, classes, *spatial)`."""
        scores: Tensor = self.up(coarse) + self.score(self.attention(skip, coarse))
        return scores


class AttnFCN(SkipNetwork):
    """The encoder of `AttnUNet` with the decoder of a fully convolutional network (Long, Shelhamer, Darrell 2015).

    Each level is scored by a 1x1 convolution. The coarser scores come up through a 1x1 convolution and linear
    interpolation, in place of the paper's transposed convolution, and are added. Arguments, shapes and deep supervision
    are those of `AttnUNet`. The coarser scores gate its attentions.

    >>> import torch
    >>> network = AttnFCN(3, 1, 2, channels=[4, 8], strides=[2])
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
        attention: AttentionChoice | Sequence[AttentionChoice] = "none",
        bottleneck: str = "conv",
        norm: LayerSpec = ("instance", {"affine": True}),
        act: LayerSpec = ("leakyrelu", {"negative_slope": 0.01, "inplace": True}),
        depth: int = 2,
        residual: bool = False,
        dropout: float = 0.0,
        bias: bool = False,
        deep_supervision: bool = False,
    ) -> None:
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
        super().__init__(levels, deep_supervision=deep_supervision)
        gating = [out_channels] * len(levels.steps)
        attentions = attention_per_level(attention, spatial_dims, channels[:-1], gating, levels.steps)
        self.encoder = LevelEncoder(levels, in_channels, bottleneck=bottleneck)
        self.score = Conv["conv", spatial_dims](channels[-1], out_channels, kernel_size=1)
        self.decoder = nn.ModuleList()  # coarsest first, the order in which they run
        for level in reversed(range(len(levels.steps))):
            up = InterpolatedUp(spatial_dims, out_channels, out_channels, levels.steps[level])
            score = Conv["conv", spatial_dims](channels[level], out_channels, kernel_size=1)
            self.decoder.append(ScoreLevel(attentions[level], up, score))

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        """Logits `(N, out_channels, *spatial)`; a list of them, finest first, in training with deep supervision."""
        padded = self.padded(x)
        features = self.encoder(padded)
        scores = self.score(features[-1])
        outputs: list[Tensor] = []
        for index, level in enumerate(self.decoder):
            scores = level(scores, features[-2 - index])
            outputs.insert(0, scores)
        return self.on_grid(x, padded, outputs)
