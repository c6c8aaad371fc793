"""What monai_attn does with the segmentation bundles of MONAI's model zoo: `python benchmarks/zoo.py ZOO_FOLDER`.

ZOO_FOLDER is a checkout of the model zoo, or its folder `models`. No weights are needed: each bundle is copied, and its
own network gets random weights, the same each time. Each bundle segments a small phantom as shipped, and with the
overrides of its refusal. The labels are compared with those that the bundle gives under `monai.bundle run`.
Windows are made small where a CPU needs that. Prints a table in Markdown, and a count. Seconds are CPU seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from monai_attn.bundle.config import components_of, resolve
from monai_attn.bundle.describe import BundleDescription, describe_bundle
from monai_attn.bundle.locate import config_file, read_config, read_metadata
from monai_attn.bundle.prompts import prompts_of
from monai_attn.bundle.ready import obstacles
from monai_attn.bundle.zoo import zoo_list
from monai_attn.folders import HOME_VARIABLE
from monai_attn.io import read
from monai_attn.preflight.outlook import outlook

SMALL: dict[str, dict[str, Any]] = {
    "spleen_deepedit_annotation": {"spatial_size": [64, 64, 32]},
    "vista3d": {"patch_size": [32, 32, 32]},
    "swin_unetr_btcv_segmentation": {"inferer::roi_size": [64, 64, 64]},  # its deepest level needs two voxels
}
"""What makes a bundle small whose window does not stand in its inferer."""

WHOLE = {"wholeBrainSeg_Large_UNEST_segmentation", "renalStructures_UNEST_segmentation"}
"""Bundles whose network takes one size only."""

COMMAND = "import sys; from monai_attn.cli.main import main; sys.exit(main())"

EDGE = 32
"""Edges of windows are made this long."""

COLUMNS = ("bundle", "info", "as shipped", "with the cure", "equal to `monai.bundle run`", "labels named", "napari")


def main() -> int:
    """Print the table; 0 when every bundle is right or refused well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("zoo", type=Path)
    parser.add_argument("--only", nargs="*", default=(), help="names of bundles; default: all of segmentation")
    parser.add_argument("--timeout", type=float, default=900, help="seconds for a bundle")
    parser.add_argument("--row", action="store_true", help="run the one bundle here and print its row as JSON")
    args = parser.parse_args()
    home = args.zoo / "models" if (args.zoo / "models").is_dir() else args.zoo
    if args.row:
        with tempfile.TemporaryDirectory() as folder:
            os.environ[HOME_VARIABLE] = folder  # what is trusted here is forgotten
            row = row_of(home / args.only[0], Path(folder))
        print(json.dumps(row))
        return 0
    names = args.only or [one.name for one in zoo_list() if (home / one.name / "configs").is_dir()]
    print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS))
    rows = [_print(_in_child(home, name, args.timeout)) for name in names]
    good = sum(row["good"] for row in rows)
    print(f"\n{good} of {len(rows)} right or refused well.")
    return 0 if good == len(rows) else 1


def row_of(source: Path, work: Path) -> dict[str, Any]:
    """Everything about one bundle; the bundle is copied to `work` first."""
    root = work / source.name
    shutil.copytree(source, root)
    began = os.times()
    command = [sys.executable, "-c", COMMAND, "info", str(root), "--json"]
    info = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = os.times().children_user - began.children_user
    about = describe_bundle(root)
    cures = {place: value for fault in about.faults for place, value in fault.cures.items()}
    small = _small(root)
    row: dict[str, Any] = {"bundle": source.name, "info": f"{seconds:.1f} s" if not info.returncode else "failed"}
    row["labels named"] = len(about.labels)
    row["small"] = small
    lacking = [fault for fault in about.faults if not fault.cures]
    source_images, volumes = phantom(about, work)
    refusals = [one.text for one in outlook(about, volumes).findings if one.severity == "error"]
    same = refusals and all(str(fault) in " ".join(refusals) for fault in about.faults) and about.faults
    row["napari"] = "refuses in the same words" if same else "; ".join(refusals) or "ready"
    if not lacking:
        row["megabytes"] = make_weights(root, cures | small)
    row["missing"] = obstacles(describe_bundle(root), read_metadata(root))
    row["as shipped"], shipped = segment(root, source_images, work / "shipped", small)
    row["with the cure"], mask = ("", shipped)
    if shipped is None and cures and not lacking:
        row["with the cure"], mask = segment(root, source_images, work / "cured", small | cures)
    row["equal"] = "not run" if lacking else compare(root, source_images, mask, small | cures)
    early = "cannot run as it is" in row["as shipped"]  # refused before torch is loaded
    row["good"] = (early and bool(lacking)) or (row["equal"] == "yes" and (early or shipped is not None))
    if about.faults:
        row["as shipped"] = "refused: " + " ".join(fault.sentence for fault in about.faults)
    if row["with the cure"]:
        row["with the cure"] += f", {len(cures)} overrides"
    return row


def phantom(about: BundleDescription, work: Path) -> tuple[dict[str, Path], dict[str, Any]]:
    """Files of a small case, by what the bundle loads, and the volumes by the bundle's names."""
    import nibabel

    generator = np.random.default_rng(0)
    affine = np.array([[1.5, 0.2, 0, -20], [-0.2, 1.5, 0, -30], [0, 0, 2.0, 10], [0, 0, 0, 1]])
    if about.colour:
        from PIL import Image

        path = work / "phantom.png"
        Image.fromarray(generator.integers(0, 255, (64, 96, 3), dtype=np.uint8)).save(path)
        return {"image": path}, {}
    count = len(about.images)
    arrays = [generator.normal(0, 300, (32, 48, 32)).cumsum(axis=0).astype(np.float32) for _ in range(count)]
    if about.joined:
        path = work / "phantom.nii.gz"
        nibabel.save(nibabel.Nifti1Image(np.stack(arrays, axis=-1), affine), path)
        for number, array in enumerate(arrays):
            nibabel.save(nibabel.Nifti1Image(array, affine), work / f"phantom_channel_{number}.nii.gz")
        return {"image": path}, {one.name: read(path, volume=n) for n, one in enumerate(about.images)}
    paths = {one.name: work / f"{one.name}.nii.gz" for one in about.images}
    for path, array in zip(paths.values(), arrays, strict=True):
        nibabel.save(nibabel.Nifti1Image(array, affine), path)
    return paths, {name: read(path) for name, path in paths.items()}


def make_weights(root: Path, overrides: Mapping[str, Any]) -> float:
    """Random weights of the network's own shape where the config loads them; a search code where it asks for one.

    Gives the size of the weights in MB.
    """
    import torch

    make_search_code(root)
    parser = _parser(root, overrides)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = parser.get_parsed_content("network_def")
    loader = next(components_of(parser.get(), "CheckpointLoader"))
    path = Path(parser.get_parsed_content(f"{loader.id}::load_path"))
    key = next(iter(loader.settings["load_dict"]))
    path.parent.mkdir(exist_ok=True)
    torch.save({key: network.state_dict()}, path)
    return round(path.stat().st_size / 1e6, 1)


def make_search_code(root: Path) -> None:
    """A searched architecture as MONAI's DiNTS writes it, where the config reads one and the checkout lacks it."""
    said = resolve(read_config(root).get("arch_ckpt_path"), {})
    found = re.search(r"/(models/[\w.]+)", said) if isinstance(said, str) else None
    if found is None or ((root / found[1]).is_file() and (root / found[1]).stat().st_size > 1000):
        return
    import torch
    from monai.networks.nets import TopologySearch

    torch.manual_seed(0)
    space = TopologySearch(channel_mul=1, num_blocks=12, num_depths=4, use_downsample=True, device="cpu")
    node_a, arch_code_a, arch_code_c, _ = space.decode()
    torch.save({"node_a": node_a, "arch_code_a": arch_code_a, "arch_code_c": arch_code_c}, root / found[1])


def segment(root: Path, images: Mapping[str, Path], out: Path, overrides: Mapping[str, Any]) -> tuple[str, Any]:
    """What `monai-attn segment` says, and the mask; None where it gives none."""
    from monai_attn.cli.main import main as monai_attn

    named = [f"{name}={path}" for name, path in images.items()] if len(images) > 1 else [str(*images.values())]
    options = [part for key, value in overrides.items() for part in ("--set", f"{key}={_written(value)}")]
    command = ["segment", *named, "-b", str(root), "-o", str(out), "--trust", "--quiet", "--backend", "torch", *options]
    said = io.StringIO()
    began = time.process_time()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        code = monai_attn(command)
    seconds = time.process_time() - began
    masks = sorted(out.glob("*_seg.nii.gz")) if out.is_dir() else []
    if code or not masks:
        return f"refused in {seconds:.1f} s: {said.getvalue().strip()}", None
    return f"mask in {seconds:.0f} s", read(masks[0]).array


def compare(root: Path, images: Mapping[str, Path], mask: Any, overrides: Mapping[str, Any]) -> str:
    """Whether the bundle's own workflow gives the same labels, voxel for voxel."""
    try:
        theirs = run_with_monai(root, images, overrides)
    except Exception as error:  # noqa: BLE001 - the workflow of somebody else may raise anything
        return f"monai.bundle run fails: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    if mask is None:
        return "no mask to compare"
    if theirs.shape != mask.shape:
        theirs = theirs.reshape(mask.shape)
    different = int(np.count_nonzero(theirs != mask))
    return "yes" if not different else f"no: {different} of {mask.size} voxels differ"


def run_with_monai(root: Path, images: Mapping[str, Path], overrides: Mapping[str, Any]) -> Any:
    """The labels of the bundle's own evaluator, with its loader and without its savers."""
    from monai.bundle import ConfigWorkflow

    config = read_config(root)
    case = {name: _channels(path) for name, path in images.items()} | prompts_of(config)
    changes: dict[str, Any] = {"bundle_root": str(root), "dataset::data": [case], "dataloader::num_workers": 0}
    changes |= {f"{one.id}::_disabled_": True for one in components_of(config) if one.name.startswith("Save")}
    if find_spec("itk") is None:  # MONAI then makes no loader that names the reader
        loaders = components_of(config, "LoadImaged")
        changes |= {f"{one.id}::reader": "NibabelReader" for one in loaders if one.settings.get("reader")}
    changes |= {"arch_ckpt": "$torch.load(@arch_ckpt_path, weights_only=False)"} if "arch_ckpt" in config else {}
    settings = {**overrides, **changes}
    meta = str(root / "configs" / "metadata.json")
    sys.path.insert(0, str(root))
    workflow = ConfigWorkflow(str(config_file(root)), meta, workflow_type="infer", logging_file=False, **settings)
    workflow.initialize()
    evaluator = workflow.parser.get_parsed_content("evaluator")
    evaluator.run()
    return np.asarray(evaluator.state.output[0]["pred"]).squeeze(0)


def _channels(path: Path) -> str | list[str]:
    """A file as MONAI's loader takes it: the channels of one image are a file each."""
    files = sorted(path.parent.glob(f"{path.name.partition('.')[0]}_channel_*.nii.gz"))
    return [str(file) for file in files] or str(path)


def _parser(root: Path, overrides: Mapping[str, Any]) -> Any:
    """MONAI's parser of a bundle's config, as `monai_attn` sets it up."""
    from monai.bundle import ConfigParser

    from monai_attn.bundle.arrays import arrays_allowed
    from monai_attn.bundle.scripts import make_scripts_importable

    make_scripts_importable(root)
    parser = ConfigParser()
    parser.read_config(str(config_file(root)))
    parser.update(pairs={**overrides, "bundle_root": str(root), "device": "$torch.device('cpu')"})
    parser.read_meta(f=str(root / "configs" / "metadata.json"))
    with arrays_allowed():
        if "arch_ckpt" in parser:
            parser.get_parsed_content("arch_ckpt")
    return parser


def _small(root: Path) -> dict[str, Any]:
    """Overrides that make the window small; {} where it is small, or where the network takes one size only."""
    if root.name in WHOLE:
        return {}
    config = read_config(root)
    for inferer in components_of(config, "SlidingWindowInferer", "SlidingWindowInfererAdapt", "SliceInferer"):
        window = resolve(inferer.settings.get("roi_size"), config)
        if isinstance(window, list) and max(window) > EDGE:
            return {f"{inferer.id}::roi_size": [min(edge, EDGE) for edge in window], **SMALL.get(root.name, {})}
    return SMALL.get(root.name, {})


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _in_child(home: Path, name: str, timeout: float) -> dict[str, Any]:
    """The row of a bundle, made in a process of its own."""
    command = [sys.executable, __file__, str(home), "--only", name, "--row"]
    nothing = dict.fromkeys(COLUMNS, "") | {"bundle": name, "good": False}
    try:
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)
    except subprocess.TimeoutExpired:
        return nothing | {"as shipped": f"not done in {timeout:.0f} s"}
    lines = run.stdout.strip().splitlines()
    if run.returncode or not lines:
        return nothing | {"as shipped": "failed: " + (run.stderr.strip().splitlines() or ["?"])[-1]}
    row: dict[str, Any] = json.loads(lines[-1])
    return row


def _print(row: dict[str, Any]) -> dict[str, Any]:
    cells = [row.get("equal" if column.startswith("equal") else column, "") for column in COLUMNS]
    print("| " + " | ".join(" ".join(str(cell).split()).replace("|", "/") for cell in cells) + " |", flush=True)
    return row


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main())
