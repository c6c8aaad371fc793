"""What of a bundle itself keeps it from segmenting an image, seen in its files before anything heavy is loaded."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monai_attn.bundle.config import overridden
from monai_attn.bundle.fault_kinds import cuda_only, dropped_arguments, interpolated_labels, labels_needed
from monai_attn.bundle.locate import read_config
from monai_attn.bundle.modules import absent_modules
from monai_attn.errors import BundleError

__all__ = ["Fault", "faults", "require_runnable"]

KINDS = (labels_needed, interpolated_labels, dropped_arguments, cuda_only)
"""Each gives, for a config, sentences and the overrides that cure what the sentence says."""


@dataclass(frozen=True)
class Fault:
    """A fault of a bundle: what it is, and the overrides of the config that cure it; none where no override does.

    >>> print(Fault("It needs a label.", {"preprocessing::allow_missing_keys": True}))
    It needs a label. Cure: --set preprocessing::allow_missing_keys=true
    """

    sentence: str
    cures: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        options = [f"--set {shlex.quote(f'{place}={_written(value)}')}" for place, value in self.cures.items()]
        return f"{self.sentence} Cure: {' '.join(options)}" if options else self.sentence


def require_runnable(root: Path, overrides: Mapping[str, Any] | None = None) -> None:
    """Refuse a bundle whose config, with these overrides, cannot segment an image here.

    Raises `BundleError` with each fault and the overrides that cure it.
    """
    found = faults(overridden(read_config(root), overrides or {}), root)
    if found:
        raise BundleError(f"The bundle {root.resolve().name} cannot run as it is. {' '.join(map(str, found))}")


def faults(config: Any, root: Path | None = None) -> list[Fault]:
    """The faults of a config, each with its cure; empty where there is none.

    With the bundle's folder `root`, the packages that its scripts import are looked for too. None of its code runs.

    >>> [one.cures for one in faults({"preprocessing": {"_target_": "LoadImaged", "keys": ["image", "label"]}})]
    [{'preprocessing::allow_missing_keys': True}]
    """
    found = [Fault(sentence, cures) for kind in KINDS for sentence, cures in kind(config)]
    return [*found, *(Fault(sentence) for sentence in absent_modules(config, root))]


def _written(value: Any) -> str:
    """A value as `--set` reads it: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
