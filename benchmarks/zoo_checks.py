"""Our bundles under the model zoo's own checks: `python benchmarks/zoo_checks.py ZOO_FOLDER`.

ZOO_FOLDER is a checkout of MONAI's model zoo. Each bundle is laid out as the zoo wants it, in a folder of its own: the
schema beside it, and a `large_files.yml` for files above 25 MB. Then the zoo's `ci/verify_bundle.py` runs on it in its
mode "full". The packages that `ci/get_bundle_requirements.py` would install are printed; whether pip finds them is not
tried. `--keep FOLDER` keeps the layout, and `--url` is where the large files will be.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from monai_attn.bundle.locate import read_metadata, shipped
from monai_attn.io.digest import sha256

LARGEST = 25_000_000
"""Bytes of a file that the zoo's repository takes."""

PINNED = {"monai_version": "monai", "pytorch_version": "torch", "numpy_version": "numpy"}


def main() -> int:
    """Run the checks on every shipped bundle; 0 when all pass."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("zoo", type=Path)
    parser.add_argument("--url", default="https://example.org", help="where the large files will be")
    parser.add_argument("--keep", type=Path, help="keep the layout in this folder")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        models = (args.keep or Path(folder)) / "models"
        models.mkdir(parents=True)
        shutil.copy(args.zoo / "models" / "model_info.json", models)
        results = [check(root, models, args.zoo, args.url) for root in shipped().values()]
    return 0 if all(results) else 1


def check(root: Path, models: Path, zoo: Path, url: str) -> bool:
    """Lay a bundle out as the zoo wants it, run the zoo's script on it, and print what it says."""
    bundle = models / root.name
    shutil.copytree(root, bundle)
    (bundle / "eval").mkdir()
    shutil.copy(next((bundle / "docs").glob("meta_schema_*.json")), bundle / "eval" / "schema.json")
    large = [path for path in sorted(bundle.rglob("*")) if path.is_file() and path.stat().st_size > LARGEST]
    rows = [
        {
            "path": path.relative_to(bundle).as_posix(),
            "url": f"{url}/{root.name}/{path.name}",
            "hash_val": sha256(path),
            "hash_type": "sha256",
        }
        for path in large
    ]
    if rows:
        (bundle / "large_files.yml").write_text(yaml.safe_dump({"large_files": rows}, sort_keys=False))
    command = [sys.executable, "verify_bundle.py", "-b", root.name, "-p", str(models), "--mode", "full"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(zoo)]))}
    run = subprocess.run(command, cwd=zoo / "ci", env=environment, capture_output=True, text=True, check=False)
    print(f"{root.name}: {'passed' if run.returncode == 0 else 'FAILED'}")
    print("  large files:", ", ".join(row["path"] for row in rows) or "none")
    print("  requirements:", " ".join(requirements(root)))
    for line in [one for one in run.stdout.splitlines() if "verified" in one or "export" in one]:
        print("  " + line)
    if run.returncode:
        print("  " + (run.stderr.strip().splitlines() or ["?"])[-1])
    return run.returncode == 0


def requirements(root: Path) -> list[str]:
    """The packages that the zoo's script would pin for a bundle."""
    metadata = read_metadata(root)
    pins = {name: metadata[key] for key, name in PINNED.items()} | metadata.get("required_packages_version", {})
    return [f"{name}=={version}" for name, version in pins.items()]


if __name__ == "__main__":
    sys.exit(main())
