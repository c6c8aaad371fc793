"""Training that begins with trained weights."""

from __future__ import annotations

import logging
from pathlib import Path

from monai.networks.utils import copy_model_state
from torch import nn

from monai_attn.bundle.weights import read_weights
from monai_attn.errors import BundleError, FileError

__all__ = ["transfer_weights"]

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
