"""The table of attentions, and how a network is told which to use."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from monai_attn.networks.attention import (
    CBAM,
    SCSE,
    Attention,
    AttentionGate,
    ChannelAttention,
    NoAttention,
    SpatialAttention,
)
from monai_attn.networks.local import LocalAttention

__all__ = ["ATTENTION", "AttentionChoice", "attention_per_level"]

AttentionFactory = Callable[[int, int, int, Sequence[int]], Attention]
"""`(spatial_dims, skip_channels, gating_channels, stride) -> Attention`"""

AttentionChoice = str | AttentionFactory
"""A name in `ATTENTION`, or a factory."""

ATTENTION: dict[str, AttentionFactory] = {
    "none": NoAttention,
    "gate": AttentionGate,
    "channel": ChannelAttention,
    "spatial": SpatialAttention,
    "scse": SCSE,
    "cbam": CBAM,
    "local": LocalAttention,
}


def attention_per_level(
    choice: AttentionChoice | Sequence[AttentionChoice],
    spatial_dims: int,
    skip_channels: Sequence[int],
    gating_channels: Sequence[int],
    steps: Sequence[Sequence[int]],
) -> list[Attention]:
    """One attention per skip connection, finest first. Raises `ValueError` for an unknown name or a wrong count."""
    choices = [choice] * len(steps) if isinstance(choice, str) or callable(choice) else list(choice)
    if len(choices) != len(steps):
        raise ValueError(f"{len(choices)} attentions do not fit {len(steps)} skip connections: {choices}.")
    return [
        _factory(one)(spatial_dims, skip, gating, step)
        for one, skip, gating, step in zip(choices, skip_channels, gating_channels, steps, strict=False)
    ]


def _factory(choice: AttentionChoice) -> AttentionFactory:
    if not isinstance(choice, str):
        return choice
    if choice not in ATTENTION:
        raise ValueError(f"Unknown attention {choice!r}. Choose one of {', '.join(ATTENTION)}, or pass a factory.")
    return ATTENTION[choice]
