"""Getting a bundle of the model zoo, or the weights of a bundle that came without them; only when the user asks."""

from __future__ import annotations

import http.client
import re
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from monai_attn.bundle.describe import describe_bundle
from monai_attn.bundle.locate import bundle_folders, find_bundle, read_metadata
from monai_attn.bundle.ready import source_of_weights
from monai_attn.errors import BundleError, FileError
from monai_attn.io.atomic import atomic_folder, atomic_path
from monai_attn.io.digest import sha256

__all__ = ["fetch", "fetch_weights"]

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


def fetch_weights(root: Path) -> Path:
    """The weights of a bundle that came without them, downloaded from where its `large_files.yml` says.

    Their SHA-256 is compared with `weights_sha256` of the metadata, or else with that of `large_files.yml`. The file
    appears whole and as it should be, or not at all.

    Raises `FileError` for weights that are there. Raises `BundleError` without an address, without a SHA-256, for an
    address that is not https, without a network, and for a file of another SHA-256.
    """
    bundle = describe_bundle(root)
    if bundle.weights.is_file():
        raise FileError(
            f"The weights of {bundle.name} are there already. Delete {bundle.weights.name} to fetch it again."
        )
    source = source_of_weights(bundle)
    if source is None:
        raise BundleError(
            f"{bundle.name} does not say where its weights are: it has no large_files.yml that names them."
        )
    listed = source.hash_value if source.hash_type.lower() == "sha256" else ""
    wanted = str(read_metadata(bundle.root).get("weights_sha256") or listed).lower()
    if not wanted:
        raise BundleError(f"{bundle.name} states no SHA-256 of its weights, so a damaged file could not be told.")
    address = urlsplit(source.url)
    if address.scheme != "https" and (address.scheme, address.hostname) != ("http", "127.0.0.1"):
        raise BundleError(f"The weights of {bundle.name} are not at an https address. Get them by hand.")
    with atomic_path(bundle.weights) as temporary:
        try:
            with _opener().open(source.url, timeout=60) as answer, temporary.open("wb") as file:
                shutil.copyfileobj(answer, file)
        except (OSError, http.client.HTTPException) as error:
            raise BundleError(
                f"The weights of {bundle.name} could not be fetched: {type(error).__name__}. Check the network."
            ) from error
        if sha256(temporary) != wanted:
            raise BundleError(
                f"The weights that were fetched for {bundle.name} have another SHA-256. Nothing was kept."
            )
    return bundle.weights


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
            with _opener().open(host, timeout=PATIENCE_S):
                return True
        except urllib.error.HTTPError:
            return True
        except (OSError, ValueError):
            continue
    return False


def _opener() -> urllib.request.OpenerDirector:
    """What opens an address through the proxies of this moment; that of urllib keeps those of its first use."""
    return urllib.request.build_opener()
