"""The learning curve of a model card."""

from __future__ import annotations

from pathlib import Path

from monai_attn.learn.pictures import draw_curve
from monai_attn.training import Point


def test_a_name_with_dollar_signs_is_no_formula(tmp_path: Path) -> None:
    point = Point(60.0, 60.0, 5, 1, 0.01, loss=0.5, mean_dice=0.4, dice={r"PTV $\frac$": 0.4})
    draw_curve([point], tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 1000
