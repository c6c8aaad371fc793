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
# # Notebook: a cohort
#
# Many cases with one recipe, a table of them, and two sets of masks compared. Research use only; not a medical device.
#
# It runs in the folder in which `monai-attn samples` was run.

# %%
from pathlib import Path

from monai_attn.cohort import Recipe, find_cases, run_cases

recipe = Recipe("hippocampus_mri", Path("notebook_masks"), picture=True, redo="all")
cases = find_cases(["samples/hippocampi"])
[case.name for case in cases]

# %% [markdown]
# Each case gives a row. A case that fails is a row with its error, and the others go on. A second run would skip what
# is done; `redo="all"` does it again.

# %%
segmenter = recipe.segmenter()
rows = list(run_cases(recipe, cases, segmenter))
for row in rows:
    print(row.case, row.error or row.volume_ml)

# %% [markdown]
# Which cases are unlike the others? With two cases nothing can be said; with hundreds this list comes first.

# %%
from monai_attn.cohort.review import review_cohort

review = review_cohort(recipe.output)
print(len(review.cases), "cases,", len(review.doubts), "doubts")

# %% [markdown]
# A second reader: here the same network with less overlap of its windows.

# %%
second = Recipe("hippocampus_mri", Path("notebook_second"), overrides={"inferer::inferer::overlap": 0.25}, redo="all")
assert not any(row.error for row in run_cases(second, cases, second.segmenter()))

# %%
from monai_attn.cohort import compare_pair, complete, find_pairs

compared = complete([compare_pair(pair) for pair in find_pairs(recipe.output, second.output)])
for case in compared:
    for one in case.comparisons:
        print(f"{case.case:6} {one.name:24} Dice {one.dice:.3f}  HD95 {one.hd95_mm:.2f} mm")
