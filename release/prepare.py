"""What a release carries besides the package: weights as files, and bundles for the model zoo and for Hugging Face.

    python release/prepare.py OUT --version 0.2.0 --repository https://github.com/OWNER/NAME

Writes into the new folder OUT:

- `weights/NAME-VERSION-model.pt`: the weights of each bundle, to be attached to the release.
- `weights/SHA256SUMS`: their sums, as `sha256sum --check` reads them.
- `bundles/NAME`: each bundle without weights. Its `large_files.yml` says where they are.
- `huggingface/NAME`: each bundle whole. Its card has the header that Hugging Face reads.

`monai-attn fetch OUT/bundles/NAME` completes a bundle of the second kind. Nothing is uploaded.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
from pathlib import Path
from typing import Any

import yaml

from monai_attn.io.digest import sha256

ROOT = Path(__file__).parents[1]

LOCAL = re.compile(r"\]\((?!\w+:|#)")
"""The beginning of a link to a file beside the card."""

LICENCES = {"head_neck_ct": "apache-2.0", "hippocampus_mri": "cc-by-sa-4.0", "soft_tissue_sarcoma": "cc-by-3.0"}
"""The licences of the weights, in the words of Hugging Face."""


def prepare(out: Path, version: str, repository: str) -> list[Path]:
    """Write the three folders; gives the files of weights. Raises `SystemExit` where OUT exists or a sum is wrong."""
    if out.exists():
        raise SystemExit(f"{out} exists. Name a new folder.")
    weights, sums = [], []
    for bundle in sorted(path.parent for path in (ROOT / "bundles").glob("*/configs")):
        metadata = json.loads((bundle / "configs" / "metadata.json").read_text(encoding="utf-8"))
        digest = sha256(bundle / "models" / "model.pt")
        if digest != metadata["weights_sha256"]:
            raise SystemExit(f"{bundle.name}: the weights are not those of metadata.json. See docs/bundles.md.")
        name = f"{bundle.name}-{metadata['version']}-model.pt"
        (out / "weights").mkdir(parents=True, exist_ok=True)
        weights.append(Path(shutil.copy(bundle / "models" / "model.pt", out / "weights" / name)))
        sums.append(f"{digest}  {name}")
        bare = out / "bundles" / bundle.name
        shutil.copytree(bundle, bare, ignore=shutil.ignore_patterns("model.pt", "__pycache__"))
        (bare / "large_files.yml").write_text(
            yaml.safe_dump(
                {
                    "large_files": [
                        {
                            "path": "models/model.pt",
                            "url": f"{repository}/releases/download/v{version}/{name}",
                            "hash_type": "sha256",
                            "hash_val": digest,
                        }
                    ]
                }
            ),
            encoding="utf-8",
        )
        whole = out / "huggingface" / bundle.name
        shutil.copytree(bundle, whole, ignore=shutil.ignore_patterns("__pycache__"))
        card = (bundle / "docs" / "README.md").read_text(encoding="utf-8")
        (whole / "README.md").write_text(header(bundle.name, metadata) + LOCAL.sub("](docs/", card), encoding="utf-8")
    (out / "weights" / "SHA256SUMS").write_text("\n".join(sums) + "\n", encoding="utf-8")
    return weights


def header(name: str, metadata: dict[str, Any]) -> str:
    """What Hugging Face reads at the top of a card."""
    content = {
        "license": LICENCES[name],
        "library_name": "monai",
        "pipeline_tag": "image-segmentation",
        "tags": ["monai", "medical", "segmentation", "3d", *sorted(one["name"] for one in metadata.get("images", []))],
    }
    return f"---\n{yaml.safe_dump(content, sort_keys=False)}---\n\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Prepare the weights and bundles of a release.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--version", required=True)
    parser.add_argument("--repository", required=True)
    args = parser.parse_args()
    for path in prepare(args.out, args.version, args.repository.rstrip("/")):
        print(path)
