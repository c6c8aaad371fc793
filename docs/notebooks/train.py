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
# # Notebook: train on your data
#
# Ten labelled cases become a bundle, in a minute. Research use only; not a medical device.
#
# The cases are computed: bright blobs in noise. A minute is enough to see each step, but too short for a good network.

# %%
from pathlib import Path

import numpy as np

import monai_attn

generator = np.random.default_rng(1)
affine = np.diag([2.0, 2.0, 2.0, 1.0])
for number in range(10):
    labels = np.zeros((32, 32, 32), np.uint8)
    place = generator.integers(8, 16, 3)
    labels[tuple(slice(start, start + 9) for start in place)] = 1
    image = (labels * 100 + generator.normal(200, 20, labels.shape)).astype(np.int16)
    monai_attn.write(monai_attn.Volume(image, affine), f"blobs/images/case_{number}.nii.gz", overwrite=True)
    monai_attn.write(monai_attn.Volume(labels, affine), f"blobs/labels/case_{number}.nii.gz", overwrite=True)

# %% [markdown]
# The data are found in two folders, and checked before anything is trained.

# %%
from monai_attn.cases.labelled import find_labelled

found = find_labelled("blobs")
print(found.kind, len(found), [label.name for label in found.labels])

# %% [markdown]
# The minutes count for everything: reading, planning, training, scores and the model card.

# %%
from monai_attn.learn import learn

learned = learn("blobs", "blob_bundle", minutes=1)
learned

# %% [markdown]
# The card says how the bundle was made, and how it scores on cases that it never saw.

# %%
print(Path("blob_bundle/docs/README.md").read_text(encoding="utf-8")[:1500])

# %% [markdown]
# The new bundle opens like any other. It is code of yours, so you say that you trust it.

# %%
segmenter = monai_attn.Segmenter.from_bundle("blob_bundle", trust=True)
segmenter("blobs/images/case_0.nii.gz")
