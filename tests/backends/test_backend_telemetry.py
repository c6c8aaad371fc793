"""Nothing is told to anybody: openvino and nncf report what is converted unless they are kept from it."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import monai_attn

pytestmark = pytest.mark.skipif(find_spec("openvino_telemetry") is None, reason="this OpenVINO reports nothing")

WATCHED = """
import multiprocessing, socket, sys, warnings
warnings.simplefilter("ignore")
said = []
def no(*args, **kwargs):
    said.append(args)
    raise OSError("no network here")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = no
multiprocessing.Process.start = no  # the sender's way
"""

CONVERT = """
from importlib.util import find_spec
import torch
from torch import nn
from monai_attn.backends import Execution, load_network
network = nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv3d(4, 2, 3, padding=1)).eval()
windows = [torch.randn(1, 8, 8, 8) for _ in range(4)]
with torch.no_grad():
    for precision in ["f32"] + ["int8"] * bool(find_spec("nncf")):
        loaded = load_network(network, Execution("cpu", "openvino", precision), windows=windows)
        loaded(windows[0][None])
"""

TELL = "\nimport time; time.sleep(1); print(len(said), 'openvino_telemetry.main' in sys.modules)"

BEFORE = """
import time, openvino, openvino_telemetry
time.sleep(1)
said.clear()
"""
"""Some other code has imported them and told so; they cannot be hidden any more."""

WITHOUT_US = """
import openvino, torch
openvino.convert_model(torch.nn.Conv3d(1, 2, 3), example_input=torch.zeros(1, 1, 8, 8, 8))
"""


def told(code: str, home) -> tuple[list[str], list[str]]:
    """How many connections were tried and whether the reporter was loaded; what was left in the home folder."""
    home.mkdir(exist_ok=True)
    quiet = {name: value for name, value in os.environ.items() if name not in ("CI", "TF_BUILD", "JENKINS_URL")}
    run = subprocess.run(
        [sys.executable, "-c", WATCHED + code + TELL],
        check=True,
        capture_output=True,
        text=True,
        env={**quiet, "HOME": str(home), "MONAI_ATTN_CACHE": str(home / "cache")},
    )
    return run.stdout.split()[-2:], sorted(path.name for path in home.iterdir() if path.name == "intel")


def test_nothing_is_sent_and_nothing_is_left_in_the_home_folder(tmp_path):
    assert told(CONVERT, tmp_path / "home") == (["0", "False"], [])


@pytest.mark.slow
def test_nothing_is_sent_when_the_reporter_was_loaded_before(tmp_path):
    (number, _), _ = told(BEFORE + CONVERT, tmp_path / "home")
    assert number == "0"


@pytest.mark.skipif(sys.platform != "linux", reason="where the watch sees the sender")
def test_the_watch_sees_what_openvino_sends_on_its_own(tmp_path):
    (number, loaded), left = told(WITHOUT_US, tmp_path / "home")
    assert int(number) > 0
    assert loaded == "True"
    assert left == ["intel"]


def test_openvino_is_imported_in_one_place():
    """Its mere import is reported."""
    package = Path(monai_attn.__file__).parent
    lines = [
        (path.name, line.strip())
        for folder in (package, Path(__file__).parents[1])
        for path in folder.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip().startswith(("import openvino", "from openvino", 'pytest.importorskip("openvino', "import nncf"))
    ]
    assert sorted(line for line in lines if line[0] != Path(__file__).name) == [
        ("conversion.py", "from openvino.tools.ovc import convert, convert_impl"),
        ("conversion.py", "from openvino_telemetry.utils import sender"),
        ("conversion.py", "import openvino"),
        ("quantisation.py", "import nncf"),
    ]
