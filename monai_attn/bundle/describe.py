"""What a bundle says of itself: read from its files alone. None of its code runs; no torch, no MONAI is loaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monai_attn.bundle.code import scripts_of
from monai_attn.bundle.config import (
    component_of,
    components_of,
    config_ids,
    mapping_at,
    overridden,
    resolve,
    walk_config,
)
from monai_attn.bundle.faults import Fault, faults
from monai_attn.bundle.inputs import case_inputs, is_colour
from monai_attn.bundle.locate import find_bundle, made_for_of, read_config, read_metadata
from monai_attn.bundle.names import labels_of
from monai_attn.bundle.prompts import prompts_of
from monai_attn.bundle.values import plain_value
from monai_attn.cases import ImageInput
from monai_attn.finders import Finder, finder_of
from monai_attn.labels import LabelTable

__all__ = [
    "BundleDescription",
    "describe_bundle",
    "foreign_code",
    "image_names",
    "loads_part",
]

LOADERS = ("LoadImaged", "LoadImageD", "LoadImageDict", "LoadVolumed")

INFERERS = ("StreamingInferer", "SlidingWindowInferer", "SlidingWindowInfererAdapt")

OURS = ("monai.", "monai_attn.")
"""Where the components of MONAI and of this package begin; a target without a dot is MONAI's too."""

COMMON = ("torch.", "numpy.")
"""Packages besides, whose classes and functions are part of nearly every bundle."""

LICENCES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "docs/data_license.txt")

WEIGHTS_IN_TEXT = re.compile(r"""["'](/?[\w./-]+\.\w+)["']\s*$""")
"""The file at the end of an expression such as `$@bundle_root + '/models/model.pt'`."""


@dataclass(frozen=True)
class BundleDescription:
    """What a bundle is and asks for, as far as its metadata and its config say; None or empty where they do not.

    - `name`, `root` (its folder), `version`, `task`, `authors`.
    - `images`: the images of a case, the reference image first. With `joined` they are channels of one image on one
      grid; otherwise each has a grid of its own, and with `optional` any of them is enough.
    - `labels`: values and names of the structures; `classes`: the number of channels of the network's output.
    - `spacing_mm`: the voxel spacing along R, A, S to which the bundle resamples; 0 or less keeps the image's own.
    - `window`: the size of the sliding window in voxels of that spacing; an edge of 0 is the whole image's.
      `overlap`: the share of a window that the next window repeats, for each axis. `overlap_id`: the id of the overlap
      in the config, "" where there is none. `runs`: how often the network sees each window (mirror images).
      `skips_air`: whether windows of background alone are left out. `streams`: whether labels are made slab by slab.
    - `made_for`: what the network was trained on, in numbers; see `monai_attn.preflight.made_for`.
    - `finder`: what finds the regions in a far larger image; None where the bundle has none.
    - `weights`: the file of the weights, which may be missing. `licences`: the licence files that are there.
    - `scripts`: files that the bundle brings and that can be run. `targets`: classes and functions outside MONAI,
      torch and NumPy that it would call. `expressions`: Python expressions (`$...`) that it would evaluate.
    - `colour`: whether it takes colour pictures in two dimensions; then `images` are their channels.
    - `prompts`: what a case asks for besides images, as the config has it; see `monai_attn.bundle.prompts`.
    - `faults`: what of the bundle keeps it from running, each with its cure; see `monai_attn.bundle.faults`.
    """

    name: str
    root: Path
    version: str
    task: str
    authors: str
    images: tuple[ImageInput, ...]
    joined: bool
    optional: bool
    labels: LabelTable
    classes: int
    spacing_mm: tuple[float, ...] | None
    window: tuple[int, ...] | None
    overlap: tuple[float, ...]
    overlap_id: str
    runs: int
    skips_air: bool
    streams: bool
    made_for: Mapping[str, Any]
    finder: Finder | None
    weights: Path
    licences: tuple[Path, ...]
    scripts: tuple[Path, ...]
    targets: tuple[str, ...]
    expressions: tuple[str, ...]
    faults: tuple[Fault, ...] = ()
    colour: bool = False
    prompts: Mapping[str, Any] = field(default_factory=dict)


def describe_bundle(name_or_path: str | Path, overrides: Mapping[str, Any] | None = None) -> BundleDescription:
    """The description of a shipped bundle (by name) or of a bundle in a folder, with these overrides of its config.

    None of the bundle's code runs, and neither torch nor MONAI is loaded. What the files do not say is empty or None.
    Raises `BundleError` when there is no such bundle or its files cannot be read.

    >>> bundle = describe_bundle("hippocampus_mri")
    >>> [image.modality for image in bundle.images], bundle.window
    (['MR'], (40, 56, 40))
    """
    root = find_bundle(name_or_path)
    metadata = read_metadata(root)
    config = overridden(read_config(root), overrides or {})
    images, joined = case_inputs(metadata, image_names(config))
    inferer = _first(config, *INFERERS)
    flips = resolve(_first(config, "FlippedInferer").get("axes"), config)
    labels = labels_of(metadata, config)
    code, classes = foreign_code(config), _output(metadata).get("num_channels")
    return BundleDescription(
        name=root.resolve().name,
        root=root,
        version=str(metadata.get("version", "")),
        task=str(metadata.get("task") or metadata.get("description") or ""),
        authors=str(metadata.get("authors") or ""),
        images=images,
        joined=joined,
        optional=loads_part(config),
        labels=labels,
        classes=classes if isinstance(classes, int) and classes > 0 else len(labels) + 1,
        spacing_mm=_numbers(plain_value(_first(config, "Spacingd", "AlignImagesd").get("pixdim"), config)),
        window=_window(plain_value(inferer.get("roi_size"), config)),
        overlap=_shares(resolve(inferer.get("overlap"), config)),
        overlap_id=next((name for name in config_ids(config) if name.endswith("::overlap")), ""),
        runs=2 ** len(flips) if isinstance(flips, list) else 1,
        skips_air=isinstance(resolve(inferer.get("air"), config), int | float),
        streams=bool(inferer.get("labels")),
        made_for=made_for_of(metadata),
        finder=finder_of(metadata.get("finder") or {}, root),
        weights=_weights(config, root),
        licences=licences_of(root),
        scripts=scripts_of(root),
        targets=tuple(text for text in code if text[:1] != "$" and not text.startswith(COMMON)),
        expressions=tuple(text for text in code if text[:1] == "$"),
        faults=tuple(faults(config, root)),
        colour=is_colour(metadata),
        prompts=prompts_of(config),
    )


def image_names(config: Any) -> list[str]:
    """The names under which the first transform of a bundle loads the images of a case; labels are not among them.

    The reference image comes first. The list is empty for a config that loads nothing.

    >>> image_names({"_target_": "LoadImaged", "keys": ["image", "label"]})
    ['image']
    """
    keys = [plain_value(loader.settings.get("keys"), config) for loader in components_of(config, *LOADERS)]
    names = [name for one in keys for name in ([one] if isinstance(one, str) else one or [])]
    return [name for name in dict.fromkeys(names) if isinstance(name, str) and "label" not in name]


def loads_part(config: Any) -> bool:
    """Whether a bundle takes a case of which some images are missing."""
    return any(
        bool(resolve(loader.settings.get("allow_missing_keys"), config)) for loader in components_of(config, *LOADERS)
    )


def foreign_code(config: Any) -> list[str]:
    """What a config would run besides MONAI's components and ours: other targets, and expressions (`$...`).

    Each is listed once, in the order of the config; nothing of it runs.

    >>> foreign_code({"_target_": "subprocess.run", "args": "$['ls']", "inferer": {"_target_": "SimpleInferer"}})
    ['subprocess.run', "$['ls']"]
    """
    code: list[str] = []
    for place, node in walk_config(config):
        component = component_of(place, node)
        if component is not None and "." in component.target and not component.target.startswith(OURS):
            code.append(component.target)
        if isinstance(node, str) and node.startswith("$"):
            code.append(node)
    return list(dict.fromkeys(code))


def licences_of(root: Path) -> tuple[Path, ...]:
    """The licence files of a bundle: of its code and weights, and of the data that the network was trained on."""
    return tuple(root / name for name in LICENCES if (root / name).is_file())


def _first(config: Any, *names: str) -> dict[str, Any]:
    """The settings of the first component of one of these names; empty where there is none."""
    return next((one.settings for one in components_of(config, *names)), {})


def _output(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the metadata say about the network's output; empty where they say nothing."""
    return mapping_at(metadata, "network_data_format::outputs::pred")


def _weights(config: Any, root: Path) -> Path:
    """The file that the config's `CheckpointLoader` names, as far as that can be seen; else `models/model.pt`."""
    said = plain_value(_first(config, "CheckpointLoader").get("load_path"), {**config, "bundle_root": ""})
    if not isinstance(said, str):
        return root / "models" / "model.pt"
    if not said.startswith("$"):
        return root / said.lstrip("/")
    found = WEIGHTS_IN_TEXT.search(said)
    return root / (found[1].lstrip("/") if found else "models/model.pt")


def _numbers(said: Any) -> tuple[float, ...] | None:
    """Three numbers, one for each axis; None for anything else."""
    if isinstance(said, list) and len(said) == 3 and all(isinstance(x, int | float) for x in said):
        return tuple(float(x) for x in said)
    return None


def _window(said: Any) -> tuple[int, ...] | None:
    """Edges of the window; MONAI takes one number for all axes, and the image's edge for 0 and below."""
    numbers = _numbers([said] * 3 if isinstance(said, int) else said)
    return tuple(max(int(x), 0) for x in numbers) if numbers else None


def _shares(said: Any) -> tuple[float, ...]:
    """The overlap along each axis; MONAI's default where the config does not give one."""
    numbers = _numbers(said if isinstance(said, list) else [said] * 3)
    return numbers if numbers and min(numbers) >= 0 and max(numbers) < 1 else (0.25,) * 3
