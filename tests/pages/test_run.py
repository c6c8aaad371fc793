"""What the pages say is true: commands have the options, snippets import what is there, and all run in their order."""

from __future__ import annotations

import ast
import importlib
import shutil
from pathlib import Path

import pytest
from blocks import BLOCK, ROOT, blocks_of, commands_of, run_script, script_of

from monai_attn.cli.main import build_parser

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("bundles/*/docs/README.md")]
    if blocks_of(path.relative_to(ROOT).as_posix())
)

SMALLER = {
    "--minutes 60": "--minutes 0.25",
    "minutes=60": "minutes=0.25",
    "--minutes 5": "--minutes 0.25",
    "configs/train.json --dataset_dir": "configs/train.json --max_epochs 1 --save_interval 1 --dataset_dir",
    "configs/multi_gpu_train.json']\"": "configs/multi_gpu_train.json']\" --max_epochs 1",
    "--output_dir run --resume true": "--output_dir run --resume true --max_epochs 2",
}
"""What makes a training of hours one of a quarter of a minute, in blocks that are marked `long`."""


@pytest.mark.parametrize("page", PAGES)
def test_every_command_has_the_options_that_the_page_gives_it(page):
    for block in blocks_of(page):
        if block.kind == "bash":
            for command in commands_of(block):
                build_parser().parse_args(command[1:])


@pytest.mark.parametrize("page", PAGES)
def test_every_snippet_imports_what_is_there(page):
    for block in blocks_of(page):
        if block.kind != "python":
            continue
        for node in ast.walk(ast.parse(block.text)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("monai_attn"):
                room = importlib.import_module(str(node.module))
                assert [alias.name for alias in node.names if not hasattr(room, alias.name)] == [], block.line


def test_the_readme_and_the_quick_start_show_the_commands():
    for page in ("README.md", "docs/quickstart.md"):
        assert sum(len(commands_of(block)) for block in blocks_of(page) if block.kind == "bash") >= 10


def test_one_import_is_enough_in_python():
    snippets = [block.text for block in blocks_of("docs/quickstart.md") if block.kind == "python"]
    assert [line for text in snippets for line in text.splitlines() if "import" in line] == ["import monai_attn"]


def test_no_command_stands_where_no_test_sees_it():
    """A block by indentation has no language: commands stand in blocks of `bash`."""
    lost = []
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("bundles/*/docs/README.md")]:
        lines = BLOCK.sub("", path.read_text(encoding="utf-8")).splitlines()
        lost += [f"{path.name}: {line}" for line in lines if line.startswith("    monai-attn ")]
    assert lost == []


def test_what_is_said_of_a_block_is_understood():
    said = {block.said.partition(":")[0] for page in PAGES for block in blocks_of(page)}
    assert said <= {"", "long", "not run", "goes on"}


def test_the_runner_runs_in_order_and_stops_at_a_fault(tmp_path, quick_path):
    """One look at the runner itself: variables go on, an error ends the page."""
    printed = run_script('NAME=here\npython -c \'print("brain" + " is")\'\necho "$NAME"', tmp_path, quick_path)
    assert "brain is\n" in printed
    assert printed.endswith("\nhere\n")
    with pytest.raises(AssertionError, match=r"nowhere\.nii\.gz"):
        run_script("set -e\nmonai-attn info nowhere.nii.gz\necho no", tmp_path, quick_path)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("page", PAGES)
def test_the_page_runs_from_top_to_bottom(page, tmp_path, quick_path, samples, request):
    """In an empty folder (README, quick start), in the folder of the samples, or with the images that a card needs."""
    script = script_of(blocks_of(page), tmp_path, SMALLER)
    if script == "set -e\n":
        pytest.skip("nothing on this page runs by itself")
    if page not in {"README.md", "docs/quickstart.md"}:
        shutil.copytree(samples, tmp_path, dirs_exist_ok=True)
    if page in PREPARED:
        script = PREPARED[page](tmp_path, request) + script
    run_script(script, tmp_path, quick_path)
    for name in LEFT.get(page, ()):
        assert list(tmp_path.glob(name)), name


def _labelled(folder: Path, _) -> str:
    """A small data set in the layout of the Decathlon, of noise and blocks, and images of its size to segment."""
    from workbench import REPOSITORY, make_dataset

    made = make_dataset(folder / "Task04_Hippocampus", REPOSITORY / "bundles" / "hippocampus_mri")
    for image, name in zip(sorted((made / "imagesTr").glob("*.nii.gz")), ("left", "right"), strict=False):
        shutil.copy(image, folder / "hippocampi" / f"{name}.nii.gz")
    return ""


def _hippocampus(folder: Path, request) -> str:
    (folder / "images").symlink_to("hippocampi")
    return f"BUNDLE={ROOT}/bundles/hippocampus_mri\n{_labelled(folder, request)}"


def _sarcoma(folder: Path, request) -> str:
    """The images of one patient, as files, as a DICOM study, in a table and in a folder of cases."""
    data = request.getfixturevalue("shared_data")
    patient = data / "soft_tissue_sarcoma" / "STS_003"
    (folder / "dicom_folder").symlink_to(data / "dicom" / "sarcoma_STS_003")
    (folder / "data" / "STS_003").mkdir(parents=True)
    for name in ("t1", "ct", "pet"):
        (image,) = patient.glob(f"*{name}*.nii.gz")
        (folder / f"{name}.nii.gz").unlink(missing_ok=True)
        for place in (folder, folder / "data" / "STS_003"):
            (place / f"{name}.nii.gz").symlink_to(image)
    (folder / "cases.csv").write_text("case,t1,ct,pet\np1,t1.nii.gz,,\n", encoding="utf-8")
    return f"BUNDLE={ROOT}/bundles/soft_tissue_sarcoma\n"


def _head_neck(folder: Path, request) -> str:
    """A planning CT as DICOM and as a file, and a small data set of noise and blocks."""
    from workbench import REPOSITORY, make_dataset

    from monai_attn.io import read, write

    data = request.getfixturevalue("shared_data") / "dicom" / "neck_ct"
    (folder / "ct_dicom").symlink_to(data)
    (folder / "ct.nii.gz").unlink(missing_ok=True)
    write(read(data), folder / "ct.nii.gz")
    (folder / "images").mkdir()
    (folder / "images" / "ct.nii.gz").symlink_to(folder / "ct.nii.gz")
    make_dataset(folder / "DATASET", REPOSITORY / "bundles" / "head_neck_ct")
    return f"BUNDLE={ROOT}/bundles/head_neck_ct\n"


PREPARED = {
    "bundles/head_neck_ct/docs/README.md": _head_neck,
    "docs/howto/train.md": _labelled,
    "docs/learn.md": _labelled,
    "docs/training_data.md": _labelled,
    "bundles/hippocampus_mri/docs/README.md": _hippocampus,
    "bundles/soft_tissue_sarcoma/docs/README.md": _sarcoma,
}
"""What pages need besides the samples; each gives lines that come first."""

LEFT = {
    "README.md": (
        "out/t1_report.html",
        "right/t1_rt.dcm",
        "both/right_seg.nii.gz",
        "monai/*.nii.gz",
        "trusted/*.nii.gz",
    ),
    "docs/quickstart.md": ("masks/case_2_seg.nii.gz", "table/second_seg.nii.gz", "monai/*.nii.gz", "out/report.html"),
    "docs/learn.md": ("masks/left_seg.nii.gz", "next/models/model.pt"),
    "bundles/hippocampus_mri/docs/README.md": ("masks/*_seg.nii.gz", "run/model.pt", "scores/scores.csv", "model.onnx"),
}
"""What a page leaves behind, for a few of them."""
