"""What has run the windows of an image, for the provenance of a mask and for one warning."""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import Tensor

from monai_attn.backends.network import BackendNetwork

__all__ = ["RunRecord"]

logger = logging.getLogger(__name__)


class RunRecord:
    """What ran a network: back-ends, precisions, threads, and notes on what was refused.

    `first` is the pair of back-end and precision that the first window will try. `used` are the pairs that ran windows,
    in the order of their first use. `compared` holds, for a back-end and precision ("openvino bf16"), the number of
    voxels whose label differs from PyTorch's in float32, and the number of voxels compared.
    """

    def __init__(self, first: tuple[str, str]) -> None:
        self.first = first
        self.used: list[tuple[str, str]] = []
        self.notes: list[str] = []
        self.compared: dict[str, tuple[int, int]] = {}
        self.threads: int | None = None

    def took(self, backend: str, asked: str, network: BackendNetwork, x: Tensor) -> None:
        """Note that a back-end has run the windows `x`; `asked` is the precision that was wanted of it."""
        precision = _autocast(x) if asked == "auto" else network.precision or asked
        if (backend, precision) not in self.used:
            self.used.append((backend, precision))
        if asked not in ("auto", precision):
            self.note(f"Windows run in {backend} {precision}: this processor has no {asked}.")
        self.threads = network.threads

    def note(self, note: str) -> None:
        """Keep a note and log it as a warning, unless the same note was given before."""
        if note not in self.notes:
            self.notes.append(note)
            logger.warning(note)

    @property
    def backend(self) -> str:
        """The back-end that ran the last windows, or that the first window will try."""
        return self.used[-1][0] if self.used else self.first[0]

    def provenance(self) -> dict[str, Any]:
        """The entries of the provenance: `backend`, `precision`, `threads`, `fallbacks`, `differing`; plain values.

        `differing` is the share of the compared voxels whose label differs, by back-end and precision.

        Before the first window they say what will be tried.
        """
        used = self.used or [self.first]
        return {
            "backend": ", ".join(dict.fromkeys(backend for backend, _ in used)),
            "precision": ", ".join(dict.fromkeys(precision for _, precision in used)),
            "threads": self.threads or torch.get_num_threads(),
            "fallbacks": list(self.notes),
            "differing": {name: round(differ / voxels, 6) for name, (differ, voxels) in self.compared.items()},
        }


def _autocast(x: Tensor) -> str:
    """The precision of what is computed from an image now."""
    if not torch.is_autocast_enabled(x.device.type):
        return "f32"
    return {torch.bfloat16: "bf16", torch.float16: "f16"}[torch.get_autocast_dtype(x.device.type)]
