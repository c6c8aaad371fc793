"""Getting a bundle of the model zoo into the user's folder, by MONAI's own download and only when the user asks."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from pathlib import Path

from monai_attn.bundle.locate import bundle_folders, find_bundle
from monai_attn.errors import BundleError, FileError
from monai_attn.io.atomic import atomic_folder

__all__ = ["fetch"]

HOSTS = ("https://huggingface.co", "https://api.ngc.nvidia.com")
"""Where MONAI looks for the bundles of its model zoo."""

PATIENCE_S = 5.0
"""How long each of the hosts may take to answer at all."""


def fetch(name: str, *, version: str | None = None, folder: Path | None = None) -> Path:
    """The folder of a bundle of MONAI's model zoo, downloaded by `monai.bundle.download`; the newest by default.

    - `name`: as in the model zoo, for example "spleen_ct_segmentation".
    - `folder`: where bundles are kept, by default the user's first folder of bundles.

    None of the bundle's code runs, and the bundle is not trusted by that. MONAI compares the checksums of large files
    where the bundle lists them. The bundle appears whole or not at all.

    Raises `FileError` for a bundle that is there already, and `BundleError` without a network, for a name that the zoo
    does not have, and for what is no bundle.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise BundleError(f"{name!r} is no name of a bundle. Write the name as in MONAI's model zoo.")
    home = folder or bundle_folders()[0]
    place = home / name
    if place.exists():
        raise FileError(f"The bundle {name} is there already: {place}. Delete the folder to fetch it again.")
    if not _is_online():
        raise BundleError(f"There is no network, so {name} cannot be fetched. Copy the bundle's folder to {home}.")
    home.mkdir(parents=True, exist_ok=True)
    with atomic_folder(place) as working:
        _download(name, version, working.parent)
        find_bundle(working)  # refuses what is no bundle
    return place


def _download(name: str, version: str | None, folder: Path) -> None:
    """MONAI's download. Raises `BundleError` for whatever goes wrong there."""
    from monai.bundle import download

    try:
        download(name=name, version=version, bundle_dir=str(folder))
    except Exception as error:  # of the network, of a host, of MONAI
        raise BundleError(
            f"{name} could not be fetched: {type(error).__name__}: {' '.join(str(error).split())[:300]} "
            "Check the name in MONAI's model zoo, and the network."
        ) from error


def _is_online() -> bool:
    """Whether one of the hosts answers; the answer itself does not matter."""
    for host in HOSTS:
        try:
            with urllib.request.urlopen(host, timeout=PATIENCE_S):
                return True
        except urllib.error.HTTPError:
            return True
        except (OSError, ValueError):
            continue
    return False
