"""Mirroring left and right, where left and right are different structures."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import Flip, MapTransform, RandomizableTransform
from torch import Tensor

from monai_attn.errors import InputError

__all__ = ["RandMirrorPairsd"]


class RandMirrorPairsd(RandomizableTransform, MapTransform):  # type: ignore[misc]
    """Mirrors a case at random, and exchanges the labels of each pair: the mirrored right parotid is a left one.

    - `keys`: images and label maps `(channels, *spatial)`, all mirrored together.
    - `prob`: how often a case is mirrored, from 0 to 1.
    - `pairs`: values of the label table that mirroring exchanges, such as `[[3, 4]]`. Without pairs it is a flip.
    - `spatial_axis`: the axis from right to left, 0 after `Orientationd(axcodes="RAS")`.
    - `labels`: those of `keys` that hold label maps.
    - `marks`: keys of marks `(C,)` for each class, such as `drawn`, which are exchanged too. Missing ones are passed
      over.

    Raises `InputError` for a value that stands in two pairs, or is the background.

    >>> case = {"image": torch.zeros(1, 2, 1, 1), "label": torch.tensor([3, 0]).reshape(1, 2, 1, 1)}
    >>> RandMirrorPairsd(["image", "label"], prob=1.0, pairs=[[3, 4]])(case)["label"].ravel().tolist()
    [0, 4]
    """

    def __init__(
        self,
        keys: KeysCollection,
        *,
        prob: float = 0.5,
        pairs: Sequence[Sequence[int]] = (),
        spatial_axis: int = 0,
        labels: Sequence[str] = ("label",),
        marks: Sequence[str] = ("drawn", "scored"),
        allow_missing_keys: bool = False,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        self.pairs = [(int(one), int(other)) for one, other in pairs]
        values = [value for pair in self.pairs for value in pair]
        if len(set(values)) < len(values) or min(values, default=1) < 1:
            raise InputError(f"Pairs are values of two different structures each, none twice; got {self.pairs}.")
        self.labels = set(labels)
        self.marks = tuple(marks)
        self.flip = Flip(spatial_axis)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The case, mirrored or as it was. Raises `InputError` for marks of fewer classes than the pairs name."""
        out = dict(data)
        self.randomize(None)
        if not self._do_transform:
            return out
        for key in self.key_iterator(out):
            mirrored = self.flip(out[key])
            out[key] = self._exchanged(mirrored) if key in self.labels else mirrored
        for key in self.marks:
            if key in out:
                out[key] = self._exchanged_marks(out[key])
        return out

    def _exchanged(self, labels: Any) -> Any:
        """A label map whose pairs have changed places."""
        result = labels.clone() if isinstance(labels, Tensor) else labels.copy()
        for one, other in self.pairs:
            first, second = labels == one, labels == other
            result[first], result[second] = other, one
        return result

    def _exchanged_marks(self, marks: Any) -> Any:
        """Marks `(C,)` of the classes, in which each pair has changed places."""
        order = list(range(len(marks)))
        if max((value for pair in self.pairs for value in pair), default=0) >= len(order):
            raise InputError(f"There are marks for {len(order)} classes, and the pairs name {self.pairs}.")
        for one, other in self.pairs:
            order[one], order[other] = other, one
        return marks[torch.tensor(order)] if isinstance(marks, Tensor) else np.asarray(marks)[order]
