"""Bundles in the user's own folders are found by name; fetching one without a network is a sentence, at once."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from zoo_bundle import write_bundle

from monai_attn.bundle.fetch import fetch
from monai_attn.bundle.locate import bundle_folders, fetched, find_bundle
from monai_attn.bundle.trust import is_trusted
from monai_attn.cli.main import main
from monai_attn.errors import BundleError, FileError


@pytest.fixture
def homes(tmp_path, monkeypatch) -> list[Path]:
    folders = [tmp_path / "mine", tmp_path / "ours"]
    monkeypatch.setenv("MONAI_ATTN_BUNDLES", os.pathsep.join(map(str, folders)))
    return folders


@pytest.fixture
def _offline(monkeypatch):
    """All addresses go through a proxy that is not there."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_own_bundles_are_found_by_name_the_first_folder_first(homes, capsys):
    write_bundle(homes[1] / "spleen")
    second = write_bundle(homes[1] / "liver")
    first = write_bundle(homes[0] / "spleen")
    assert fetched() == {"spleen": first, "liver": second}
    assert find_bundle("spleen") == first
    assert not is_trusted(first)
    assert main(["info", "liver"]) == 0
    assert str(second) in capsys.readouterr().out
    (second / "configs" / "inference.json").write_text("{")
    assert main(["bundles"]) == 0
    printed = capsys.readouterr().out
    assert "spleen  0.0.1  a test" in printed
    assert "liver  liver/configs/inference.json cannot be read" in printed
    assert "hippocampus_mri" in printed


def test_without_the_variable_bundles_are_in_the_users_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("MONAI_ATTN_BUNDLES", raising=False)
    monkeypatch.setenv("MONAI_ATTN_HOME", str(tmp_path))
    assert bundle_folders() == (tmp_path / "bundles",)
    assert fetched() == {}


def test_an_unknown_name_says_how_to_fetch_a_bundle(homes):
    with pytest.raises(BundleError, match=r"There is no bundle 'lung_nodules'.*monai-attn fetch lung_nodules"):
        find_bundle("lung_nodules")
    with pytest.raises(BundleError, match=r"Did you mean 'hippocampus_mri'\?$"):
        find_bundle("hippocampus_mr")


@pytest.mark.usefixtures("_offline")
def test_fetching_without_a_network_says_so_at_once_and_leaves_nothing(homes, capsys):
    start, loaded = time.perf_counter(), "torch" in sys.modules
    assert main(["fetch", "spleen_ct_segmentation"]) == 2
    assert time.perf_counter() - start < 10
    assert "There is no network, so spleen_ct_segmentation cannot be fetched" in capsys.readouterr().err
    assert ("torch" in sys.modules) is loaded
    assert not homes[0].exists()


def test_a_bundle_that_is_there_is_not_fetched_again(homes):
    write_bundle(homes[0] / "spleen")
    with pytest.raises(FileError, match=r"The bundle spleen is there already"):
        fetch("spleen")


@pytest.mark.parametrize("name", ["../spleen", "a/b", ".hidden", "", "a b"])
def test_a_name_that_is_a_path_is_refused(name):
    with pytest.raises(BundleError, match=r"is no name of a bundle"):
        fetch(name)
