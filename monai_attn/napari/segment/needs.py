"""What a bundle asks of its images, read from its JSON alone: nothing of it runs, no torch is loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from monai_attn.bundle.config import config_ids
from monai_attn.bundle.inputs import image_inputs
from monai_attn.bundle.locate import config_file, find_bundle, label_table, read_metadata
from monai_attn.errors import BundleError

__all__ = ["Needs", "Slot", "needs_of", "read_config"]

LOADERS = ("LoadImaged", "LoadVolumed")


@dataclass(frozen=True)
class Slot:
    """One image that a bundle takes: its name, DICOM's code of its modality ("" where not said), what it shows."""

    name: str
    modality: str = ""
    description: str = ""


@dataclass(frozen=True)
class Needs:
    """What a bundle asks for, as far as its metadata and config say; None or empty where they do not.

    `slots` are the images of a case: channels of one input on one grid with `joined`, else each on its own grid and
    any of them enough with `optional`. `pixdim_mm` is the spacing that the bundle resamples to, along R, A, S;
    `window` its sliding window in voxels of that, an edge of 0 that of the image; `overlap` its share along each axis;
    `skips_air` whether windows of air are left out, `streams` whether labels are made slab by slab (see
    `StreamingInferer`); `runs` how often each window is run (flips); `classes` the channels of its output; `field_mm`
    the smallest and largest extent, along R, A, S, of the images it was trained on; `overlap_id` the id by which an
    override sets the overlap, "" where its inferer says none.
    """

    name: str
    root: Path
    task: str
    slots: tuple[Slot, ...]
    joined: bool
    optional: bool
    pixdim_mm: tuple[float, ...] | None
    window: tuple[int, ...] | None
    overlap: tuple[float, ...]
    skips_air: bool
    streams: bool
    runs: int
    classes: int
    field_mm: tuple[tuple[float, ...], tuple[float, ...]] | None
    structures: tuple[str, ...]
    overlap_id: str


def needs_of(name_or_path: str | Path, overrides: Mapping[str, Any] | None = None) -> Needs:
    """What a shipped bundle, or one in a folder, asks for with these overrides. Raises `BundleError`."""
    root = find_bundle(name_or_path)
    metadata = read_metadata(root)
    config = read_config(root)
    for key, value in (overrides or {}).items():
        _override(config, key.replace("#", "::").split("::"), value)
    data_format = metadata.get("network_data_format", {})
    flipped = _first(config, "FlippedInferer").get("axes", ())
    inferer = _first(config, "StreamingInferer", "SlidingWindowInferer", "SlidingWindowInfererAdapt")
    loaders = list(_nodes(config, *LOADERS))
    slots, joined = _slots(metadata, [_value(node.get("keys"), config) or node.get("keys") for node in loaders])
    field = metadata.get("field_mm")
    return Needs(
        name=root.resolve().name,
        root=root,
        task=str(metadata.get("task") or metadata.get("description") or ""),
        slots=slots,
        joined=joined,
        optional=any(bool(node.get("allow_missing_keys")) for node in loaders),
        pixdim_mm=_numbers(_value(_first(config, "Spacingd", "AlignImagesd").get("pixdim"), config)),
        window=_window(_value(inferer.get("roi_size"), config)),
        overlap=_shares(_value(inferer.get("overlap", 0.25), config)),
        skips_air=_value(inferer.get("air"), config) is not None,
        streams=bool(inferer.get("labels")),
        runs=2 ** len(_value(flipped, config)) if _is_list(_value(flipped, config)) else 1,
        classes=int(
            data_format.get("outputs", {}).get("pred", {}).get("num_channels") or len(label_table(metadata)) + 1
        ),
        field_mm=(tuple(field[0]), tuple(field[1])) if field else None,
        structures=tuple(label.name for label in label_table(metadata)),
        overlap_id=next((name for name in config_ids(config) if name.endswith("::overlap")), ""),
    )


def read_config(root: Path) -> dict[str, Any]:
    """The inference config as it stands in its file. Raises `BundleError` when it cannot be read."""
    path = config_file(root)
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix == ".json" else import_module("yaml").safe_load(text)
    except ImportError as error:
        raise BundleError(
            f"{root.name}/configs/{path.name} needs PyYAML. Install it with: pip install pyyaml"
        ) from error
    except (OSError, ValueError) as error:
        raise BundleError(f"{root.name}/configs/{path.name} cannot be read: {error}.") from error
    if not isinstance(content, dict):
        raise BundleError(f"{root.name}/configs/{path.name} must hold an object with names.")
    return content


def _slots(metadata: Mapping[str, Any], loaded: Sequence[Any]) -> tuple[tuple[Slot, ...], bool]:
    """The images of a case, of the keys that are loaded, and whether they are channels of one input."""
    names = [name for keys in loaded for name in _list(keys) if "label" not in name]
    inputs = image_inputs(metadata, list(dict.fromkeys(names)) or ["image"])
    image = metadata.get("network_data_format", {}).get("inputs", {}).get("image", {})
    said, count = image.get("channel_def") or {}, image.get("num_channels")
    if len(inputs) > 1:
        return tuple(Slot(one.name, one.modality, one.description) for one in inputs), False
    (one,) = inputs
    if metadata.get("images") or not isinstance(count, int) or count < 2:
        return (Slot(one.name, one.modality, one.description or str(said.get("0", ""))),), False
    return tuple(Slot(str(said.get(str(n)) or f"{one.name} {n + 1}"), one.modality) for n in range(count)), True


def _nodes(node: Any, *names: str) -> Iterator[dict[str, Any]]:
    """Every component of a config whose `_target_` ends in one of these names."""
    if isinstance(node, dict):
        if str(node.get("_target_", "")).rpartition(".")[2] in names:
            yield node
        for value in node.values():
            yield from _nodes(value, *names)
    elif isinstance(node, list):
        for value in node:
            yield from _nodes(value, *names)


def _first(config: Any, *names: str) -> dict[str, Any]:
    return next(_nodes(config, *names), {})


def _value(said: Any, config: Any) -> Any:
    """A plain value, also behind a reference such as "@roi_size"; None for an expression."""
    if isinstance(said, str) and said.startswith("@"):
        for part in said[1:].replace("#", "::").split("::"):
            said = _child(config, part)
            config = said
        return None if isinstance(said, str) else said
    return None if isinstance(said, str) else said


def _child(node: Any, part: str) -> Any:
    """The child of a config's node by name or number; None where there is none."""
    if isinstance(node, dict):
        return node.get(part)
    if isinstance(node, list) and part.isdigit() and int(part) < len(node):
        return node[int(part)]
    return None


def _override(config: Any, path: Sequence[str], value: Any) -> None:
    *parents, last = path
    for part in parents:
        config = _child(config, part)
    if isinstance(config, dict):
        config[last] = value
    elif isinstance(config, list) and last.isdigit() and int(last) < len(config):
        config[int(last)] = value


def _numbers(said: Any) -> tuple[float, ...] | None:
    if _is_list(said) and len(said) == 3 and all(isinstance(x, int | float) for x in said):
        return tuple(float(x) for x in said)
    return None


def _window(said: Any) -> tuple[int, ...] | None:
    """Edges of the window; MONAI takes one number for all axes, and the image's edge for 0 and below."""
    numbers = _numbers([said] * 3 if isinstance(said, int) else said)
    return tuple(max(int(x), 0) for x in numbers) if numbers else None


def _shares(said: Any) -> tuple[float, ...]:
    """The overlap along each axis; MONAI's default where it is not said."""
    numbers = _numbers(said if _is_list(said) else [said] * 3)
    return numbers if numbers and min(numbers) >= 0 and max(numbers) < 1 else (0.25,) * 3


def _is_list(said: Any) -> bool:
    return isinstance(said, list | tuple)


def _list(said: Any) -> list[str]:
    return [said] if isinstance(said, str) else list(said or [])
