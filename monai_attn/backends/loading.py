"""A network as a back-end runs it, with PyTorch in float32 behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor, nn

from monai_attn.backends.checked import CheckedNetwork, Variant
from monai_attn.backends.execution import BACKENDS, Execution
from monai_attn.backends.fingerprint import fingerprint

__all__ = ["load_network"]


def load_network(
    network: nn.Module,
    execution: Execution,
    *,
    windows: Sequence[Tensor] = (),
    regions: bool = False,
) -> CheckedNetwork:
    """The network in the back-end and precision of `execution`, checked against PyTorch in float32.

    - `network`: a torch module, `(N, channels, *spatial)` to logits `(N, classes, *spatial)`.
    - `windows`: windows `(channels, *spatial)` that calibrate an int8 network; other precisions need none.
    - `regions`: whether the network's channels are regions that may overlap, with a sigmoid each.

    The result falls back to float32, and then to PyTorch, where labels differ; see `CheckedNetwork`. Raises
    `InputError` for what this computer does not have. A call of the result raises `BackendError` when the user named a
    back-end and it cannot run the network.
    """
    chosen = execution.resolved()
    wanted = [chosen, replace(chosen, precision="f32"), replace(chosen, backend="torch", precision="f32")]
    if chosen.backend == "torch" and chosen.precision in ("auto", "f32"):
        wanted = wanted[:1]
    pairs = {(one.backend, one.precision): one for one in wanted}
    variants = [
        Variant(
            kind,
            precision,
            BACKENDS[kind].load(network, one.device, one.precision, one.threads, windows),
            asked=execution.backend == kind,
        )
        for (kind, precision), one in pairs.items()
    ]
    return CheckedNetwork(variants, fingerprint(network) if len(variants) > 1 else "", regions=regions)
