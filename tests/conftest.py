"""What all tests share."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images; MONAI_ATTN_DATA says where, else it is beside the repository."""
    folder = Path(os.environ.get("MONAI_ATTN_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the shared data are not here; set MONAI_ATTN_DATA to their folder")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Converted networks of the tests stay out of the user's cache; subprocesses inherit the folder.

    Where several processes run the tests, they share one folder: a network is converted and compared once, not once in
    each process.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    os.environ["MONAI_ATTN_CACHE"] = str(folder / "converted_networks")
    os.environ["MONAI_ATTN_HOME"] = str(folder / "nobody")


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c() -> None:
    """Ctrl-C counts, also where a shell that runs the tests beside a script has switched it off."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, request) -> None:
    """Each test begins without bundles that were trusted; the folder is made when something is written there."""
    name = f"{abs(hash(request.node.nodeid))}"
    monkeypatch.setenv("MONAI_ATTN_HOME", str(tmp_path_factory.getbasetemp() / "homes" / name))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where several processes run the tests, those of a file stay together, and those with a window in one process."""
    for item in items:
        if item.name == "test_torchscript_and_onnx_give_the_same_labels[soft_tissue_sarcoma]":
            item.add_marker(pytest.mark.slow)  # ten networks; those of the other bundles say the same of the exporters
        group = "window" if item.get_closest_marker("gui") else item.path.stem
        item.add_marker(pytest.mark.xdist_group(group))
