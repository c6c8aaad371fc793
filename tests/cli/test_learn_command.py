"""What `monai-attn learn` prints; the training itself is tested in tests/learn."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from monai_attn.cli.main import main
from monai_attn.cli.words import command_words
from monai_attn.learn.score import Scores
from monai_attn.training.progress import GO_BACK


def test_json_says_what_the_weights_knew_of_the_cases_and_whether_the_training_came_to_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program took the Dice of cases of the training for that of unseen ones: only the words told them apart."""
    row = {"case": "a", "value": 1, "name": "ball", "dice": 0.9, "hd95_mm": 1.0}
    learned = SimpleNamespace(bundle=tmp_path / "new", finished=False, scores=Scores((row,), ("a",), 3, "seen"))
    monkeypatch.setattr("monai_attn.learn.learn", lambda *_, **__: learned)
    assert main(["learn", str(tmp_path), "-o", str(tmp_path / "new"), "--json"]) == 130
    answer = json.loads(capsys.readouterr().out)
    assert (answer["kind"], answer["finished"], answer["scored"], answer["wanted"]) == ("seen", False, 1, 3)


def test_a_training_that_came_to_nothing_says_the_options_of_this_command() -> None:
    """It named those of `monai.bundle run`, which this command does not take."""
    said = command_words(GO_BACK, "learn")
    assert "(--resume)" in said
    assert "(--set amp=false)" in said
