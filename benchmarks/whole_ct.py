"""A CT of 512 x 512 x 300 to labels of 14 organs: our ways, a stock MONAI bundle, and nnU-Net's predictor.

    python benchmarks/organs.py DATA_DIR
    python benchmarks/whole_ct.py DATA_DIR [--runs 3] [--ways ours-bf16,stock] [--peer-python PYTHON] [--classes 105]
    python benchmarks/whole_ct.py DATA_DIR --neck [--pixdim 1.5 1.5 1.5] ...

The same weights (`organs.py`), window (128^3), overlap (a half, Gaussian weights) and grid (1.5 mm) in all; no
test-time augmentation. Each run is a process of its own, from the start of Python to the written label map. The CT is
the one in `DATA_DIR`, 122 x 101 x 112 at 3 mm, brought to 512 x 512 x 300. Ways are interleaved. Before the runs that
are counted, each of ours has segmented three windows of the CT. That run converts the network, compares it with PyTorch
and keeps both in the cache (printed apart). int8 is calibrated on these windows.

- ours-f32, ours-bf16, ours-int8: `monai-attn segment --backend openvino`; ours-torch, ours-torch-bf16: in PyTorch.
- quarter-f32, quarter-bf16, quarter-int8: the same with an overlap of a quarter, 12 windows in place of 27.
- bundle: `python -m monai.bundle run` on our config (PyTorch, f32).
- stock: the same on a config of MONAI's own components.
- nnunet: `nnUNetPredictor.manual_initialization`; needs a Python that has nnunetv2 (see docs/benchmarks.md).

With `--neck` the CT is the real one of `DATA_DIR/dicom/neck_ct`, 512 x 512 x 80, written as NIfTI before. The network
is that of the shipped bundle `head_neck_ct`, in its own window and grid. It is trained, so that labels can be compared.
`--pixdim` sets a finer grid, on which the network has more to do. It was not trained for that: only the time counts.

Labels are compared with those of stock. `--classes`: more of them, which never win, to see what they cost.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import nibabel
import numpy as np
import torch
from organ_bundle import write_bundle
from organs import ORGANS
from shipped_bundle import write_copy
from whole_process import HEADER, Taken, compare_labels, row, take

from monai_attn import read

SHAPE = (512, 512, 300)

HERE = Path(__file__).resolve().parent

NECK_BUNDLE = HERE.parent / "bundles" / "head_neck_ct"

OURS = {
    "ours-torch": ("torch", "f32", 0.5),
    "ours-torch-bf16": ("torch", "bf16", 0.5),
    "ours-f32": ("openvino", "f32", 0.5),
    "ours-bf16": ("openvino", "bf16", 0.5),
    "ours-int8": ("openvino", "int8", 0.5),
    "quarter-f32": ("openvino", "f32", 0.25),
    "quarter-bf16": ("openvino", "bf16", 0.25),
    "quarter-int8": ("openvino", "int8", 0.25),
}
"""Back-end, precision and overlap."""

REFERENCE = "stock"

WAYS = (*OURS, "bundle", "stock", "nnunet")


def large_ct(source: Path, target: Path) -> Path:
    """The CT at `SHAPE`, trilinear, int16; the corners of the volume stay where they are."""
    if target.exists():
        return target
    image = nibabel.load(source)
    values = torch.from_numpy(np.asarray(image.dataobj, dtype=np.float32))[None, None]
    large = torch.nn.functional.interpolate(values, SHAPE, mode="trilinear")[0, 0].round().short().numpy()
    zoom = np.array(image.shape) / SHAPE
    to_old = np.diag([*zoom, 1.0])
    to_old[:3, 3] = zoom / 2 - 0.5
    nibabel.save(nibabel.Nifti1Image(large, image.affine @ to_old), target)
    return target


def neck_ct(source: Path, target: Path) -> Path:
    """The DICOM series as NIfTI, with axes in the order of RAS, since nnU-Net's reader does not turn them."""
    if not target.exists():
        volume = read(source)
        image = nibabel.Nifti1Image(volume.array, volume.affine)
        nibabel.save(nibabel.as_closest_canonical(image), target)
    return target


def middle_of(ct: Path) -> Path:
    """A column of the CT of three windows, to fill the cache with; the whole of a short CT."""
    if nibabel.load(ct).shape != SHAPE:
        return ct
    target = ct.with_name("middle.nii.gz")
    if not target.exists():
        nibabel.save(nibabel.load(ct).slicer[126:386, 96:416], target)
    return target


def command(way: str, bundle: Path, ct: Path, out: Path, peer_python: str | None, *, first: bool = False) -> list[str]:
    """What makes `label_file(way, out)`; `first`: with an empty cache."""
    if way in OURS:
        backend, precision, overlap = OURS[way]
        image = middle_of(ct) if first else ct
        calibrate = ["--calibrate", str(image)] if way == "ours-int8" and first else []
        return [
            sys.executable, "-m", "monai_attn.cli.main", "segment", str(image), "--bundle", str(bundle), "--trust",
            "--output", str(out), "--overwrite", "--force", "--backend", backend, "--precision", precision, *calibrate,
            *([] if overlap == 0.5 else ["--set", f"inferer::overlap={overlap}"]),
        ]  # fmt: skip
    if way == "nnunet":
        assert peer_python
        return [peer_python, str(HERE / "nnunet_peer.py"), str(bundle), str(ct), str(label_file(way, out))]
    config = bundle / "configs" / ("inference.json" if way == "bundle" else "stock.json")
    return [
        sys.executable, "-m", "monai.bundle", "run", "--config_file", str(config),
        "--meta_file", str(bundle / "configs" / "metadata.json"), "--bundle_root", str(bundle),
        "--ct", str(ct), "--output_dir", str(out),
    ]  # fmt: skip


def label_file(way: str, out: Path) -> Path:
    """Where a way leaves its label map."""
    return out / ("ct_trans.nii.gz" if way == "stock" else "ct_seg.nii.gz")


def labels_of(way: str, out: Path) -> np.ndarray:
    return np.asarray(nibabel.load(label_file(way, out)).dataobj).astype(np.uint8).squeeze()


def reference_folder(work: Path, classes: int) -> Path:
    """Where the labels to compare with lie: of so many classes or, as the further ones never win, of the usual 15."""
    folder = work / f"{REFERENCE}_{classes}"
    return folder if label_file(REFERENCE, folder).exists() else work / f"{REFERENCE}_{len(ORGANS) + 1}"


def main(given: argparse.Namespace) -> None:
    given.work.mkdir(parents=True, exist_ok=True)
    work = given.work.resolve()
    if given.neck:
        ct = neck_ct(given.data_dir / "dicom" / "neck_ct", work / "ct.nii.gz")
        bundle = write_copy(NECK_BUNDLE, work / "head_neck_ct", given.pixdim)
    elif given.weights.exists():
        ct = large_ct(given.data_dir / "images" / "ct_trunk_3mm.nii.gz", work / "ct.nii.gz")
        bundle = write_bundle(work / f"organs_{given.classes}", given.weights, given.classes)
    else:
        sys.exit(f"{given.weights} does not exist. Make it with: python benchmarks/organs.py {given.data_dir}")
    ways = given.ways.split(",") if given.ways else [way for way in WAYS if way != "nnunet" or given.peer_python]
    environment = {"PYTHONWARNINGS": "ignore", "PYTHONPATH": str(HERE.parent), "MONAI_ATTN_CACHE": str(work / "cache")}
    runs: dict[str, list[Taken]] = {way: [] for way in ways}
    for number in range(1 - given.first, given.runs + 1):
        for way in ways if number else [way for way in ways if way in OURS]:
            out = work / f"{way}_{given.classes}"
            out.mkdir(exist_ok=True)
            folder = NECK_BUNDLE if way in OURS and given.neck and not given.pixdim else bundle
            taken = take(
                command(way, folder, ct, out, given.peer_python, first=not number), out / "log.txt", environment
            )
            print(
                f"{way}, {f'run {number}' if number else 'first run'}: {taken.cpu_s:.1f} CPU s, "
                f"{taken.wall_s:.1f} s, {taken.peak_gib:.2f} GiB",
                file=sys.stderr, flush=True,
            )  # fmt: skip
            if number:
                runs[way].append(taken)
    if not given.runs:
        return
    reference = labels_of(REFERENCE, reference_folder(work, given.classes))
    print(HEADER)
    for way in ways:
        print(row(way, runs[way], *compare_labels(labels_of(way, work / f"{way}_{given.classes}"), reference)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--weights", type=Path, default=Path("runs/organs/model.pt"))
    parser.add_argument("--work", type=Path, default=Path("runs/whole_ct"), help="one for each CT and each grid")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--ways", help=f"some of {','.join(WAYS)}")
    parser.add_argument("--peer-python", help="a Python with nnunetv2")
    parser.add_argument("--classes", type=int, default=len(ORGANS) + 1)
    parser.add_argument("--neck", action="store_true", help="the CT of a neck and the shipped bundle head_neck_ct")
    parser.add_argument("--pixdim", type=float, nargs=3, help="with --neck: another grid, in millimetres")
    parser.add_argument("--no-first", dest="first", action="store_false", help="the cache is full already")
    main(parser.parse_args())
