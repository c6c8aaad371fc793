"""metadata.json of a bundle that a plan becomes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from typing import Any

from monai_attn.bundle.locate import read_metadata, shipped
from monai_attn.cases.images import ImageInput
from monai_attn.cases.labelled import LabelledSet
from monai_attn.errors import InputError
from monai_attn.learn.fingerprint import Fingerprint
from monai_attn.learn.plan import Plan

__all__ = ["bundle_metadata"]

VERSIONS = ("schema", "monai_version", "pytorch_version", "numpy_version", "required_packages_version")
"""Keys that say the same in each bundle of this package."""


def bundle_metadata(name: str, labelled: LabelledSet, plan: Plan, fingerprint: Fingerprint) -> dict[str, Any]:
    """The content of metadata.json, without scores and weights.

    Raises `InputError` where no training case has one of the images.
    """
    ranges = fingerprint.made_for.to_json()
    lacking = [one.name for one in labelled.images if one.name not in ranges["images"]]
    if lacking:
        raise InputError(
            f"No training case has the image {lacking[0]!r}, so the network cannot learn from it. Leave the image out "
            "of the data set (its column in a table), or give it to some cases of the training."
        )
    like = read_metadata(next(iter(shipped().values())))
    structures = ", ".join(label.name for label in labelled.labels)
    seen = " and ".join(dict.fromkeys(one.modality or one.name for one in labelled.images))
    values = "; ".join(plan.why["normalisation"].split(". "))
    classes = {"0": "background", **{str(label.value): label.name for label in labelled.labels}}
    several = len(labelled.images) > 1
    names = [one.name for one in labelled.images] if several else ["image"]  # as MONAI calls a single image
    called = dict(zip(names, labelled.images, strict=True))
    return {
        **{key: like[key] for key in VERSIONS},
        "version": "0.1.0",
        "changelog": {"0.1.0": f"trained by monai-attn learn {version('monai_attn')} on {date.today().isoformat()}"},
        "supported_apps": {},
        "name": name,
        "task": f"Segmentation of {structures} in {seen}",
        "description": f"A 3-D attention U-Net that segments {structures} in {seen}, trained on {fingerprint.cases} "
        f"cases of {labelled.name}. Research use only; not a medical device.",
        "authors": "Fill in: who trained this bundle",
        "copyright": "Fill in: see LICENSE and docs/data_license.txt",
        "data_source": "; ".join(filter(None, (labelled.name, labelled.reference, labelled.licence))),
        "data_type": "nifti",
        "image_classes": values,
        "label_classes": "single channel, " + ", ".join(f"{value} {name}" for value, name in classes.items()),
        "pred_classes": f"{len(classes)} channels of logits: {', '.join(classes.values())}; the label is the argmax",
        "eval_metrics": {"mean_dice": 0.0},
        "intended_use": f"Research on {structures} in {seen}. Not for diagnosis or treatment.",
        "references": [one for one in (labelled.reference,) if one]
        + [
            "Oktay O. et al. Attention U-Net: Learning Where to Look for the Pancreas. MIDL (2018). "
            "https://arxiv.org/abs/1804.03999"
        ],
        "labels": [_label(row) for row in labelled.labels.to_json()],
        "network_data_format": {
            "inputs": {"image": _input(labelled.images, several)},
            "outputs": {"pred": {**_format("segmentation", len(classes), "float32", []), "channel_def": classes}},
            "post_processed_outputs": {
                "pred": {
                    **_format("labels", 1, "uint8", [0, len(classes) - 1]),
                    "spatial_shape": ["*", "*", "*"],
                    "is_patch_data": False,
                    "channel_def": {"0": "label value"},
                }
            },
        },
        "images": [_image(name, one) for name, one in called.items()],
        "made_for": {**ranges, "images": {name: ranges["images"][one.name] for name, one in called.items()}},
    }


def _format(kind: str, channels: int, dtype: str, span: Sequence[float]) -> dict[str, Any]:
    return {
        "type": "image",
        "format": kind,
        "num_channels": channels,
        "spatial_shape": ["16*n", "16*n", "16*n"],
        "dtype": dtype,
        "value_range": list(span),
        "is_patch_data": True,
    }


def _input(images: Sequence[ImageInput], several: bool) -> dict[str, Any]:
    """The network's input: an image, or several with the masks of where they were measured."""
    words = [one.description or one.modality or one.name for one in images]
    channels = [*words, *(f"1 where {one.name} was measured" for one in images)] if several else words
    modality = ", ".join(dict.fromkeys(one.modality for one in images if one.modality))
    unit = {"unit": images[0].unit} if images[0].unit and not several else {}
    return {
        **_format("magnitude", len(channels), "float32", [-5, 10]),
        "modality": modality or "n/a",
        **unit,
        "channel_def": {str(number): text for number, text in enumerate(channels)},
    }


def _image(name: str, one: ImageInput) -> dict[str, str]:
    row = {"name": name, "modality": one.modality, "description": one.description, "series": one.series}
    return {**row, "unit": one.unit} if one.unit else row


def _label(row: dict[str, Any]) -> dict[str, Any]:
    """A label without an empty code."""
    return {key: value for key, value in row.items() if value is not None}
