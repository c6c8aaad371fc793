"""The names of what a bundle found, where its table alone does not say them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.bundle.prompts import PROMPT
from monai_attn.labels import Label, LabelTable

__all__ = ["found_table"]

UNSEEN = 255
"""The value of voxels at which a bundle with prompts has not looked."""


def found_table(table: LabelTable, prompts: Mapping[str, Any], array: NDArray[np.generic]) -> LabelTable:
    """The labels that were asked for, and those that the label map holds; the whole table without such prompts.

    A bundle that is asked for the lung may give its lobes, which have values of their own.

    >>> table = LabelTable.of_names({1: "liver", 3: "spleen", 5: "kidney"})
    >>> [label.name for label in found_table(table, {"label_prompt": [3]}, np.array([0, 1]))]
    ['liver', 'spleen']
    """
    asked = prompts.get(PROMPT)
    if not asked:
        return table
    found = {int(value) for value in np.unique(array)}
    kept = [label for label in table if label.value in found or label.value in asked]
    if UNSEEN in found and all(label.value != UNSEEN for label in kept):
        kept.append(Label(UNSEEN, "not looked at", "#808080"))
    return LabelTable(tuple(kept))
