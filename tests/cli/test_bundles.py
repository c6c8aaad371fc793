"""`monai-attn bundles`: the shipped bundles, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_bundle import make_bundle

from monai_attn.cli.main import main


def test_every_shipped_bundle_is_listed_with_its_folder(capsys):
    assert main(["bundles"]) == 0
    text = capsys.readouterr().out
    assert "hippocampus_mri  " in text
    assert "  gives: anterior hippocampus, posterior hippocampus" in text
    folders = [Path(line.partition(": ")[2]) for line in text.splitlines() if line.startswith("  folder: ")]
    assert len(folders) >= 2
    assert all((folder / "configs" / "metadata.json").is_file() for folder in folders)


def test_programs_read_the_list_as_json(capsys):
    assert main(["bundles", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) >= {"hippocampus_mri", "soft_tissue_sarcoma"}
    assert list(rows["hippocampus_mri"]["labels"].values()) == ["anterior hippocampus", "posterior hippocampus"]
    assert (Path(rows["hippocampus_mri"]["folder"]) / "models" / "model.pt").is_file()


@pytest.mark.parametrize(
    ("metadata", "shown"),
    [
        ({"labels": {"0": "background", "1": "liver"}}, "gives: liver"),
        ({"labels": ["liver"]}, "A label needs a value and a name"),
        ({"made_for": [1]}, "made_for in metadata.json holds names and values"),
    ],
)
def test_a_bundle_with_odd_metadata_does_not_hide_the_others(tmp_path, monkeypatch, capsys, metadata, shown):
    root = make_bundle(tmp_path / "odd")
    path = root / "configs" / "metadata.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | metadata))
    monkeypatch.setenv("MONAI_ATTN_BUNDLES", str(tmp_path))
    assert main(["bundles"]) == 0
    text = capsys.readouterr().out
    assert "hippocampus_mri  " in text
    assert shown in text
