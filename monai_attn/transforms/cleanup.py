"""Small components, taken out of a label map before anyone sees it.

A bundle that wants this names the transform in its postprocessing, after the labels are on the source grid. The
volume of a structure changes by what is taken out; the log says by how many voxels.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform

from monai_attn.errors import InputError, LabelError
from monai_attn.measure.components import components

__all__ = ["DropSmallComponentsd"]

logger = logging.getLogger(__name__)


class DropSmallComponentsd(MapTransform):  # type: ignore[misc]  # MONAI has no type hints
    """Labels `(1, I, J, K)` without the components that are small beside the largest component of their label.

    A component of a label (26 neighbours) becomes background where it has less than `share` of the voxels of the
    label's largest component. Networks leave crumbs far from what they found. MONAI's `RemoveSmallObjects` asks for one
    size for all, and `KeepLargestConnectedComponent` keeps no second lesion. `share=0` keeps everything. The log says
    what was taken out.

    Raises `InputError` for a share that is not between 0 and 1, and `LabelError` for values that are no labels. An
    empty map stays empty.

    Values 0 (background) are left alone. Each label is judged by itself: crumbs of a lesion label do not count
    against the organ around the lesion.
    """

    def __init__(self, keys: KeysCollection, *, share: float = 0.05) -> None:
        super().__init__(keys)
        if not 0 <= share <= 1:
            raise InputError(f"share is the part of the largest component that a component must have, not {share}.")
        self.share = share

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The case with a new label map at each key."""
        out = dict(data)
        for key in self.key_iterator(out):
            out[key] = self._cleaned(torch.as_tensor(out[key]))
        return out

    def _cleaned(self, labels: torch.Tensor) -> torch.Tensor:
        """The label map without its small components, `(1, I, J, K)`.

        Raises `LabelError` for fractions, and for another shape. The label map given is not changed.
        """
        if labels.is_floating_point() or labels.dim() != 4 or labels.shape[0] != 1:
            raise LabelError(
                f"DropSmallComponentsd takes whole numbers of shape (1, I, J, K), not {labels.dtype} of "
                f"{tuple(labels.shape)}. Put it after LabelsOnSourced."
            )
        cleaned = labels.clone()
        array = cleaned.as_subclass(torch.Tensor)[0].numpy()  # the clone's own memory
        for value in np.unique(array).tolist():
            found = components(array, value) if value and self.share else []
            sizes = [int(np.count_nonzero(mask)) for _, mask in found]  # the largest first
            small = [piece for piece, size in zip(found, sizes, strict=True) if size < self.share * sizes[0]]
            for block, mask in small:
                array[block][mask] = 0
            if small:
                gone = sum(sizes[-len(small) :])
                logger.info("Label %d: %d of %d components dropped, %d voxels.", value, len(small), len(found), gone)
        return cleaned
