"""What made a mask: bundle, weights, device, versions, source images."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from monai_attn.backends.execution import Execution
from monai_attn.bundle import Parts
from monai_attn.finders import Regions, regions_json
from monai_attn.volume import Volume

__all__ = ["describe_run"]

PACKAGES = ("monai_attn", "torch", "monai", "numpy")
"""Packages whose versions go into the provenance."""


def describe_run(
    parts: Parts,
    execution: Execution,
    ran: Mapping[str, Any],
    images: Mapping[str, Sequence[Volume]],
    region: Regions,
    seconds: float,
) -> dict[str, Any]:
    """The provenance of a mask, in plain values that JSON can hold; no path, no identity of the patient.

    - `execution`: how the network was asked to run; `ran`: which back-ends and precisions ran it, see
      `monai_attn.backends.record.RunRecord`.
    - `images`: the volumes of each image, the reference first. For a bundle of several images the provenance names
      those that were given and those that were missing.
    - `region`: the box in mm (RAS+) or the boxes by name that were asked for; None where no region was given.
    - `seconds`: the time of the run.
    """
    device = execution.resolved().device
    sources = {name: _described(volumes[0]) for name, volumes in images.items()}
    missing = [one.name for one in parts.inputs if one.name not in images]
    return {
        "bundle": parts.name,
        "bundle_version": parts.version,
        "weights_sha256": parts.weights_sha256,
        "config_sha256": parts.config_sha256,
        "scripts_sha256": parts.scripts_sha256,
        "overrides": dict(parts.overrides),
        "device": device,
        **ran,
        "asked": {"backend": execution.backend, "precision": execution.precision},
        "mixed_precision": parts.amp and device.startswith("cuda"),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "source": next(iter(sources.values())),
        **({"images": sources, "missing": missing} if len(parts.inputs) > 1 else {}),
        "region_mm": regions_json(region),
        "seconds": round(seconds, 3),
    }


@cache
def _version(package: str) -> str:
    """The version of an installed package; looked up once, since that searches folders and reads a file."""
    return version(package)


def _described(source: Volume) -> dict[str, Any]:
    """What the provenance says about a source image: its size, spacing (mm), orientation, modality, and notes."""
    return {
        "shape": list(source.shape),
        "spacing_mm": [round(edge, 6) for edge in source.spacing_mm],
        "orientation": source.orientation,
        "modality": source.modality,
        "notes": list(source.notes),
    }
