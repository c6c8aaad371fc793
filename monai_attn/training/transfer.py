"""Training that begins with trained weights."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from monai.networks.utils import copy_model_state
from torch import nn

from monai_attn.bundle.weights import read_weights
from monai_attn.errors import BundleError, FileError

__all__ = ["begin_with_background", "transfer_weights"]

logger = logging.getLogger(__name__)


def transfer_weights(network: nn.Module, weights: str | Path | None, *, prefix: str = "") -> nn.Module:
    """The network itself, with those weights of a file that fit it by name and shape.

    What does not fit keeps its initial values, so a network for other classes takes all weights but those of its heads.
    `prefix` picks one network of several: "networks.2." in a file for `NetworkMean`. With `weights=None` nothing
    changes.

    Raises `FileError` when the file is missing, and `BundleError` when nothing in it fits.
    """
    if weights is None:
        return network
    if not Path(weights).is_file():
        raise FileError(f"There are no weights {str(weights)!r} to begin with. Set initial_weights, or leave it out.")
    state = read_weights(Path(weights))
    picked = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    _, taken, kept = copy_model_state(network, picked)
    if not taken:
        raise BundleError(
            f"Nothing in {Path(weights).name} fits the network by name and shape, with the prefix {prefix!r}. "
            f"The file has {', '.join(list(state)[:3])}; the network has {', '.join(kept[:3])}."
        )
    logger.info("%d of %d tensors begin as in %s.", len(taken), len(taken) + len(kept), Path(weights).name)
    return network


@torch.no_grad()
def begin_with_background(network: nn.Module, bias: float = 2.0) -> nn.Module:
    """The network itself, whose last layers (`heads`) begin with `bias` for the background and `-bias` for all else.

    Nearly all voxels are background. Without this a training spends its first hundred steps on learning that, and a
    short one ends there. A network without heads, and a head without a bias, stays as it is.

    >>> layer = torch.nn.Conv3d(4, 3, 1)
    >>> network = torch.nn.Module()
    >>> network.heads = torch.nn.ModuleList([layer])
    >>> begin_with_background(network).heads[0].bias.tolist()
    [2.0, -2.0, -2.0]
    """
    for head in getattr(network, "heads", ()):
        given = getattr(head, "bias", None)
        if isinstance(given, torch.Tensor):
            given.fill_(-bias)
            given[0] = bias
    return network
