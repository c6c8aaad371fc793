"""Attention over time: what a place looks like in the other frames of a sequence, such as a cine MRI or a follow-up."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from monai_attn.errors import InputError

__all__ = ["TEMPORAL", "NoTemporal", "TemporalAttention", "temporal_of"]

LONGEST = 1000.0
"""The longest wave of the encoding of time, in frames (Vaswani et al. 2017, with a shorter one for short sequences)."""


class NoTemporal(nn.Module):
    """Each frame by itself: the features are given back as they are."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        del channels

    def forward(self, features: Tensor, frames: int) -> Tensor:
        """`(N * frames, C, *spatial)` to the same; `frames` does not matter."""
        del frames
        return features


class TemporalAttention(nn.Module):
    """Multi-head self-attention over the frames of a sequence, at each place of the coarsest grid by itself.

    `(N * frames, C, *spatial)` to the same shape: what the other frames show is added to the features of each frame. A
    frame knows the frames by their number, which is encoded by sines (Vaswani et al. 2017, arXiv 1706.03762). Time and
    space are not mixed, as in TimeSformer's divided attention (Bertasius et al. 2021, arXiv 2102.05095). Other places
    are seen through the convolutions alone. Their fields of view must be wider than the motion between two frames.

    The last layer begins with zeros, so that a new network does on each frame what it does without this layer. Weights
    of a network for single frames can be taken over. Any number of frames is possible, also one.
    """

    def __init__(self, channels: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads if channels % heads == 0 else 1
        self.longest = LONGEST  # TorchScript knows no numbers of a module of Python
        self.norm = nn.LayerNorm(channels)
        self.queries_keys_values = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, features: Tensor, frames: int) -> Tensor:
        """The features with what the other frames add; `frames` divides the first axis."""
        values = self._attend(features, frames)[0]
        return features + self._as_features(self.out(values), features)

    def weights(self, features: Tensor, frames: int) -> Tensor:
        """How much each frame looks at each frame, `(N, frames, frames)`, the mean over places and heads.

        The rows sum to 1. It says what was mixed, and is no explanation of the result.
        """
        places = features[0, 0].numel()
        weights = self._attend(features, frames)[1]
        return weights.mean(dim=1).reshape(-1, places, frames, frames).mean(dim=1)

    def _attend(self, features: Tensor, frames: int) -> tuple[Tensor, Tensor]:
        """Values `(N * places, frames, C)` and weights `(N * places, heads, frames, frames)`."""
        channels = features.shape[1]
        tokens = features.reshape(-1, frames, channels, features[0, 0].numel()).permute(0, 3, 1, 2)
        tokens = tokens.reshape(-1, frames, channels)
        tokens = self.norm(tokens) + _time(frames, channels, self.longest, tokens)
        split = self.queries_keys_values(tokens).reshape(-1, frames, 3, self.heads, channels // self.heads)
        split = split.permute(2, 0, 3, 1, 4)  # queries, keys and values, each (N * places, heads, frames, C / heads)
        weights = F.softmax(split[0] @ split[1].transpose(-2, -1) / math.sqrt(channels // self.heads), dim=-1)
        return (weights @ split[2]).transpose(1, 2).reshape(-1, frames, channels), weights

    def _as_features(self, tokens: Tensor, features: Tensor) -> Tensor:
        """`(N * places, frames, C)` in the shape of the features."""
        frames, channels = tokens.shape[1], tokens.shape[2]
        ordered = tokens.reshape(-1, features[0, 0].numel(), frames, channels).permute(0, 2, 3, 1)
        return ordered.reshape(features.shape)


TEMPORAL: dict[str, type[NoTemporal] | type[TemporalAttention]] = {"none": NoTemporal, "attention": TemporalAttention}
"""What a network can do with the frames of a sequence, by name."""


def temporal_of(name: str, channels: int) -> nn.Module:
    """The layer of a name in `TEMPORAL`, for features of so many channels. Raises `InputError` for another name."""
    if name not in TEMPORAL:
        raise InputError(f"Unknown temporal {name!r}. Choose one of {', '.join(TEMPORAL)}.")
    return TEMPORAL[name](channels)


def _time(frames: int, channels: int, longest: float, like: Tensor) -> Tensor:
    """The encoding of the number of each frame, `(frames, channels)`: sines and cosines of rising wavelength."""
    half = (channels + 1) // 2
    waves = torch.exp(torch.arange(half, device=like.device) * (-math.log(longest) / max(half - 1, 1)))
    angles = torch.arange(frames, device=like.device)[:, None] * waves
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :channels].to(like.dtype)
