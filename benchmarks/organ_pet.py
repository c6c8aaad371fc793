"""An FDG-PET of a trunk without a sarcoma, made from a label map of its organs, as a tumour-free case for training.

    python benchmarks/organ_pet.py ct_trunk_3mm.nii.gz ct_trunk_3mm_labels.nii.gz OUT [--last-slices]

No PET of a patient without a sarcoma is at hand, and organs that take up FDG must be seen once with the anatomy around
them. Each organ gets its usual uptake (SUV, of the order in Zincirkeser et al. 2007 and Wang et al. 2007). Voxels
without a label get the uptake of soft tissue, fat or air by their intensity. The blur of a scanner (7 mm full width at
half maximum) and noise are added. Writes OUT/image.nii.gz and OUT/pet.nii.gz on one grid, the part of the image that
the labels cover. `--last-slices`: the label map belongs to the last slices of the image, whatever its header says
(ct_trunk_3mm).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from monai_attn import Volume, read, write
from monai_attn.volume import same_grid

BONES = (*range(26, 51), 79)
CT_SUV = {1: 2.0, 2: 6.0, 3: 6.0, 5: 2.4, 6: 2.2, 7: 1.6, 18: 2.5, 19: 2.0, 20: 2.5, 52: 1.7, 63: 1.7, 64: 1.7}
CT_SUV |= dict.fromkeys(BONES, 1.5)
MR_SUV = {1: 2.0, 2: 6.0, 3: 6.0, 5: 2.4, 6: 2.2, 7: 1.6, 13: 2.5, 14: 2.0, 15: 2.5, 19: 1.5, 23: 1.7, 24: 1.7, 25: 1.7}
"""Organ (TotalSegmentator's label for CT and for MR): SUV."""

FWHM_MM = 7.0


def main(given: argparse.Namespace) -> None:
    image, labels = read(given.image), read(given.labels)
    if given.last_slices:
        image = image.crop((slice(None), slice(None), slice(image.shape[2] - labels.shape[2], None)))
    if image.shape != labels.shape or not (given.last_slices or same_grid(image, labels)):
        raise SystemExit(f"{given.labels} ({labels.shape} voxels) does not lie on the grid of {given.image}.")
    values = np.asarray(image.array, np.float32)
    is_ct = values.min() < -500
    if is_ct:
        levels = [np.float64(level) for level in (0.2, 0.3, 0.7)]
        suv = np.select([values < -300, values < -30, values < 150], levels, 1.2)
    else:
        body = gaussian_filter(values, 2) > np.percentile(values, 99) * 0.08
        suv = np.where(body, 0.6, 0.0)
    for organ, uptake in (CT_SUV if is_ct else MR_SUV).items():
        suv[labels.array == organ] = uptake
    rng = np.random.default_rng(0)
    suv *= np.exp(gaussian_filter(rng.normal(0, 1.0, suv.shape), 1.5) * 2.0)  # organs are not even
    blurred = gaussian_filter(suv, FWHM_MM / 2.355 / np.array(image.spacing_mm))
    pet = np.clip(blurred * (1 + 0.08 * rng.normal(0, 1, suv.shape)), 0, None).astype(np.float32)
    write(Volume(values, image.affine), given.out / "image.nii.gz")
    write(Volume(pet, image.affine), given.out / "pet.nii.gz")
    print(f"{given.out}/pet.nii.gz: SUV {pet.mean():.2f} on average, {pet.max():.1f} at most.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--last-slices", action="store_true", help="where the labels belong, whatever their header says"
    )
    main(parser.parse_args())
