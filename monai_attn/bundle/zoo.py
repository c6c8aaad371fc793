"""The bundles of MONAI's model zoo that give label maps: a list that comes with the package, and its update.

    python -m monai_attn.bundle.zoo ZOO_FOLDER

brings the list up to date from a checkout of the model zoo. Words for a task, and what a person wrote of a licence, are
kept. With `--online` the sizes of weights that the checkout lacks are asked for where `large_files.yml` names them.
Nothing else uses the network, and no code of a bundle runs.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from monai_attn.bundle.config import mapping_at
from monai_attn.bundle.large_files import large_files
from monai_attn.bundle.locate import read_metadata
from monai_attn.errors import AttnError, BundleError
from monai_attn.io.atomic import write_bytes_atomic
from monai_attn.io.jsonfile import read_json

__all__ = ["ZooBundle", "main", "updated", "zoo_list"]

LIST = Path(__file__).with_name("zoo.json")

ABOUT = "Bundles of MONAI's model zoo that give label maps. Written by: python -m monai_attn.bundle.zoo ZOO_FOLDER"

LICENCES = {"Apache License": "Apache-2.0", "MIT License": "MIT"}
"""How the texts of licences begin, and their short names."""

PATIENCE_S = 10.0


@dataclass(frozen=True)
class ZooBundle:
    """A bundle of the model zoo: its name, its task, its images, its licence, and the size of its weights in MB.

    `megabytes` is None where the size is not known.

    >>> ZooBundle("spleen_ct_segmentation", "spleen", "CT", "Apache-2.0").megabytes is None
    True
    """

    name: str
    task: str
    images: str
    licence: str
    megabytes: int | None = None


def zoo_list(path: Path = LIST) -> list[ZooBundle]:
    """The bundles of the list that comes with the package, by name. Nothing is fetched.

    Raises `FileError` for a list that cannot be read.

    >>> any(one.name == "spleen_ct_segmentation" for one in zoo_list())
    True
    """
    return [ZooBundle(**row) for row in read_json(path)["bundles"]]


def updated(known: Sequence[ZooBundle], models: Path, *, online: bool = False) -> list[ZooBundle]:
    """The list with what a folder of bundles says: new bundles that give label maps, sizes, and licences.

    A bundle that the folder lacks is left out. Raises `BundleError` for a folder without bundles.
    """
    before = {one.name: one for one in known}
    found = []
    for file in sorted(models.glob("*/configs/metadata.json")):
        root = file.parent.parent
        metadata = read_metadata(root)
        if root.name in before or _gives_labels(root, metadata):
            old = before.get(root.name, ZooBundle(root.name, str(metadata.get("task", "")), "", ""))
            found.append(_brought_up(old, root, metadata, online=online))
    if not found:
        raise BundleError(f"{models.name} holds no bundles that give label maps. Name a checkout of the model zoo.")
    return found


def _gives_labels(root: Path, metadata: dict[str, Any]) -> bool:
    """Whether the metadata speak of a segmentation, and there is a config to run."""
    said = mapping_at(metadata, "network_data_format::outputs::pred").get("format", "")
    return said in ("segmentation", "labels") and any((root / "configs").glob("inference.*"))


def _brought_up(old: ZooBundle, root: Path, metadata: dict[str, Any], *, online: bool) -> ZooBundle:
    """A bundle of the list with what its folder says."""
    image = mapping_at(metadata, "network_data_format::inputs::image")
    text = (root / "LICENSE").read_text(encoding="utf-8", errors="replace") if (root / "LICENSE").is_file() else ""
    short = next((name for begin, name in LICENCES.items() if begin in text[:400]), "see its LICENSE")
    return replace(
        old,
        images=old.images or str(image.get("modality", "")),
        licence=old.licence or short,
        megabytes=_megabytes(root, online=online) or old.megabytes,
    )


def _megabytes(root: Path, *, online: bool) -> int | None:
    """The size of the weights: of the file, else as the server says it; None where neither is known."""
    weights = root / "models" / "model.pt"
    if weights.is_file() and weights.stat().st_size > 10_000:  # a smaller file only points to the weights
        return round(weights.stat().st_size / 1e6)
    url = next((file.url for file in large_files(root) if file.path.endswith(".pt") and file.url), "")
    if not online or not url.startswith("https://"):
        return None
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PATIENCE_S) as answer:
            size = int(answer.headers.get("Content-Length") or 0)
    except (OSError, ValueError):
        return None
    return round(size / 1e6) or None


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the list anew; 0, or 2 with the reason on the error stream."""
    parser = argparse.ArgumentParser(prog="python -m monai_attn.bundle.zoo", description=__doc__)
    parser.add_argument("zoo", type=Path, help="a checkout of the model zoo, or its folder models")
    parser.add_argument("--online", action="store_true", help="ask the servers for the sizes of weights")
    parser.add_argument("--list", type=Path, default=LIST, help="the file to write; default: the list of the package")
    args = parser.parse_args(arguments)
    models = args.zoo / "models" if (args.zoo / "models").is_dir() else args.zoo
    try:
        bundles = updated(zoo_list(), models, online=args.online)
    except AttnError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    lines = ",\n    ".join(json.dumps(asdict(one), ensure_ascii=False) for one in bundles)
    content = f'{{\n  "about": {json.dumps(ABOUT)},\n  "bundles": [\n    {lines}\n  ]\n}}\n'
    write_bytes_atomic(args.list, content.encode(), overwrite=True)
    sys.stdout.write(f"{len(bundles)} bundles written to {args.list.name}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
