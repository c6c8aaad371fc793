"""Bring metadata.json up to date after a change of weights: `python -m monai_attn.preflight.refresh BUNDLE`.

It writes the SHA-256 of `models/model.pt` (`weights_sha256`), which is compared whenever the bundle is opened. With
`--dataset_dir` it writes what the bundle was made for (`made_for`), computed from the training cases of that data set.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monai_attn.bundle.inputs import image_inputs
from monai_attn.bundle.locate import find_bundle, label_table, read_metadata
from monai_attn.errors import AttnError, FileError
from monai_attn.io import write_bytes_atomic
from monai_attn.io.digest import sha256
from monai_attn.preflight.made_for import MadeFor
from monai_attn.preflight.training_data import made_for

__all__ = ["main", "refresh", "refresh_after", "write_made_for"]


def refresh(root: str | Path, *, dataset_dir: str | Path | None = None, trust: bool = False) -> dict[str, Any]:
    """Write `weights_sha256`, and with a data set `made_for`, into the metadata.json of a bundle; give the two keys.

    Everything else in the file stays. Certainty and volume interval of structures are those of the old weights: they go
    where the weights have changed. `python -m monai_attn.segmenter.certainty` computes the certainty anew.

    Raises `FileError` without `models/model.pt`, `BundleError` for a folder that is no bundle, and as
    `monai_attn.bundle.training_cases.training_cases` does.
    """
    folder = find_bundle(root)
    metadata = read_metadata(folder)
    weights = folder / "models" / "model.pt"
    if not weights.is_file():
        raise FileError(f"{folder.name} has no models/model.pt. Put the trained weights there first.")
    new: dict[str, Any] = {"weights_sha256": sha256(weights)}
    known = MadeFor.from_json(metadata.get("made_for") or {})
    made = _made_for(folder, metadata, dataset_dir, trust) if dataset_dir is not None else known
    same = metadata.get("weights_sha256") == new["weights_sha256"]
    if made is not None and (dataset_dir is not None or not same):
        kept = known.structures if known and same else {}
        made = made.with_certainty({value: one.certainty for value, one in kept.items()})
        new["made_for"] = made.with_volume_interval(
            {value: one.volume_interval for value, one in kept.items()}
        ).to_json()
    _write(folder, {**metadata, **new})
    return new


def write_made_for(folder: Path, made_for: MadeFor) -> None:
    """Write what a bundle was made for into its metadata.json; everything else stays.

    Raises `BundleError` for a folder that is no bundle.
    """
    _write(folder, {**read_metadata(folder), "made_for": made_for.to_json()})


def _write(folder: Path, metadata: dict[str, Any]) -> None:
    text = json.dumps(metadata, indent=4, ensure_ascii=False)
    write_bytes_atomic(folder / "configs" / "metadata.json", f"{_short_lists(text)}\n".encode(), overwrite=True)


def refresh_after(weights: str | Path) -> None:
    """Write the SHA-256 of new weights into the metadata.json of their bundle; nothing for weights elsewhere.

    Weights of a bundle are `models/model.pt` in its folder. Raises as `refresh` does.
    """
    path = Path(weights).resolve()
    root = path.parent.parent
    if (path.parent.name, path.name) == ("models", "model.pt") and (root / "configs" / "metadata.json").is_file():
        refresh(root)


def _made_for(folder: Path, metadata: dict[str, Any], dataset_dir: str | Path, trust: bool) -> MadeFor:
    from monai_attn.bundle.training_cases import training_cases

    names = [str(row["name"]) for row in metadata.get("images", [])] or ["image"]
    cases = training_cases(folder, dataset_dir, trust=trust)
    return made_for(cases, image_inputs(metadata, names), label_table(metadata))


def _short_lists(text: str) -> str:
    """JSON in which a list of two or three numbers stands on one line."""
    number = r"-?[\d.e+-]+"
    return re.sub(
        rf"\[\s+({number}),\s+({number})(?:,\s+({number}))?\s+\]",
        lambda found: f"[{', '.join(part for part in found.groups() if part)}]",
        text,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0, or 2 with the reason on the error stream."""
    parser = argparse.ArgumentParser(prog="python -m monai_attn.preflight.refresh", description=__doc__)
    parser.add_argument("bundle", help="a shipped bundle's name, or a folder")
    parser.add_argument("--dataset_dir", type=Path, help="the data set of the training: also write made_for")
    parser.add_argument("--trust", action="store_true", help="run a bundle that did not come with monai_attn")
    args = parser.parse_args(arguments)
    try:
        new = refresh(args.bundle, dataset_dir=args.dataset_dir, trust=args.trust)
    except AttnError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"metadata.json of {Path(args.bundle).name}: {', '.join(new)} written.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
