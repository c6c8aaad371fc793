"""What a network gives, taken apart into tensors and put together again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from monai_attn.errors import BackendError

__all__ = ["flatten", "main_output", "rebuild", "skeleton"]


def flatten(output: Any) -> list[Tensor]:
    """The tensors of an output, in order: one tensor, or lists and mappings of tensors to any depth.

    Raises `BackendError` for anything else.
    """
    if isinstance(output, Tensor):
        return [output]
    if isinstance(output, Mapping):
        return [tensor for value in output.values() for tensor in flatten(value)]
    if isinstance(output, list | tuple):
        return [tensor for value in output for tensor in flatten(value)]
    raise BackendError(f"The network gives {type(output).__name__}, not tensors, lists or mappings of them.")


def skeleton(output: Any) -> Any:
    """An output with None for each tensor, in plain values that JSON can hold; tuples become lists.

    >>> import torch
    >>> skeleton({"logits": torch.zeros(1), "maps": (torch.zeros(1),)})
    {'logits': None, 'maps': [None]}
    """
    if isinstance(output, Mapping):
        return {key: skeleton(value) for key, value in output.items()}
    if isinstance(output, list | tuple):
        return [skeleton(value) for value in output]
    return None


def rebuild(shape: Any, tensors: Iterator[Tensor]) -> Any:
    """The output whose `skeleton` is `shape`, made of the tensors in their order."""
    if isinstance(shape, Mapping):
        return {key: rebuild(value, tensors) for key, value in shape.items()}
    if isinstance(shape, list):
        return [rebuild(value, tensors) for value in shape]
    return next(tensors)


def main_output(output: Any) -> Tensor:
    """The tensor from which labels are made: the first tensor of an output, `(N, classes, *spatial)`."""
    return flatten(output)[0]
