"""How sure a network is of each structure that it found: one number for a structure, from logits that pass by in slabs.

The certainty of a structure is the mean of the winner's probability over the structure's voxels, on the network's grid.
It is 1 where the network never hesitates. Images that differ from those of the training give lower numbers; what is
usual for a bundle stands in its metadata (`made_for`), and `monai_attn.preflight.check_mask` compares.

The labels are decided elsewhere, and do not change. Small components that are dropped later still count.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Certainty", "certainty_of"]

KEY = "certainty"
"""Where the meta data of a label map hold the certainty of its structures, as JSON text: MONAI can collate that."""

ONE = 1_000_000
"""Probabilities are counted in millionths, so that the sum is the same in any order, with any number of threads."""

DIGITS = 4
"""Of the number for each structure."""

Part = Callable[[int, int], Any]
"""Work on planes from the first number up to the second."""


class Certainty:
    """The certainty of each code of one case, slab by slab.

    A code is 0 for background, else the class of an argmax, or 1 + the channel of regions. One voxel with a logit of 0
    for both classes, and a sure voxel, in a label called 7:

    >>> from monai_attn.transforms import label_arrays
    >>> seen = Certainty(2, regions=False)
    >>> logits, codes = np.zeros((2, 1, 1, 2), np.float32), np.ones((3, 3, 4), np.uint16)
    >>> logits[1, 0, 0, 1] = 50

    >>> seen.add(logits, codes, (0, 0, 0), (0, 0, 1), label_arrays, lambda length, work: [work(0, length)])
    >>> seen.by_label([0, 7])
    {7: 0.75}
    """

    def __init__(self, codes: int, *, regions: bool) -> None:
        self.regions = regions
        self.sums = np.zeros(codes, np.int64)
        self.counts = np.zeros(codes, np.int64)

    def add(
        self,
        logits: NDArray[np.float32],
        codes: NDArray[np.uint16],
        low: Sequence[int],
        high: Sequence[int],
        loops: Any,
        in_parts: Callable[[int, Part], list[Any]],
    ) -> None:
        """Take a slab of logits `(C, X, Y, Z)` with its `codes` `(X + 2, Y + 2, Z + 2)`.

        `low` and `high` are the first and the last voxel `(3,)` that counts. `loops` is the module `label_kernels`, or
        `label_arrays`. `in_parts` runs work on parts of the first axis, one for each thread.
        """

        def work(first: int, last: int) -> NDArray[np.int64]:
            found = np.zeros((2, len(self.sums)), np.int64)
            loops.add_certainty(logits, codes, self.regions, np.asarray(low), np.asarray(high), ONE, found, first, last)
            return found

        for sums, counts in in_parts(logits.shape[1], work):
            self.sums += sums
            self.counts += counts

    def by_label(self, values: Sequence[int]) -> dict[int, float]:
        """The certainty, 0 to 1, of each structure with a voxel. `values` gives the label of each code."""
        found: dict[int, list[int]] = {}  # one label may have several codes
        for value, total, count in zip(values, self.sums.tolist(), self.counts.tolist(), strict=True):
            if count and value:
                before = found.get(int(value), [0, 0])
                found[int(value)] = [before[0] + total, before[1] + count]
        return {value: round(total / (ONE * count), DIGITS) for value, (total, count) in sorted(found.items())}

    def meta(self, values: Sequence[int]) -> dict[str, str]:
        """What goes into the meta data of the label map, for `certainty_of`."""
        return {KEY: json.dumps(self.by_label(values))}


def certainty_of(labels: Any) -> dict[int, float]:
    """The certainty of each structure by label value, from the meta data of a label map `(1, I, J, K)`.

    Empty for a label map that did not come from `SourceLabels`, as in bundles with `Invertd` and `AsDiscreted`.

    >>> certainty_of(np.zeros((1, 2, 2, 2), np.uint8))
    {}
    """
    meta = getattr(labels, "meta", None)
    text = meta.get(KEY) if isinstance(meta, Mapping) else None
    return {int(value): float(share) for value, share in json.loads(text).items()} if isinstance(text, str) else {}
