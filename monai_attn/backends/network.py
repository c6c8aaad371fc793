"""A network as one back-end runs it: the contract that the module of every back-end keeps."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from monai_attn.backends.head import Head
from monai_attn.errors import BackendError

__all__ = ["BackendNetwork"]


class BackendNetwork(nn.Module):
    """A module with the network's call: windows `(N, channels, *spatial)` to the network's output.

    - `precision`: the precision in which windows are computed; a back-end may know it only after the first window. ""
      is the precision that was asked for. "auto" leaves the choice to the autocast around the call.
    - `threads`: the number of threads; None where the back-end does not count threads.
    - `gives_features`: whether the back-end has `features` at all.
    """

    precision: str = ""
    threads: int | None = None
    gives_features: bool = False

    @property
    def made_from(self) -> str:
        """What a back-end made the network from besides its weights, in a few letters; "" for nothing."""
        return ""

    def has_features(self, x: Tensor) -> bool:
        """Whether `features` can be computed for windows like `x`; to find out, a back-end may convert the network."""
        del x
        return self.gives_features

    def let_go(self) -> None:
        """Give back the memory that is held from one window to the next; the next call takes it again."""

    def features(self, x: Tensor, head: Head) -> Any:
        """The input of the network's last layer `head`, `(N, features, *spatial)`; see `Head`.

        Raises `BackendError` where the back-end cannot leave the layer out.
        """
        del x, head
        raise BackendError("This back-end computes no features.")
