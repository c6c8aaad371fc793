"""Postprocessing in one step: logits to a label map on the grid with which the image was loaded.

A bundle names it as its postprocessing. The arithmetic is in `SourceLabels`; this module joins the arithmetic to
MONAI's dictionaries. Removing small components or writing a file are transforms of their own.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform

from monai_attn.errors import InputError
from monai_attn.transforms.source_labels import SourceLabels

__all__ = ["LabelsOnSourced"]


class LabelsOnSourced(MapTransform):  # type: ignore[misc]  # MONAI has no type hints
    """Logits `(C, *network grid)` to labels `(1, I, J, K)`, in place of activation, `Invertd` and `AsDiscreted`.

    The labels are those of `Invertd(nearest_interp=False)` on logits and then an argmax (ties may differ). There is no
    float volume per class on the source grid.

    - `orig_keys`: the preprocessed image; its metadata say from which grid it came.
    - `regions`: label values of sigmoid channels, see `SourceLabels`.

    Whole numbers pass unchanged: a `StreamingInferer` has brought these labels to the source grid already. Raises as
    `SourceLabels` does.

    The label map is uint8, or int32 for label values above 255, with the affine of the source image (mm, RAS+).
    Raises `InputError` when the number of `orig_keys` is neither one nor that of the keys.
    """

    def __init__(
        self, keys: KeysCollection, *, orig_keys: KeysCollection = "image", regions: Sequence[int] | None = None
    ) -> None:
        super().__init__(keys)
        self.orig_keys = [orig_keys] * len(self.keys) if isinstance(orig_keys, str) else list(orig_keys)
        if len(self.orig_keys) != len(self.keys):
            raise InputError(f"LabelsOnSourced needs one orig_key, or one for each key; got {self.orig_keys}.")
        self.labels = SourceLabels(regions)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The case with a label map at each key.

        Raises `KeyError` for logits whose preprocessed image is not in the case.
        """
        out = dict(data)
        for key, image_key in zip(self.keys, self.orig_keys, strict=True):
            logits = torch.as_tensor(out[key])
            if logits.is_floating_point():
                slabs = self.labels.begin(out[image_key])
                slabs.add(logits, 0)
                out[key] = slabs.finish()
        return out
