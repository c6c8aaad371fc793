"""The table of attentions, and the choice of an attention for each skip connection."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from monai_attn.errors import InputError
from monai_attn.networks.attention import (
    CBAM,
    SCSE,
    AttentionGate,
    ChannelAttention,
    NoAttention,
    SkipAttention,
    SpatialAttention,
)
from monai_attn.networks.local import LocalAttention

__all__ = ["ATTENTION", "AttentionChoice", "attention_per_level"]

AttentionFactory = Callable[[int, int, int, Sequence[int]], SkipAttention]
"""`(spatial_dims, skip_channels, gating_channels, stride) -> SkipAttention`"""

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
) -> list[SkipAttention]:
    """One attention for each skip connection, finest first.

    `choice` is a name, a factory, or a list with one of these for each skip connection. Raises `InputError` for an
    unknown name or a wrong count.
    """
    if isinstance(choice, str) or not isinstance(choice, Sequence):
        choice = [choice] * len(steps)
    if len(choice) != len(steps):
        raise InputError(f"{len(choice)} attentions do not fit {len(steps)} skip connections: {list(choice)}.")
    return [
        _factory(one)(spatial_dims, skip, gating, step)
        for one, skip, gating, step in zip(choice, skip_channels, gating_channels, steps, strict=True)
    ]


def _factory(choice: AttentionChoice) -> AttentionFactory:
    """The factory behind a name; a factory itself is given back. Raises `InputError` for an unknown name."""
    if isinstance(choice, str) and choice in ATTENTION:
        return ATTENTION[choice]
    if isinstance(choice, str) or not callable(choice):
        raise InputError(f"Unknown attention {choice!r}. Choose one of {', '.join(ATTENTION)}, or pass a factory.")
    return choice
