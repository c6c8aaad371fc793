"""The trainings of a bundle, without a network: what they find in their folders, and what they leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from monai_attn.learn.configs import PREPARED
from monai_attn.learn.trainings import run_trainings


def test_cases_that_a_killed_run_has_prepared_are_prepared_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """With other settings (`--resume --set pixdim=...`) the training went on with the cases of the settings before."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "split.json").write_text(json.dumps({"train": ["a"], "validation": ["b"], "test": []}))
    folder = tmp_path / "runs" / "train"
    (folder / PREPARED).mkdir(parents=True)
    (folder / "state_checkpoint_epoch=3.pt").touch()
    seen: list[Any] = []

    def train(root: Path, dataset: Path, overrides: dict[str, Any], **rest: Any) -> bool:
        seen.append((overrides["resume"], sorted(path.name for path in folder.iterdir())))
        return True

    monkeypatch.setattr("monai_attn.learn.trainings.train", train)
    assert run_trainings(tmp_path, tmp_path, 10.0, listener=seen.append)
    assert seen == [(True, ["state_checkpoint_epoch=3.pt"])]
