"""The files of a release: weights with their sums, bundles that `fetch` completes, and cards for Hugging Face."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from monai_attn.bundle.describe import describe_bundle
from monai_attn.bundle.fetch import fetch_weights
from monai_attn.cli.main import main
from monai_attn.errors import BundleError, FileError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server on this computer in the place of the release page; gives its folder and its address."""
    folder = tmp_path_factory.mktemp("served")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{made.server_address[1]}"
        made.shutdown()


@pytest.fixture(scope="module")
def release(server, tmp_path_factory):
    out = tmp_path_factory.mktemp("release") / "out"
    command = [sys.executable, ROOT / "release" / "prepare.py", out, "--version", "0.2.0", "--repository", server[1]]
    subprocess.run(command, check=True, capture_output=True)
    place = server[0] / "releases" / "download"
    place.mkdir(parents=True)
    (place / "v0.2.0").symlink_to(out / "weights")
    return out


def test_the_sums_are_those_of_the_weights(release):
    lines = (release / "weights" / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((release / "weights" / name).read_bytes()).hexdigest() == digest


def test_a_bundle_without_weights_is_completed_by_fetch(release, capsys):
    bundle = release / "bundles" / "hippocampus_mri"
    assert not describe_bundle(bundle).weights.exists()
    assert main(["fetch", str(bundle), "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["files"] == [str(describe_bundle(bundle).weights)]
    assert "fetched: " in printed.err
    shipped = ROOT / "bundles" / "hippocampus_mri" / "models" / "model.pt"
    assert (bundle / "models" / "model.pt").read_bytes() == shipped.read_bytes()
    with pytest.raises(FileError, match="there already"):
        fetch_weights(bundle)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("{server}/nowhere.pt", "could not be fetched: HTTPError"),
        ("{server}/other.pt", "another SHA-256"),
        ("file:///etc/hostname", "not at an https address"),
        ("http://example.org/model.pt", "not at an https address"),
        ("", "does not say where"),
    ],
)
def test_weights_that_cannot_be_had_leave_nothing(release, server, url, why):
    bundle = release / "bundles" / "soft_tissue_sarcoma"
    (server[0] / "other.pt").write_bytes(b"other")
    listed = {"path": "models/model.pt", "url": url.format(server=server[1])}
    (bundle / "large_files.yml").write_text(yaml.safe_dump({"large_files": [listed]}), encoding="utf-8")
    with pytest.raises(BundleError, match=why):
        fetch_weights(bundle)
    models = bundle / "models"
    assert not models.exists() or list(models.iterdir()) == []


def test_cards_have_the_header_of_hugging_face_and_links_that_lead_somewhere(release):
    for bundle in (release / "huggingface").iterdir():
        text = (bundle / "README.md").read_text(encoding="utf-8")
        assert yaml.safe_load(text.split("---")[1])["library_name"] == "monai"
        assert "](docs/data_license.txt)" in text
        assert (bundle / "docs" / "data_license.txt").is_file()
        assert (bundle / "models" / "model.pt").is_file()
