"""How a network runs is one value, checked when it is made, without torch."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from tiny_bundle import make_bundle

from monai_attn import Segmenter
from monai_attn.backends import BACKENDS, Execution, backend_choices, compiled, execution, precision_choices
from monai_attn.cli.main import main
from monai_attn.errors import InputError


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"backend": "abacus"}, "Unknown backend 'abacus'. Choose one of auto, torch, openvino, torch-compile."),
        (
            {"backend": "torch", "precision": "int8"},
            "The torch backend has no precision 'int8'. Choose one of auto, f32",
        ),
        ({"precision": "f64"}, "There is no precision 'f64'. Choose one of auto, f32, bf16, f16, int8."),
        ({"threads": 0}, "0 is no number of threads. Choose 1 or more."),
        ({"backend": "openvino", "device": "cuda:1"}, "The openvino backend runs on the CPU, not on 'cuda:1'."),
    ],
)
def test_what_does_not_exist_or_go_together_is_refused_when_it_is_made(given, message):
    with pytest.raises(InputError, match=message):
        Execution(**given)


def test_a_back_end_of_the_cpu_takes_the_cpu_where_there_is_a_gpu(monkeypatch):
    monkeypatch.setattr(execution, "choose_device", lambda name: "cuda" if name == "auto" else name)
    assert Execution(backend="openvino").resolved() == Execution("cpu", "openvino", "f32")
    assert Execution().resolved() == Execution("cuda", "torch", "auto")


def test_a_segmenter_takes_the_value_or_its_parts_and_not_both(tmp_path):
    root = make_bundle(tmp_path / "foreign")
    whole = Segmenter.from_bundle(root, execution=Execution("cpu", "torch", "bf16"), trust=True)
    parts = Segmenter.from_bundle(root, device="cpu", backend="torch", precision="bf16", trust=True)
    assert whole.execution == parts.execution == Execution("cpu", "torch", "bf16")
    with pytest.raises(InputError, match="Give execution, or device, backend"):
        Segmenter.from_bundle(root, execution=Execution(), device="cpu", trust=True)


@pytest.mark.parametrize("field", [field.name for field in fields(Execution)])
def test_every_part_of_it_reaches_the_segmenter_from_the_command_line(tmp_path, monkeypatch, field):
    made = []

    def from_bundle(*_, execution, **__):
        made.append(execution)
        raise InputError("far enough")

    image = tmp_path / "case.nii.gz"
    image.touch()
    monkeypatch.setattr(Segmenter, "from_bundle", from_bundle)
    given = {"device": "cpu", "backend": "openvino", "precision": "bf16", "threads": 3, "calibration": (image,)}
    option = "--calibrate" if field == "calibration" else f"--{field}"
    value = str(image) if field == "calibration" else str(given[field])
    assert main(["segment", str(image), "-b", "hippocampus_mri", "-o", str(tmp_path), option, value]) == 2
    assert made == [Execution(**{field: given[field]})]


def test_the_command_line_offers_what_the_tables_have(capsys):
    with pytest.raises(SystemExit):
        main(["segment", "--help"])
    words = " ".join(capsys.readouterr().out.split())
    assert f"{', '.join(backend_choices())} (default: auto)" in words
    assert f"{', '.join(precision_choices())} (default: auto)" in words


def test_every_back_end_file_keeps_the_contract():
    for module in BACKENDS.values():
        assert {"DEVICES", "NEEDS", "PRECISIONS", "is_available", "load"} == set(module.__all__)


def test_the_tables_and_the_value_load_no_torch():
    code = "import sys; from monai_attn.backends import Execution, BACKENDS; Execution(); print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_the_number_of_threads_is_handed_on_by_hand_at_most_three_times():
    """It is read once, taken out of its `Execution` once, and used by each back-end."""
    package = Path(execution.__file__).parents[1]
    rooms = [package / "cli", package / "cohort", package / "backends", package / "segmenter"]
    files = [path for room in rooms for path in room.rglob("*.py")]
    named = {
        path.relative_to(package).as_posix(): set(re.findall(r"(\w+)\.threads\b", path.read_text())) for path in files
    }
    assert {name: of for name, of in named.items() if of - {"self"}} == {
        "cli/_execution.py": {"args"},
        "cli/network.py": {"args"},  # the command that times networks in torch
        "backends/loading.py": {"one"},
        "backends/record.py": {"self", "network"},  # what came back
    }


def test_a_compiler_that_is_missing_is_no_package_of_pip(monkeypatch):
    monkeypatch.setattr(compiled, "is_available", lambda: False)
    with pytest.raises(
        InputError, match=r"needs torch and a C\+\+ compiler .* Install it, or choose another backend\."
    ):
        execution.choose_backend("torch-compile", "cpu")
