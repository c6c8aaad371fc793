"""A bundle in a sandbox has no network and writes into the output folder alone; it is not trusted afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from zoo_bundle import add_weights, config, write_bundle

import monai_attn.bundle.sandbox as sandbox
from monai_attn.bundle.trust import is_trusted
from monai_attn.cli.main import main
from monai_attn.errors import InputError
from monai_attn.io import write
from monai_attn.volume import Volume

TOOLS = [tool for tool in ("bwrap", "unshare") if sandbox.tool_of_sandbox()]

SPY = """
import socket, sys
def tried(what, act):
    try:
        act()
        print(what, "done")
    except OSError as error:
        print(what, "refused")
tried("inside", lambda: open(sys.argv[1] + "/a", "w").write("a"))
tried("outside", lambda: open(sys.argv[2] + "/a", "w").write("a"))
tried("shared", lambda: open("/etc/monai_attn_was_here", "w").write("a"))
tried("network", lambda: socket.create_connection(("127.0.0.1", int(sys.argv[3])), 2))
"""


@pytest.fixture
def port():
    """A port of this computer on which something listens."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("tool", ["bwrap", "unshare"])
def test_nothing_is_written_outside_and_no_network_is_there(tool, tmp_path, port, monkeypatch):
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: f"/usr/bin/{name}" if name == tool else None)
    if sandbox.tool_of_sandbox() != tool:
        pytest.skip(f"{tool} makes no sandbox here")
    for name in ("inside", "outside"):
        (tmp_path / name).mkdir()
    spy = [sys.executable, "-c", SPY, str(tmp_path / "inside"), str(tmp_path / "outside"), str(port)]
    run = subprocess.run(sandbox.sandboxed(spy, [tmp_path / "inside"]), capture_output=True, text=True, check=False)
    assert run.stdout.split("\n")[:4] == ["inside done", "outside refused", "shared refused", "network refused"], run
    free = subprocess.run(spy, capture_output=True, text=True, check=False)
    assert "network done" in free.stdout


def test_without_a_sandbox_there_is_a_sentence(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sandbox.shutil, "which", lambda _: None)
    with pytest.raises(InputError, match=r"There is no sandbox on this computer: it needs Linux with bubblewrap"):
        sandbox.sandboxed(["true"], [])
    root = write_bundle(tmp_path / "foreign")
    write(Volume(np.zeros((4, 4, 4), np.float32)), tmp_path / "t1.nii.gz")
    command = ["segment", str(tmp_path / "t1.nii.gz"), "-b", str(root), "-o", str(tmp_path / "out"), "--sandbox"]
    assert main(command) == 2
    assert "There is no sandbox on this computer" in capsys.readouterr().err


@pytest.mark.skipif(not TOOLS, reason="no sandbox here")
def test_a_foreign_bundle_is_tried_in_the_sandbox(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("MONAI_ATTN_HOME", str(tmp_path / "home"))
    spy = tmp_path / "it_wrote"
    code = (
        f"try:\n    open({str(spy)!r}, 'w')\nexcept OSError:\n    pass\nfrom monai.networks.nets import UNet as Net\n"
    )
    inference = config()
    inference["network_def"] = {**inference["network_def"], "_target_": "scripts.net.Net"}
    root = add_weights(write_bundle(tmp_path / "foreign", inference, scripts={"net.py": code}))
    array = np.random.default_rng(0).normal(size=(20, 18, 16)).astype(np.float32)
    write(Volume(array, np.diag([1.5, 1.5, 2.0, 1.0])), tmp_path / "t1.nii.gz")
    out = tmp_path / "out"
    common = ["segment", str(tmp_path / "t1.nii.gz"), "-b", str(root), "--quiet", "--backend", "torch", "-o", str(out)]
    assert main([*common, "--sandbox", "--json"]) == 0
    assert [case["case"] for case in json.loads(capfd.readouterr().out)["cases"]] == ["t1"]
    assert (out / "t1_seg.nii.gz").is_file()
    assert not spy.exists()
    assert not is_trusted(root)
    assert not os.environ.get("MONAI_ATTN_INSIDE_SANDBOX")
