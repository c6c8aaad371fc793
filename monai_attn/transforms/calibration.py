"""Logits of a lesion, calibrated by what else speaks for it: how large it is, and how much tracer a voxel takes up.

Networks that were trained on large and small lesions draw small ones too large, because at a border everything is
uncertain, and a small lesion is mostly border. A logistic regression on patients that the networks never saw corrects
that with a handful of numbers (Platt 1999, with covariates). A bundle's config states the numbers.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from monai_attn.errors import InputError
from monai_attn.measure.components import components

__all__ = ["CalibrateLesiond", "Evidence", "lesion_evidence"]

USUAL_ML = 150.0
"""The size of a lesion is counted from this volume, as a natural logarithm."""

SIZES = (-2.5, 1.5)
"""The size is cut at these: 12 ml and 670 ml."""

UPTAKES = (-3.0, 0.3)
"""The logarithm of a voxel's uptake, as a share of the lesion's highest, is cut at these."""

HIGHEST = 95.0
"""The highest uptake of a lesion is this percentile of its voxels."""

CUT_OFF = 0.02
"""A first mask with more of its voxels in the outermost layer of the image goes on outside: its size is not known."""

SHARE = 0.05
"""A piece of a first mask with a smaller share of the largest piece is no part of the lesion."""


class Evidence:
    """What else speaks for a lesion in one image, on the grid of the network.

    `near` `(I, J, K)` are the voxels at or close to the first mask; all zero for an empty one. `size` is the logarithm
    of its volume, counted from `USUAL_ML`. `uptake` `(I, J, K)` is the logarithm of each voxel's uptake as a share of
    the lesion's highest; None where no uptake was measured.
    """

    def __init__(self, near: NDArray[np.bool_], size: float, uptake: NDArray[np.float32] | None) -> None:
        self.near = near
        self.size = size
        self.uptake = uptake

    def columns(self, margin: NDArray[np.float32]) -> NDArray[np.float64]:
        """The covariates of the voxels near the lesion, `(voxels, 3)`, or `(voxels, 5)` with uptake.

        They are the margin, the size, 1, the uptake, and uptake times size. `margin` `(I, J, K)` is the logit of the
        lesion less that of the background.
        """
        values = np.asarray(margin[self.near], np.float64)
        columns = [values, np.full_like(values, self.size), np.ones_like(values)]
        if self.uptake is not None:
            uptake = np.asarray(self.uptake[self.near], np.float64)
            columns += [uptake, uptake * self.size]
        return np.stack(columns, axis=1)


def lesion_evidence(
    margin: NDArray[np.float32],
    spacing_mm: Sequence[float] | NDArray[np.float64],
    uptake: NDArray[np.float32] | None = None,
    *,
    reach_mm: float = 12.0,
) -> Evidence:
    """The evidence of one image `(I, J, K)`: `margin` is the logit of the lesion less that of the background.

    `uptake` holds SUV, and nan where it was not measured. Where less than nine tenths of the first mask was measured,
    uptake says nothing. A lesion that the image cuts off has no size that is known: its size is 0, and uptake says
    nothing. `reach_mm` is how far voxels still count as close to the first mask.
    """
    mask = np.zeros(margin.shape, bool)
    pieces = components((margin > 0).astype(np.uint8), 1)
    for block, piece in pieces:
        if np.count_nonzero(piece) >= SHARE * np.count_nonzero(pieces[0][1]):
            mask[block] |= piece
    ml = np.count_nonzero(mask) * float(np.prod(spacing_mm)) / 1000
    size = float(np.clip(np.log(max(ml, 1.0) / USUAL_ML), *SIZES))
    steps = max(1, round(reach_mm / float(np.mean(spacing_mm))))
    near = ndimage.binary_dilation(mask, iterations=steps) if mask.any() else mask
    if _cut_off(mask):
        return Evidence(near, 0.0, None)
    if uptake is None or not mask.any() or np.isfinite(uptake[mask]).mean() < 0.9:
        return Evidence(near, size, None)
    highest = max(float(np.nanpercentile(uptake[mask], HIGHEST)), 0.1)
    share = np.log(np.maximum(uptake, 0.01) / highest)
    return Evidence(near, size, np.where(np.isfinite(share), np.clip(share, *UPTAKES), 0.0).astype(np.float32))


def _cut_off(mask: NDArray[np.bool_]) -> bool:
    """Whether a mask goes on outside the image; False for an empty mask."""
    inner = np.count_nonzero(mask[1:-1, 1:-1, 1:-1])
    whole = np.count_nonzero(mask)
    return bool(whole - inner > CUT_OFF * whole)


class CalibrateLesiond(MapTransform):  # type: ignore[misc]  # MONAI has no type hints
    """Calibrates the logits `(2, I, J, K)` of background and one lesion, before they become labels.

    - `image_key`: the network's image. Its channel `uptake_channel` is the square root of SUV / `suv_scale`, and its
      channel `measured_channel` is 1 where that was measured.
    - `with_uptake`, `without_uptake`: the factors of the covariates, five and three numbers; see `Evidence.columns`.
    - `reach_mm`: how far from the first mask voxels are calibrated with all covariates.

    Farther away a voxel is background; its margin is only scaled. Small pieces of the first mask are background too. An
    empty mask stays empty. The new logits are 0 and the calibrated margin. Raises `InputError` for another number of
    factors, and for logits of another shape.
    """

    def __init__(
        self,
        keys: KeysCollection,
        *,
        with_uptake: Sequence[float],
        without_uptake: Sequence[float],
        image_key: str = "image",
        uptake_channel: int = 2,
        measured_channel: int = 5,
        suv_scale: float = 20.0,
        reach_mm: float = 12.0,
    ) -> None:
        super().__init__(keys)
        if len(with_uptake) != 5 or len(without_uptake) != 3:
            raise InputError(
                "CalibrateLesiond needs five factors with uptake and three without, not "
                f"{len(with_uptake)} and {len(without_uptake)}."
            )
        self.factors = {5: np.array(with_uptake, np.float64), 3: np.array(without_uptake, np.float64)}
        self.image_key = image_key
        self.uptake_channel = uptake_channel
        self.measured_channel = measured_channel
        self.suv_scale = suv_scale
        self.reach_mm = reach_mm

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The case with calibrated logits at each key."""
        out = dict(data)
        image = out[self.image_key]
        spacing_mm = np.linalg.norm(np.asarray(torch.as_tensor(image.affine).cpu(), np.float64)[:3, :3], axis=0)
        plain = torch.as_tensor(image).as_subclass(Tensor)
        root, measured = plain[self.uptake_channel].cpu().numpy(), plain[self.measured_channel].cpu().numpy() > 0
        suv = np.where(measured, root.astype(np.float32) ** 2 * self.suv_scale, np.nan).astype(np.float32)
        for key in self.key_iterator(out):
            out[key] = self._calibrated(torch.as_tensor(out[key]), suv if measured.any() else None, spacing_mm)
        return out

    def _calibrated(self, logits: Tensor, suv: NDArray[np.float32] | None, spacing_mm: NDArray[np.float64]) -> Tensor:
        """The calibrated logits of one case, in the kind of tensor that was given."""
        if logits.dim() != 4 or logits.shape[0] != 2:
            raise InputError(f"CalibrateLesiond takes logits (2, I, J, K), not {tuple(logits.shape)}.")
        values = logits.as_subclass(Tensor).float().cpu().numpy()
        margin = values[1] - values[0]
        evidence = lesion_evidence(margin, spacing_mm, suv, reach_mm=self.reach_mm)
        factors = self.factors[3 if evidence.uptake is None else 5]
        new = -np.abs(margin) * np.float32(factors[0])
        if evidence.near.any():
            new[evidence.near] = evidence.columns(margin) @ factors
        calibrated = logits.clone()
        calibrated[0] = 0
        calibrated[1] = torch.as_tensor(new, dtype=logits.dtype, device=logits.device)
        return calibrated
