"""The files of a bundle that a plan becomes; `models/model.pt` comes from the training."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from monai_attn.bundle.config import config_ids, overridden
from monai_attn.bundle.locate import shipped
from monai_attn.bundle.overrides import check_ids
from monai_attn.cases.labelled import LabelledSet
from monai_attn.errors import FileError
from monai_attn.io import write_bytes_atomic
from monai_attn.io.jsonfile import read_json
from monai_attn.learn.chosen import with_choices
from monai_attn.learn.configs import evaluate_config, inference_config, multi_gpu_config, train_config
from monai_attn.learn.fingerprint import Fingerprint
from monai_attn.learn.metadata import bundle_metadata
from monai_attn.learn.normalisation import Normalisation
from monai_attn.learn.plan import Plan
from monai_attn.learn.plan_file import write_plan

__all__ = ["check_output", "check_overrides", "nothing_left", "write_bundle", "write_json"]

NUMBERS = re.compile(r'"(?:[^"\\]|\\.)*"|\[([\s\d.,e+-]+)\]')
"""A text of JSON, which stays as it is, or a list of numbers."""

SKETCH = Plan(
    minutes=1.0,
    spacing_mm=(1.0, 1.0, 1.0),
    window=(16, 16, 16),
    batch=1,
    channels=(8, 16),
    strides=((2, 2, 2),),
    kernels=((3, 3, 3), (3, 3, 3)),
    normalisation=(),
    mirror=(),
    pairs=(),
    zoom=(1.0, 1.0),
    rotate=(0.0, 0.0, 0.0),
    foreground=0.5,
    class_weights=None,
    learning_rate=0.02,
    head_rate=0.002,
    average=0.01,
    overlap=0.5,
)
"""A plan of nothing in particular, whose train.json has the parts that each train.json has."""

LICENCE = """Fill in: the licence of this bundle.

The weights were computed from the data that docs/data_license.txt names. Whether they may be given to others, and under
which licence, depends on the licence of these data and on your institution. Until this file says otherwise, nobody but
the people who trained the bundle may use it.
"""

DATA_LICENCE = """Data used to train and evaluate this bundle
===========================================

{name}
  Licence:  {licence}
  Cite:     {reference}

Fill in what is missing: source, provider, consent or ethics approval, and the date of the download.

No image of the data set is part of this bundle. The weights in models/ were computed from it.
"""


def check_output(root: Path, *, resume: bool) -> None:
    """Refuse a folder that holds something else, before any work is done.

    Raises `FileError` for a file, for a folder with other content, and for nothing to resume.
    """
    begun = all((root / place).is_file() for place in ("configs/train.json", "configs/split.json", "docs/plan.json"))
    if root.exists() and not root.is_dir():
        raise FileError(f"{root.name} is a file. Name a new folder for the bundle.")
    if resume and not begun:
        raise FileError(
            f"{root.name} holds no training to resume. Leave resume out, or name the folder of the training."
        )
    if not resume and root.is_dir() and any(root.iterdir()):
        way_out = "Go on with it (--resume), or name" if begun else "Name"
        raise FileError(f"{root.name} is not empty. {way_out} a new folder for the bundle.")


@contextmanager
def nothing_left(root: Path) -> Iterator[None]:
    """Where the block does not come to its end, the new folder is as it was before: empty, or not there.

    Raises `FileError` before the block where nothing can be written to the folder.
    """
    existed = root.is_dir()
    _check_writable(root)
    try:
        yield
    except BaseException:
        with suppress(OSError):  # what cannot be removed must not hide the error
            for path in root.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            if not existed:
                root.rmdir()
        raise


def _check_writable(root: Path) -> None:
    """Raise `FileError` where no file can be written to a folder; nothing of the trial is left."""
    trial = root / "trial"
    write_bytes_atomic(trial, b"trial")
    trial.unlink()


def check_overrides(labelled: LabelledSet, overrides: Mapping[str, Any]) -> None:
    """Raise `OverrideError` for an override of something that no train.json has, before any case is read.

    Only the first part of an id is looked at, since what comes after it depends on the plan. A decision of the plan
    must have its form, see `with_choices`.
    """
    scale = {"_target_": "ScaleIntensityRanged", "a_min": 0.0, "a_max": 1.0, "b_min": 0.0, "b_max": 1.0}
    normalisation = tuple(Normalisation(one.name, one.unit, (scale | {"keys": one.name},)) for one in labelled.images)
    config = train_config(replace(SKETCH, normalisation=normalisation), labelled.labels)
    first = {name.replace("#", "::").partition("::")[0]: value for name, value in overrides.items()}
    check_ids(first, dict.fromkeys(config))
    with_choices(SKETCH, overrides)


def write_bundle(
    root: Path,
    labelled: LabelledSet,
    plan: Plan,
    fingerprint: Fingerprint,
    split: Mapping[str, Any],
    overrides: Mapping[str, Any],
) -> None:
    """Write configs, metadata, plan, split and licence placeholders to the folder of a bundle.

    `overrides` change values of train.json by id. The same ids are changed in inference.json and evaluate.json where
    these have them, so that training and masks agree. Raises `OverrideError` for an id that train.json does not have.
    """
    train = train_config(plan, labelled.labels)
    check_ids(overrides, train)
    configs = {
        "train": train,
        "inference": inference_config(plan, labelled.labels),
        "evaluate": evaluate_config(plan),
        "multi_gpu_train": multi_gpu_config(),
    }
    for name, content in configs.items():
        write_json(root / "configs" / f"{name}.json", overridden(content, _that_fit(content, overrides)))
    write_json(root / "configs" / "metadata.json", bundle_metadata(root.name, labelled, plan, fingerprint))
    write_json(root / "configs" / "split.json", {"description": _about_split(labelled), **split})
    write_plan(plan, root / "docs" / "plan.json")
    like = next(iter(shipped().values()))
    (schema,) = (like / "docs").glob("meta_schema_*.json")
    said = {"licence": labelled.licence or "fill in", "reference": labelled.reference or "fill in"}
    for path, text in {
        "LICENSE": LICENCE,
        "docs/data_license.txt": DATA_LICENCE.format(name=labelled.name, **said),
        f"docs/{schema.name}": schema.read_text(encoding="utf-8"),
        "configs/logging.conf": (like / "configs" / "logging.conf").read_text(encoding="utf-8"),
    }.items():
        write_bytes_atomic(root / path, text.encode(), overwrite=True)


def change_configs(root: Path, overrides: Mapping[str, Any]) -> None:
    """Change values of the configs of a bundle by id, as `write_bundle` does. Raises `OverrideError`."""
    configs = {name: read_json(root / "configs" / f"{name}.json") for name in ("train", "inference", "evaluate")}
    check_ids(overrides, configs["train"])
    for name, content in configs.items():
        write_json(root / "configs" / f"{name}.json", overridden(content, _that_fit(content, overrides)))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON in which a list of numbers stands on one line; an earlier file is replaced."""
    text = json.dumps(content, indent=4, ensure_ascii=False, allow_nan=False)
    short = NUMBERS.sub(
        lambda found: found[0] if found[1] is None else f"[{', '.join(found[1].replace(',', ' ').split())}]", text
    )
    write_bytes_atomic(path, f"{short}\n".encode(), overwrite=True)


def _that_fit(content: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The overrides whose id, or whose component, a config has."""
    known = set(config_ids(content))
    names = {name: name.replace("#", "::") for name in overrides}
    return {
        name: overrides[given]
        for given, name in names.items()
        if name in known or f"{name.rpartition('::')[0]}::_target_" in known
    }


def _about_split(labelled: LabelledSet) -> str:
    return (
        f"Cases of {labelled.name}. The weights learn from train; validation chooses the weights; test chooses "
        "nothing, and is scored in docs/README.md."
    )
