"""Converted networks are kept, found again, and never taken for another network's or used when damaged."""

from __future__ import annotations

import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from test_backends import EXACT, image, make
from torch import nn

from monai_attn.backends import Execution, conversion, load_network
from monai_attn.backends.cache import Entry
from monai_attn.backends.fingerprint import fingerprint
from monai_attn.cli.main import main
from monai_attn.folders import CACHE_VARIABLE, HOME_VARIABLE, cache_folder, user_folder

pytestmark = pytest.mark.skipif(find_spec("openvino") is None, reason="OpenVINO is not made for this processor")


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the folders of Linux")
def test_the_cache_is_where_the_user_or_the_system_says(monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, "/here")
    assert cache_folder() == Path("/here")
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", "/there")
    assert cache_folder() == Path("/there/monai_attn")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "monai_attn"


def test_where_no_home_is_known_the_variables_are_named(monkeypatch, capsys):
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in (CACHE_VARIABLE, HOME_VARIABLE, "XDG_CACHE_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", unknown)
    for folder in (cache_folder, user_folder):
        with pytest.raises(FileNotFoundError, match="The home folder is not known"):
            folder()
    assert main(["bundles"]) == 2
    assert "Set HOME, or MONAI_ATTN_CACHE and MONAI_ATTN_HOME to folders." in capsys.readouterr().err


def files(cache: Path) -> list[Path]:
    return sorted(path for path in cache.rglob("*") if path.is_file())


@torch.no_grad()
def test_a_network_is_traced_once_for_windows_of_one_kind(cache, monkeypatch):
    network, x = make("MONAI UNet"), image(1, 1, 64, 32, 96)
    traced: list[tuple[int, ...]] = []
    trace = conversion._trace
    monkeypatch.setattr(conversion, "_trace", lambda *args: (traced.append(tuple(args[1])), trace(*args))[1])
    for _ in range(2):
        torch.testing.assert_close(load_network(network, Execution("cpu", backend="openvino"))(x), network(x), **EXACT)
    assert traced == [(1, 1, 32, 32, 32)]
    assert [path.name for path in files(cache / "openvino")] == ["manifest.json", "network.bin", "network.xml"]
    load_network(network, Execution("cpu", backend="openvino", precision="bf16"))(image(1, 1, 32, 64, 32))
    assert traced == [(1, 1, 32, 32, 32)]
    load_network(network, Execution("cpu", backend="openvino"))(image(1, 1, 36, 32, 32))
    assert traced == [(1, 1, 32, 32, 32), (1, 1, 36, 32, 32)]


@torch.no_grad()
@pytest.mark.parametrize("suffix", [".bin", ".xml", ".json"])
@pytest.mark.parametrize("damage", [lambda file: file.write_bytes(file.read_bytes()[:-7] + b"garbage"), Path.unlink])
def test_a_damaged_entry_is_seen_and_made_anew(cache, caplog, suffix, damage):
    network, x = make("MONAI UNet"), image(1, 1, 32, 32, 32)
    load_network(network, Execution("cpu", backend="openvino"))(x)
    (file,) = [path for path in files(cache / "openvino") if path.suffix == suffix]
    whole = file.read_bytes()
    damage(file)
    torch.testing.assert_close(load_network(network, Execution("cpu", backend="openvino"))(x), network(x), **EXACT)
    assert "is damaged" in caplog.text
    numbers = re.compile(rb'name="Model\d+"')  # counted within the process
    assert len(numbers.sub(b"", file.read_bytes())) == len(numbers.sub(b"", whole))
    caplog.clear()
    load_network(network, Execution("cpu", backend="openvino"))(x)
    assert caplog.text == ""


@torch.no_grad()
def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file" / "cache"))
    network, x = make("MONAI UNet"), image(1, 1, 32, 32, 32)
    loaded = load_network(network, Execution("cpu", backend="openvino"))
    torch.testing.assert_close(loaded(x), network(x), **EXACT)
    assert loaded.record.used == [("openvino", "f32")]
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


@torch.no_grad()
@pytest.mark.parametrize("backend", ["openvino", "auto"])
def test_a_disk_that_fills_up_while_a_network_is_kept_costs_time_only(cache, monkeypatch, caplog, backend):
    def full(*_: object, **__: object) -> None:
        raise RuntimeError("basic_ios::clear: iostream error")

    monkeypatch.setattr(conversion.openvino_without_telemetry(), "save_model", full)
    network, x = make("MONAI UNet"), image(1, 1, 32, 32, 32)
    loaded = load_network(network, Execution("cpu", backend=backend))
    torch.testing.assert_close(loaded(x), network(x), **EXACT)
    assert loaded.record.used == [("openvino", "f32")]
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
    assert files(cache / "openvino") == []


def test_an_entry_is_there_completely_or_not_at_all(cache):
    entry = Entry("openvino", "key", "f32")

    def fail(folder: Path) -> None:
        (folder / "network.xml").write_text("half")
        raise OSError("No space left on device")

    assert entry.read() is None
    assert not entry.write({}, fail)
    assert entry.read() is None
    assert files(cache) == []
    assert entry.write({"output": None}, lambda folder: (folder / "network.xml").write_text("all"))
    assert entry.read() == {"output": None}
    assert not entry.write({}, fail)
    assert entry.read() == {"output": None}


class Scaled(nn.Module):
    """A setting that no weight shows."""

    def __init__(self, factor: float = 1.0, act: type[nn.Module] = nn.ReLU, epsilon: float = 1e-5) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv3d(1, 2, 3), nn.InstanceNorm3d(2, eps=epsilon), act())
        self.factor = factor

    def forward(self, x):
        return self.factor * self.layers(x)


class Doubled(Scaled):
    def forward(self, x):
        return 2 * super().forward(x)


def test_networks_with_the_same_weights_differ_in_their_fingerprint_when_they_compute_something_else():
    networks = [Scaled(), Scaled(2.0), Scaled(act=nn.GELU), Scaled(epsilon=1e-3), Doubled()]
    assert len({fingerprint(network) for network in networks}) == len(networks)
    assert fingerprint(Scaled()) == fingerprint(Scaled())
    changed = Scaled()
    with torch.no_grad():
        changed.layers[0].weight[0, 0, 0, 0, 0] += 1e-6
    assert fingerprint(changed) != fingerprint(Scaled())


@pytest.mark.parametrize("name", ["manifest.json", "network.xml"])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "/dev/zero"])
def test_a_cache_entry_that_is_no_plain_file_is_never_opened(cache, name, make):
    entry = Entry("openvino", "key", "f32")
    assert entry.write({"a": 1}, lambda folder: (folder / "network.xml").write_text("x") and None)
    assert entry.read() == {"a": 1}
    entry.path(name).unlink()
    make(entry.path(name))
    assert entry.read() is None
