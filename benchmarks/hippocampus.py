"""The hippocampus bundle over many cases: our ways against a stock MONAI config, a process for each.

    python benchmarks/hippocampus.py DATA_DIR [--cases 50] [--runs 3] [--ways ours-bf16,stock]

The first `--cases` images of `DATA_DIR/hippocampus/imagesTr`, in one process, from the start of Python to the last
written mask. Every way has the bundle's windows, overlap and its flip. Ways are interleaved; a run of each in
OpenVINO before the counted ones fills the cache. Labels are compared with those of ours-torch, over all cases together.

- ours-f32, ours-bf16, ours-int8 (calibrated on the first four cases): `monai-attn segment --backend openvino`;
  ours-torch: in PyTorch.
- bundle: `python -m monai.bundle run` on the shipped config (PyTorch).
- stock: the same, but `SlidingWindowInferer`, `Invertd`, `AsDiscreted` and `SaveImaged` in place of our parts.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from shipped_bundle import stock_parts
from whole_process import HEADER, Taken, compare_labels, row, take

HERE = Path(__file__).resolve().parent
BUNDLE = HERE.parent / "bundles" / "hippocampus_mri"

OURS = {
    "ours-torch": ("torch", "f32"),
    "ours-f32": ("openvino", "f32"),
    "ours-bf16": ("openvino", "bf16"),
    "ours-int8": ("openvino", "int8"),
}

WAYS = (*OURS, "bundle", "stock")


def stock_config(target: Path) -> Path:
    """The shipped inference config with MONAI's own loader, inferer and postprocessing."""
    config: dict[str, Any] = json.loads((BUNDLE / "configs" / "inference.json").read_text())
    stock = stock_parts(config, output_postfix="seg", print_log=False)
    stock["inferer"]["inferer"]["_target_"] = "SlidingWindowInferer"
    target.write_text(json.dumps(stock, indent=1))
    return target


def command(way: str, images: Path, out: Path, stock: Path) -> list[str]:
    """What writes the masks of all `images` into `out`."""
    if way in OURS:
        backend, precision = OURS[way]
        some = sorted(images.iterdir())[:4] if precision == "int8" else []
        calibrate = [text for path in some for text in ("--calibrate", str(path))]
        return [
            sys.executable, "-m", "monai_attn.cli.main", "segment", str(images), "--bundle", str(BUNDLE), "--output",
            str(out), "--overwrite", "--quiet", "--backend", backend, "--precision", precision, *calibrate,
        ]  # fmt: skip
    config = BUNDLE / "configs" / "inference.json" if way == "bundle" else stock
    return [
        sys.executable, "-m", "monai.bundle", "run", "--config_file", str(config),
        "--meta_file", str(BUNDLE / "configs" / "metadata.json"), "--bundle_root", str(BUNDLE),
        "--dataset_dir", str(images), "--output_dir", str(out),
        *(["--overwrite", "true"] if way == "bundle" else []),
    ]  # fmt: skip


def labels_of(out: Path) -> np.ndarray:
    """All masks of a folder, one after the other."""
    masks = [np.asarray(nibabel.load(path).dataobj).astype(np.uint8) for path in sorted(out.glob("*_seg.nii.gz"))]
    return np.concatenate([mask.ravel() for mask in masks])[None]


def main(given: argparse.Namespace) -> None:
    work = given.work.resolve()
    images = work / "images"
    shutil.rmtree(images, ignore_errors=True)
    images.mkdir(parents=True)
    for path in sorted((given.data_dir / "hippocampus" / "imagesTr").glob("[!.]*.nii.gz"))[: given.cases]:
        (images / path.name).symlink_to(path.resolve())
    stock = stock_config(work / "stock.json")
    ways = given.ways.split(",") if given.ways else list(WAYS)
    environment = {"PYTHONWARNINGS": "ignore", "PYTHONPATH": str(HERE.parent), "MONAI_ATTN_CACHE": str(work / "cache")}
    runs: dict[str, list[Taken]] = {way: [] for way in ways}
    for number in range(given.runs + 1):
        for way in ways if number else [way for way in ways if way in OURS and OURS[way][0] == "openvino"]:
            out = work / way
            out.mkdir(exist_ok=True)
            taken = take(command(way, images, out, stock), work / f"{way}.log", environment)
            print(f"{way}: {taken.cpu_s:.1f} CPU s, {taken.wall_s:.1f} s", file=sys.stderr, flush=True)
            if number:
                runs[way].append(taken)
    reference = labels_of(work / "ours-torch")
    print(HEADER)
    for way in ways:
        print(row(way, runs[way], *compare_labels(labels_of(work / way), reference)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--work", type=Path, default=Path("runs/hippocampus_benchmark"), help="folder for the results")
    parser.add_argument("--cases", type=int, default=50)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--ways", help=f"some of {','.join(WAYS)}")
    main(parser.parse_args())
