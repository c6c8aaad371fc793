"""Cases in which only some structures were drawn: what nobody drew is unknown, not background.

A voxel that is not labelled in such a case may belong to the background or to any undrawn structure. So the
probabilities of these are added, and the sum is compared with the background. The network is then free to find the
structure. This is the marginal loss of Shi et al. 2021 (Medical Image Analysis 70, 101979) and Fang and Yan 2020.
"""

from __future__ import annotations

import torch
from torch import Tensor

from monai_attn.errors import InputError

__all__ = ["checked_drawn", "merge_undrawn", "unknown_as_background"]


def checked_drawn(drawn: Tensor, logits: Tensor) -> Tensor | None:
    """`drawn` `(N, C)` as booleans on the device of `logits`, background included; None where all is drawn.

    Raises `InputError` for another shape.
    """
    if drawn.shape != logits.shape[:2]:
        raise InputError(
            f"drawn has the shape {tuple(drawn.shape)}. It needs a row for each of {logits.shape[0]} patches, with "
            f"a mark for each of {logits.shape[1]} classes, background first."
        )
    known = drawn.to(logits.device) > 0
    known[:, 0] = True
    return None if bool(known.all()) else known


def merge_undrawn(logits: Tensor, drawn: Tensor) -> Tensor:
    """Logits whose softmax has the undrawn structures' probabilities added to the background's.

    `logits` are `(N, C, *spatial)`, `drawn` `(N, C)` booleans. The result has the shape of `logits`; undrawn
    structures have minus infinity there, so their probability is 0. Between background and undrawn structures no
    gradient flows.

    >>> logits = torch.tensor([[0.0, 1.0, 2.0]]).reshape(1, 3, 1)
    >>> merged = merge_undrawn(logits, torch.tensor([[True, True, False]]))
    >>> bool(torch.isclose(merged.softmax(1)[0, 0, 0], logits.softmax(1)[0, [0, 2], 0].sum()))
    True
    """
    known = drawn.reshape(*drawn.shape, *[1] * (logits.dim() - 2))
    joined = ~known
    joined[:, 0] = True
    background = logits.masked_fill(~joined, -torch.inf).logsumexp(dim=1, keepdim=True)
    return torch.cat([background, logits.masked_fill(~known, -torch.inf)[:, 1:]], dim=1)


def unknown_as_background(labels: Tensor, drawn: Tensor) -> Tensor:
    """Labels `(N, *spatial)` in which a structure that was not drawn is 0, should the mask hold some of its voxels."""
    known = drawn.gather(1, labels.flatten(1)).reshape(labels.shape)
    return torch.where(known, labels, 0)
