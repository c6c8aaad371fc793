"""The transforms of a learned bundle: from files to the grid and the values of the network, and random windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monai_attn.learn.configs.parts import TRANSFORMS, Config, compose
from monai_attn.learn.plan import Plan

__all__ = ["augmentation", "body", "joined", "joining", "preprocessing"]

BODY_HU = -400.0
"""Voxels of a CT above this value belong to the body, or to the table."""


def preprocessing(plan: Plan, *, label: bool) -> Config:
    """From files to the network's grid and values. Several images meet on the grid of the first."""
    names = [one.image for one in plan.normalisation]
    steps = [step for one in plan.normalisation for step in one.transforms]
    if len(names) > 1:
        steps = [{**step, "allow_missing_keys": True} for step in steps]
        load = {"_target_": f"{TRANSFORMS}LoadVolumed", "keys": [*names, "label"] if label else "@images"}
        loaded = {**load, "ensure_channel_first": True, "allow_missing_keys": True}
        align = {"_target_": f"{TRANSFORMS}AlignImagesd", "keys": names, "pixdim": "@pixdim"}
        match = {"_target_": "ResampleToMatchd", "keys": "label", "key_dst": "image", "mode": "nearest"}
        return compose([loaded, *steps, align, *([{**match, "padding_mode": "zeros"}] if label else [])])
    keys: Any = ["image", "label"] if label else "image"
    modes: Any = ["bilinear", "nearest"] if label else "bilinear"
    return compose(
        [
            {"_target_": f"{TRANSFORMS}LoadVolumed", "keys": keys, "ensure_channel_first": True},
            {"_target_": "Orientationd", "keys": keys, "axcodes": "RAS", "labels": None},
            {"_target_": "Spacingd", "keys": keys, "pixdim": "@pixdim", "mode": modes},
            *[{**step, "keys": "image"} for step in steps],
        ]
    )


def joining(plan: Plan) -> list[Config]:
    """Several images and the masks of where they were measured, as the channels of one image."""
    if len(plan.normalisation) == 1:
        return []
    return [{"_target_": "ConcatItemsd", "keys": ["image", "presence"], "name": "image"}]


def body(plan: Plan, *, label: bool) -> list[Config]:
    """Of a CT the box around the body, for training and for masks: windows of the air around it teach nothing.

    An image that is air alone stays whole.
    """
    (first, *others) = plan.normalisation
    scale = first.transforms[0]
    if others or "a_min" not in scale or first.unit != "HU":
        return []
    share = (BODY_HU - scale["a_min"]) / (scale["a_max"] - scale["a_min"])
    least = round(scale["b_min"] + max(share, 0.0) * (scale["b_max"] - scale["b_min"]), 4)
    keys = ["image", "label"] if label else ["image"]
    crop = {"_target_": "CropForegroundd", "keys": keys, "source_key": "image", "margin": 4, "allow_smaller": True}
    return [{**crop, "select_fn": f"$lambda image: (image > {least}) | ~(image > {least}).any()"}]


def joined(preprocessing: Config, joining: Sequence[Config]) -> Config:
    """The preprocessing with one step more, where several images become the channels of one image."""
    return compose([*preprocessing["transforms"], *joining])


def augmentation(plan: Plan) -> list[Any]:
    """Random windows, and random changes of their grey values, of each image by itself."""
    patch = {
        "_target_": f"{TRANSFORMS}RandPatchd",
        "spatial_size": "@roi_size",
        "pixdim": "@pixdim",
        "foreground": plan.foreground,
        "prob": plan.deform,
        "zoom": list(plan.zoom),
        "rotate": list(plan.rotate),
        "mirror": list(plan.mirror),
        "pairs": [list(pair) for pair in plan.pairs] if 0 in plan.mirror else [],
    }
    sigmas = {f"sigma_{axis}": [0.4, 0.9] for axis in "xyz"}
    images = len(plan.normalisation)
    each: Config = {"channel_wise": True} if images > 1 else {}
    values: list[Any] = [
        {"_target_": "RandScaleIntensityd", "keys": "image", "prob": 0.3, "factors": 0.2, **each},
        {"_target_": "RandShiftIntensityd", "keys": "image", "prob": 0.3, "offsets": 0.2, **each},
        {"_target_": "RandGaussianNoised", "keys": "image", "prob": 0.15, "std": 0.1},
        {"_target_": "RandGaussianSmoothd", "keys": "image", "prob": 0.1, **sigmas},
        {"_target_": "RandSimulateLowResolutiond", "keys": "image", "prob": 0.1, "zoom_range": [0.5, 1.0]},
    ]
    if images > 1:
        values = [_apart(images), *values, *_together(plan)]
    return [patch, *values, {"_target_": "EnsureTyped", "keys": ["image", "label", "drawn"], "track_meta": False}]


def _apart(images: int) -> str:
    """The images without the masks of where they were measured, whose values are never changed."""
    return f"$lambda case: {{**case, 'image': case['image'][:{images}], 'presence': case['image'][{images}:]}}"


def _together(plan: Plan) -> list[Config]:
    """Images and masks as one again; an image is 0 where it was not measured, as when masks are made."""
    mask = {"_target_": "MaskIntensityd", "keys": "image", "mask_key": "presence"}
    plain = {"_target_": "EnsureTyped", "keys": ["image", "presence"], "track_meta": False}
    return [mask, plain, *joining(plan)]
