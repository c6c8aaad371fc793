"""Open a bundle: four callables and a table of labels, made from the bundle's own config."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser
from torch import nn

from monai_attn.bundle.arrays import arrays_allowed
from monai_attn.bundle.code import scripts_digest
from monai_attn.bundle.describe import image_names, loads_part
from monai_attn.bundle.ends import swap_ends
from monai_attn.bundle.faults import require_runnable
from monai_attn.bundle.inputs import case_inputs, is_colour
from monai_attn.bundle.locate import config_file, find_bundle, label_table, made_for_of, read_config, read_metadata
from monai_attn.bundle.names import channel_names, labels_of
from monai_attn.bundle.overrides import check_ids
from monai_attn.bundle.prompts import PROMPT, asked_labels, own_evaluator, prompts_of
from monai_attn.bundle.requirements import unmet
from monai_attn.bundle.scripts import make_scripts_importable
from monai_attn.bundle.settings import expanded
from monai_attn.bundle.trust import require_trust
from monai_attn.bundle.weights import check_weights, expected_sha256, load_weights, weights_file
from monai_attn.cases import ImageInput
from monai_attn.errors import AttnError, BundleError, LabelError
from monai_attn.finders import Finder, FinderEntry, finder_of
from monai_attn.labels import LabelTable

__all__ = ["Parts", "label_table", "open_bundle", "why"]

JOINT_KEY = "image"
"""Where the transforms of a bundle leave several images joined: MONAI's evaluators look there."""

CaseTransform = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Parts:
    """What a segmentation needs of a bundle: preprocessing, network, inferer, postprocessing, and a table of labels.

    - `preprocessing`: takes a mapping of the names of `inputs` to paths, volumes or lists of volumes. With `partial`,
      some of the names are enough. It leaves the network's image `(channels, *spatial)` at `image_key`.
    - `network`: a torch module, `(N, channels, *spatial)` to logits `(N, classes, *spatial)`.
    - `inferer`: called as `inferer(image, network)`, gives logits for the whole image.
    - `postprocessing`: takes the case with the logits at "pred", and leaves a label map there.
    - `table`: values, names and colours of the labels; empty where the bundle does not name them.
    - `inputs`: the images of a case, the reference image first. With `joined` they are the channels of one image at
      `image_key`, on one grid.
    - `amp`: whether the bundle runs its network in mixed precision on CUDA.
    - `name`, `version`, `weights_sha256`, `config_sha256`, `scripts_sha256`, `overrides`: for the provenance of the
      mask. The digest of the config is of its text as it is read, without overrides. That of the scripts is of their
      texts and of the names of the labels.
    - `made_for`: what the bundle was trained on, in numbers (see `monai_attn.preflight.MadeFor`); empty where the
      bundle does not say it.
    - `prompts`: what each case asks for besides its images, such as `label_prompt`; empty for most bundles.
    - `channels`: names of the channels of the network's output, by number; empty where the bundle does not say them.
    - `evaluator`: the bundle's own evaluator, whose result is at "pred" of its output; None where MONAI's will do.
    - `finder`: what finds the bundle's regions in a far larger image; None where the bundle has none.
    """

    preprocessing: CaseTransform
    network: nn.Module
    inferer: Callable[..., Any]
    postprocessing: CaseTransform
    table: LabelTable
    inputs: tuple[ImageInput, ...]
    partial: bool
    image_key: str
    amp: bool
    name: str
    version: str
    weights_sha256: str
    overrides: Mapping[str, Any]
    made_for: Mapping[str, Any] = field(default_factory=dict)
    config_sha256: str = ""
    scripts_sha256: str = ""
    finder: Finder | None = None
    joined: bool = False
    prompts: Mapping[str, Any] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)
    evaluator: Any = None

    def asking(self, names: Sequence[str]) -> Parts:
        """The same parts, asked for these structures, which count as an override.

        Raises `InputError` for a bundle that always gives all its labels, and for a name that it does not know.
        """
        prompts = asked_labels(names, self.table, self.prompts, self.name)
        return replace(self, prompts=prompts, overrides={**self.overrides, "--labels": prompts[PROMPT]})

    def named(self, table: LabelTable) -> Parts:
        """The same parts with other names of the labels, which count as an override: the masks are other masks.

        Raises `LabelError` for a table that lacks one of the bundle's labels, before anything is computed.
        """
        unnamed = [label for label in self.table if label.value not in {one.value for one in table}]
        if unnamed:
            raise LabelError(
                f"The labels given do not name {unnamed[0].value}, which {self.name} calls {unnamed[0].name!r}. "
                f"Name each of its {len(self.table)} labels."
            )
        names = {str(label.value): label.name for label in table}
        return replace(self, table=table, overrides={**self.overrides, "--labels": names})

    @property
    def entry(self) -> FinderEntry | None:
        """What the metadata say about the regions of the finder; None without a finder."""
        return None if self.finder is None else self.finder.entry


def open_bundle(
    name_or_path: str | Path,
    *,
    overrides: Mapping[str, Any] | None = None,
    device: str = "cpu",
    trust: bool = False,
) -> Parts:
    """The parts of a bundle: its inference config, with our reader and without its savers, and its weights loaded.

    - `name_or_path`: a shipped bundle's name, or the folder of any MONAI bundle.
    - `overrides`: ids of the config and their values.
    - `device`: the device of the network, by torch's name.
    - `trust`: whether the code of a bundle that did not come with the package may run. It is asked for before any of
      the code runs.

    Raises `BundleError` for a bundle that cannot be read or made, or whose weights are missing or do not fit. Raises
    `OverrideError` for an id that the config does not have, and `TrustError` for a bundle that is not trusted.
    """
    root = find_bundle(name_or_path)
    metadata = read_metadata(root)
    parser = ConfigParser()
    read_config(root)  # refuses a damaged file in one sentence
    require_trust(root, trust=trust)
    require_runnable(root, overrides)
    parser.read_config(str(config_file(root)))  # MONAI's reading, which also takes ids of several levels as keys
    parser.set(expanded(parser.get(), root))
    config_sha256 = hashlib.sha256(json.dumps(parser.get(), sort_keys=True, default=str).encode()).hexdigest()
    overrides = dict(overrides or {})
    check_ids(overrides, parser.get())
    parser.update(pairs=overrides)
    if "bundle_root" not in overrides:
        parser["bundle_root"] = str(root)
    if "device" not in overrides:
        parser["device"] = f"$torch.device({device!r})"
    parser.set(swap_ends(parser.get(), colour=is_colour(metadata)))
    parser.read_meta(f=str(root / "configs" / "metadata.json"))  # a copy: MONAI turns every "#" in it into "::"
    make_scripts_importable(root)

    if own_evaluator(parser.get()):  # with a place for one case, and without handlers
        parser.update(pairs={"evaluator::val_data_loader": "$[None]", "evaluator::val_handlers": "$[]"})
    names, prompts = _image_names(parser.get(), root), prompts_of(parser.get())
    inputs, joined = case_inputs(metadata, names)
    network = _network(parser, root)
    weights = _weights_file(parser, root)
    weights_sha256 = check_weights(weights, expected_sha256(metadata, weights, root))
    load_weights(network, weights)
    table = labels_of(metadata, parser.get())
    return Parts(
        preprocessing=_resolve(parser, root, "preprocessing", "dataset::transform"),
        network=network.eval(),
        inferer=_resolve(parser, root, "inferer", "evaluator::inferer"),
        postprocessing=_resolve(parser, root, "postprocessing", "evaluator::postprocessing"),
        table=table,
        inputs=inputs,
        joined=joined,
        prompts=prompts,
        channels=channel_names(metadata),
        evaluator=_resolve(parser, root, "evaluator") if own_evaluator(parser.get()) else None,
        partial=loads_part(parser.get()),
        image_key=names[0] if len(names) == 1 else JOINT_KEY,
        amp=bool(_optional(parser, root, "evaluator::amp")),
        name=root.resolve().name,
        version=str(metadata.get("version", "")),
        weights_sha256=weights_sha256,
        overrides=overrides,
        made_for=made_for_of(metadata),
        config_sha256=config_sha256,
        scripts_sha256=scripts_digest(root, {label.value: label.name for label in table}, metadata.get("finder")),
        finder=finder_of(metadata.get("finder") or {}, root),
    )


def _weights_file(parser: ConfigParser, root: Path) -> Path:
    """The file of the weights. Raises `BundleError`, also where the expression that names the file fails."""
    try:
        return weights_file(parser, root)
    except AttnError:
        raise
    except Exception as error:  # a bundle runs its own code, which may raise anything
        raise why(error, f"The bundle {root.name} cannot say where its weights are") from error


def _network(parser: ConfigParser, root: Path) -> nn.Module:
    """The network as the config makes it. Raises `BundleError` for anything but a torch module."""
    network = _resolve(parser, root, "network_def", "network")
    if not isinstance(network, nn.Module):
        raise BundleError(f"network_def of the bundle {root.name} is a {type(network).__name__}, not a torch module.")
    return network


def _resolve(parser: ConfigParser, root: Path, *ids: str) -> Any:
    """The first of these ids that the config has, instantiated."""
    for name in ids:
        if name in parser:
            try:
                with arrays_allowed():
                    return parser.get_parsed_content(name)
            except Exception as error:  # a bundle runs its own code, which may raise anything
                needs = unmet(parser.get("_meta_") or {})
                raise why(error, f"The bundle {root.name} cannot make its {name}", *needs) from error
    raise BundleError(f"The config of the bundle {root.name} has none of {', '.join(ids)}, and one is needed.")


def why(error: BaseException, what: str, *hints: str) -> AttnError:
    """Our own error where MONAI has wrapped one; else a `BundleError` with what failed, the first cause, and hints."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, AttnError):
            return cause
        error, cause = cause, cause.__cause__
    return BundleError(" ".join([f"{what}: {type(error).__name__}: {error}", *hints]))


def _optional(parser: ConfigParser, root: Path, name: str) -> Any:
    """The value at an id of the config, instantiated; None where the config has no such id."""
    return _resolve(parser, root, name) if name in parser else None


def _image_names(config: Any, root: Path) -> list[str]:
    """The names under which the bundle's first transform loads images. Raises `BundleError` when it loads none."""
    names = image_names(config)
    if not names:
        raise BundleError(
            f"The bundle {root.name} loads nothing in its inference config; monai_attn expects its images to be loaded "
            "by LoadImaged or LoadVolumed."
        )
    return names
