"""What our bundles run first, so that `monai.bundle run` refuses what MONAI passes over.

MONAI accepts any override and ignores the ids that it does not know. It checks no versions, and it finds a missing file
only when the file is needed. A config names these functions as `_target_`; `check` stands in its `initialize`.
"""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from pydoc import locate
from types import TracebackType
from typing import Any

from monai.bundle import BundleWorkflow, ConfigComponent, ConfigParser, ConfigWorkflow, ReferenceResolver

from monai_attn.bundle.config import (
    component_of,
    config_ids,
    is_expression,
    leaves,
    parents_of_id,
    texts_of,
    walk_config,
)
from monai_attn.bundle.requirements import VERSION_KEYS, unmet
from monai_attn.bundle.weights import check_weights, expected_sha256, read_weights
from monai_attn.errors import AttnError, BundleError, FileError, OverrideError
from monai_attn.io.digest import sha256

__all__ = ["bundle_root", "check", "provenance"]

PLACES = {"bundle_root", "dataset_dir", "output_dir", "split_file", "pattern", "weights", "initial_weights"}
"""Overrides that say where files lie, not how they are computed; a path may hold a patient's name."""


def bundle_root() -> str:
    """The bundle's own folder, whatever the working directory is: `"bundle_root": {"_target_": "...bundle_root"}`.

    A MONAI config cannot name its own place. The parser forgets the file that it read, and `"."` or a relative `%file`
    mean the working directory. Only the running `ConfigWorkflow` knows its `config_root_path`, so this function goes up
    the stack to it. `--bundle_root` replaces it.

    Raises `BundleError` when no workflow is running, as in `ckpt_export` of a config that needs the folder; our configs
    do not need it there.
    """
    workflow = _workflow()
    if workflow is None:
        raise BundleError("No bundle workflow is running, so the bundle's folder is unknown. Set bundle_root.")
    return str(_root(workflow))


def check(weights: str | None = None) -> None:
    """Refuse what MONAI would pass over: unknown overrides, older packages, and weights that are missing or damaged.

    - The words true and false, which reach MONAI as text, become booleans.
    - `weights`: the file that must be there; None checks no file. Its SHA-256 is compared with metadata.json.

    Raises `OverrideError`, `BundleError` or `FileError`. In `python -m monai.bundle` the error's own sentence becomes
    the last line, below MONAI's traceback.
    """
    _end_with_our_sentence()
    workflow = _workflow()
    if workflow is None:
        raise BundleError("The guard of a bundle runs in its 'initialize', under monai.bundle run.")
    _check_overrides(workflow)
    _read_booleans(workflow)
    _check_versions(_root(workflow).name, workflow.parser.get("_meta_") or {})
    if weights is not None:
        _check_weights(Path(weights), workflow)


def provenance(bundle_root: str, weights: str) -> dict[str, Any]:
    """What made a mask: bundle, version, SHA-256 of the weights, package versions, and overrides, but no paths."""
    workflow = _workflow()
    metadata = ConfigParser.load_config_file(str(Path(bundle_root) / "configs" / "metadata.json"))
    return {
        "bundle": Path(bundle_root).resolve().name,
        "bundle_version": metadata["version"],
        "weights_sha256": sha256(Path(weights)),
        "versions": {name: version(name) for name in ("monai_attn", *VERSION_KEYS.values())},
        "overrides": {} if workflow is None else _overrides(workflow),
    }


def _check_weights(path: Path, workflow: ConfigWorkflow) -> None:
    if not path.is_file():
        raise FileError(f"The weights {path} do not exist. Train them (train.json), or set --weights.")
    check_weights(path, expected_sha256(workflow.parser.get("_meta_") or {}, path, _root(workflow)))
    read_weights(path)  # MONAI's loader would end with torch's advice to unpickle whatever is in the file


def _workflow() -> ConfigWorkflow | None:
    """The `ConfigWorkflow` that is running: the nearest `self` up the stack that is one.

    MONAI passes neither the workflow nor the config's place to the components that it makes, so the stack is looked at.
    """
    frame = inspect.currentframe()
    while frame is not None:
        candidate = frame.f_locals.get("self")
        if isinstance(candidate, BundleWorkflow) and hasattr(candidate, "config_root_path"):
            return candidate
        frame = frame.f_back
    return None


def _root(workflow: ConfigWorkflow) -> Path:
    """The folder of the bundle that a workflow runs: the folder above `configs`."""
    folder = Path(workflow.config_root_path).resolve()
    return folder.parent if folder.name == "configs" else folder


def _files(workflow: ConfigWorkflow) -> list[dict[str, Any]]:
    """The JSON files of the configs folder that take part: those whose every key is in the running config.

    The workflow keeps no list of its files. An override adds keys and never takes one away, so a file that lacks
    nothing either takes part or could add nothing.
    """
    contents = []
    for path in sorted(Path(workflow.config_root_path).glob("*.json")):
        content = ConfigParser.load_config_file(str(path))
        merged = {key.lstrip("+"): value for key, value in content.items()}
        if path.name != "metadata.json" and all(key in workflow.parser for key in merged):
            contents.append(merged)
    return contents


def _check_overrides(workflow: ConfigWorkflow) -> None:
    """Refuse ids that no config file sets and nothing uses. Raises `OverrideError`, with ids that are spelt alike."""
    config = {key: value for key, value in workflow.parser.get().items() if key != "_meta_"}
    known = {name for content in _files(workflow) for name in _ids_of_file(content)}
    known |= {name for text in texts_of(config) for name in ReferenceResolver.match_refs_pattern(text)}
    hints = dict(_unknown(config, known, workflow.parser))
    unknown = [f"{name!r}{hints[name]}" for name in config_ids(config) if name in hints]  # in the order of the config
    if unknown:
        raise OverrideError(
            f"Nothing in the bundle's config is called {', nor '.join(unknown)}, so the override would change nothing."
        )


def _ids_of_file(content: Mapping[str, Any]) -> Iterator[str]:
    """All ids that a file sets; an overlay may write "train::trainer::max_epochs" or "train#trainer" as one key."""
    for key, value in content.items():
        yield from (known := parents_of_id(key))
        yield from (f"{known[-1]}::{name}" for name in config_ids(value))


def _unknown(config: Any, known: set[str], parser: ConfigParser) -> Iterator[tuple[str, str]]:
    """Ids that no config file sets, no reference uses, and no component takes as an argument, with a hint each."""
    for place, node in walk_config(config):
        if not isinstance(node, dict):
            continue
        start = f"{place}::" if place else ""
        component = component_of(place, node)
        ours = component is not None or not place or any(name.startswith(start) for name in known)
        for key in node if ours else ():
            if f"{start}{key}" in known:
                continue
            arguments = _arguments(node, parser) if component is not None else []
            if key not in arguments:
                yield f"{start}{key}", _hint(key, start, known, arguments)


def _arguments(component: dict[str, Any], parser: ConfigParser) -> list[str]:
    """The keywords that a component takes, MONAI's own (`_disabled_`, ...) among them."""
    target = ConfigComponent(component, locator=parser.locator).resolve_module_name()
    made = locate(target) if isinstance(target, str) else target
    if not callable(made):
        raise BundleError(f"The config names {target!r}, which cannot be found or called.")
    parameters = inspect.signature(made).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return [*parameters, *component]  # it takes any keyword, so what it does with them is its own affair
    return [*parameters, *ConfigComponent.non_arg_keys]


def _hint(key: str, start: str, known: set[str], arguments: list[str]) -> str:
    """Ids that come close to an unknown one, as words in brackets; "" where there are none."""
    candidates = [*known, *(f"{start}{name}" for name in arguments if not name.startswith("_"))]
    elsewhere = sorted((name for name in known if name.rsplit("::", 1)[-1] == key), key=len)
    close = [*elsewhere, *difflib.get_close_matches(f"{start}{key}", candidates, n=3)]
    names = list(dict.fromkeys(close))[:3]
    return f" (did you mean {' or '.join(names)}?)" if names else ""


def _check_versions(bundle: str, metadata: Mapping[str, Any]) -> None:
    """Refuse older packages than metadata.json asks for, and metadata that name no versions. Raises `BundleError`."""
    if any(metadata.get(key) is None for key in VERSION_KEYS):
        raise BundleError(f"The metadata.json of {bundle} is missing or names no versions. Set --meta_file.")
    missing = unmet(metadata)
    if missing:
        raise BundleError(f"The bundle {bundle} cannot run here. {' '.join(missing)}")


def _overrides(workflow: ConfigWorkflow) -> dict[str, Any]:
    """Ids whose value is none of those the participating config files give them."""
    given: dict[str, list[Any]] = {}
    for content in _files(workflow):
        for key, value in content.items():
            for name, leaf in leaves(value, parents_of_id(key)[-1]):
                given.setdefault(name, []).append(leaf)
    config = {key: value for key, value in workflow.parser.get().items() if key not in {"_meta_", *PLACES}}
    return {name: leaf for name, leaf in leaves(config) if leaf not in given.get(name, [])}


def _read_booleans(workflow: ConfigWorkflow) -> None:
    """Make `--resume false` false: MONAI gets the text "false" from the command line, which counts as true."""
    for name, default in {name: leaf for content in _files(workflow) for name, leaf in leaves(content)}.items():
        given = workflow.parser.get(name)
        if isinstance(default, bool) and isinstance(given, str) and not is_expression(given):
            if given.lower() not in ("true", "false"):
                raise OverrideError(f"{name} is true or false, not {given!r}.")
            workflow.parser[name] = given.lower() == "true"  # it is parsed again before its next use


def _end_with_our_sentence() -> None:
    """Print an `AttnError` that MONAI has wrapped once more, below the traceback, in `python -m monai.bundle`.

    MONAI raises "Failed to evaluate ..." or "Failed to instantiate ..." from our error, which then stands some
    screens further up. Nothing is changed in other programs.
    """
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is None or spec.name != "monai.bundle.__main__" or sys.excepthook is not sys.__excepthook__:
        return

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.__excepthook__(kind, error, trace)
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, AttnError):
            cause = cause.__cause__
        if cause is not None and cause is not error:
            sys.stderr.write(f"\n{type(cause).__name__}: {cause}\n")

    sys.excepthook = show
