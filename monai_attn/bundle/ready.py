"""Whether a bundle can run on this computer, as far as its files say. None of its code runs; no torch, no MONAI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monai_attn.bundle.describe import BundleDescription
from monai_attn.bundle.large_files import LargeFile, large_files
from monai_attn.bundle.requirements import missing_packages, unmet

__all__ = ["obstacles", "pip_line", "source_of_weights"]


def obstacles(bundle: BundleDescription, metadata: Mapping[str, Any]) -> list[str]:
    """A sentence for all that keeps a bundle from running here, each with its cure; empty where nothing does.

    Looked at are the weights, the packages that the metadata ask for, and faults of the config. Whether the bundle is
    trusted is another question.
    """
    found = [str(fault) for fault in bundle.faults]
    if not bundle.weights.is_file():
        place = f"{bundle.weights.parent.name}/{bundle.weights.name}"
        source = source_of_weights(bundle)
        way = f"Download them from {source.url}" if source else "Ask the makers of the bundle for them"
        found.append(f"The weights are missing: there is no {place}. {way}.")
    return [*found, *unmet(metadata)]


def source_of_weights(bundle: BundleDescription) -> LargeFile | None:
    """Where the weights of a bundle can be fetched, as its `large_files.yml` says; None where it does not."""
    place = bundle.weights.relative_to(bundle.root).as_posix() if bundle.weights.is_relative_to(bundle.root) else ""
    return next((file for file in large_files(bundle.root) if file.path == place and file.url), None)


def pip_line(metadata: Mapping[str, Any]) -> str:
    """The command that installs the packages which are missing or too old; "" where none is.

    >>> pip_line({"required_packages_version": {"no_such_package": "1.0"}})
    'pip install "no_such_package>=1.0"'
    """
    missing = [f'"{name}>={least}"' for name, least in missing_packages(metadata).items()]
    return f"pip install {' '.join(missing)}" if missing else ""
