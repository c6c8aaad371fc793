# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Notebook: one case
#
# From an image to masks, volumes and a report. Research use only; not a medical device.
#
# `jupytext --to ipynb docs/notebooks/one_case.py` makes a notebook of this page. It runs in the folder in which
# `monai-attn samples` was run. The image is the ICBM 152 brain, an average of 152 people.

# %%
import monai_attn

image = monai_attn.read("samples/t1.nii.gz")
image

# %% [markdown]
# An image is a `Volume`: voxels, and where they lie in the patient, in millimetres (R, A, S).

# %%
print(image.shape, image.spacing_mm, image.orientation)

# %% [markdown]
# A `Segmenter` opens a bundle once, and segments as many images as you like. This bundle finds both hippocampi itself.

# %%
segmenter = monai_attn.Segmenter.from_bundle("hippocampus_mri")
segmentation = segmenter(image)
segmentation

# %% [markdown]
# Every structure, measured. Left and right are the patient's. This brain was averaged with its mirror image, so both
# sides have nearly the same volume.

# %%
for structure in segmentation.measure(image):
    print(f"{structure.name:30} {structure.volume_ml:6.2f} ml")

# %% [markdown]
# What makes the mask unlikely stands in the warnings. An empty list does not say that the mask is right: look at it.

# %%
print(segmentation.warnings)

# %% [markdown]
# Mask, names and provenance go into files; a report shows them in a browser.

# %%
from pathlib import Path

from monai_attn.report import case_page

segmentation.save("notebook_out", stem="t1", overwrite=True)
Path("notebook_out/t1.html").write_text(case_page("t1", image, segmentation), encoding="utf-8")
sorted(path.name for path in Path("notebook_out").iterdir())
