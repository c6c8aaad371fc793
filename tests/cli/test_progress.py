"""The progress bar of `segment` also says that a network is being prepared."""

from __future__ import annotations

import logging
from importlib.util import find_spec

import pytest
import torch

from monai_attn.cli._progress import PREPARATION, PatchBar, TimeLeft


def test_the_bar_says_what_happens_before_the_first_window_and_the_log_does_not(caplog):
    with PatchBar(["one"], TimeLeft(1), quiet=True) as bar:
        said: list[str] = []
        bar._said.show = said.append
        PREPARATION.info("preparing the network for this computer, once")
        PREPARATION.warning("this goes into the log")
    assert said == ["preparing the network for this computer, once"]
    assert [record.getMessage() for record in caplog.records] == ["this goes into the log"]
    assert (PREPARATION.filters, PREPARATION.level) == ([], logging.NOTSET)


@torch.no_grad()
@pytest.mark.skipif(find_spec("openvino") is None, reason="OpenVINO is not made for this processor")
def test_a_conversion_is_announced_once(tmp_path, monkeypatch, caplog):
    from monai_attn.backends import Execution, load_network

    monkeypatch.setenv("MONAI_ATTN_CACHE", str(tmp_path))
    caplog.set_level(logging.INFO, PREPARATION.name)
    network, x = torch.nn.Conv3d(1, 2, 3, padding=1), torch.randn(1, 1, 8, 8, 8)
    for _ in range(2):
        load_network(network, Execution("cpu", backend="openvino"))(x)
    said = [record.getMessage() for record in caplog.records if record.name == PREPARATION.name]
    assert said == ["preparing the network for this computer, once"]
