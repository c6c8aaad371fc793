"""An FDG-PET of a trunk without a sarcoma, made from a label map of its organs, as a tumour-free case for training.

    python benchmarks/organ_pet.py ct_trunk_3mm.nii.gz ct_trunk_3mm_labels.nii.gz OUT [--last-slices]

No PET of a patient without a sarcoma is at hand, and organs that take up FDG must be seen once with the anatomy around
them. Each organ gets a usual uptake (SUV, of the order in Zincirkeser et al. 2007 and Wang et al. 2007), what has no
label that of soft tissue, fat or air by its intensity; then the blur of a scanner (7 mm full width at half maximum) and
noise. Writes OUT/image.nii.gz and OUT/pet.nii.gz on one grid, the part of the image that the labels cover.
`--last-slices`: the label map belongs to the last slices of the image, whatever its header says (ct_trunk_3mm).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from monai_attn import Volume, read, write

BONES = (*range(26, 51), 79)
CT_SUV = {1: 2.0, 2: 6.0, 3: 6.0, 5: 2.4, 6: 2.2, 7: 1.6, 18: 2.5, 19: 2.0, 20: 2.5, 52: 1.7, 63: 1.7, 64: 1.7}
CT_SUV |= dict.fromkeys(BONES, 1.5)
MR_SUV = {1: 2.0, 2: 6.0, 3: 6.0, 5: 2.4, 6: 2.2, 7: 1.6, 13: 2.5, 14: 2.0, 15: 2.5, 19: 1.5, 23: 1.7, 24: 1.7, 25: 1.7}
"""Organ (TotalSegmentator's label for CT and for MR): SUV."""

FWHM_MM = 7.0


def main() -> None:
    image, labels = read(sys.argv[1]), read(sys.argv[2])
    out = Path(sys.argv[3])
    affine, values = labels.affine, image.array
    if "--last-slices" in sys.argv:
        first = values.shape[2] - labels.shape[2]
        values, affine = values[:, :, first:], image.affine.copy()
        affine[:3, 3] += first * affine[:3, 2]
    if values.shape != labels.shape:
        raise SystemExit(f"The labels have {labels.shape} voxels, the image {values.shape}.")
    is_ct = values.min() < -500
    if is_ct:
        suv = np.select([values < -300, values < -30, values < 150], [0.2, 0.3, 0.7], 1.2)
    else:
        body = gaussian_filter(values.astype(np.float32), 2) > np.percentile(values, 99) * 0.08
        suv = np.where(body, 0.6, 0.0)
    for organ, uptake in (CT_SUV if is_ct else MR_SUV).items():
        suv[labels.array == organ] = uptake
    rng = np.random.default_rng(0)
    suv *= np.exp(gaussian_filter(rng.normal(0, 1.0, suv.shape), 1.5) * 2.0)  # organs are not even
    blurred = gaussian_filter(suv, FWHM_MM / 2.355 / np.array(image.spacing_mm))
    pet = np.clip(blurred * (1 + 0.08 * rng.normal(0, 1, suv.shape)), 0, None).astype(np.float32)
    out.mkdir(parents=True, exist_ok=True)
    write(Volume(values.astype(np.float32), affine), out / "image.nii.gz")
    write(Volume(pet, affine), out / "pet.nii.gz")
    print(f"{out}/pet.nii.gz: SUV {pet.mean():.2f} on average, {pet.max():.1f} at most.")


if __name__ == "__main__":
    main()
