"""Two readers of a cohort: kappa of their decisions, and Dice between their masks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ones import Ones, make_cases

from monai_attn.cli.main import main
from monai_attn.cohort import Recipe, run_cases
from monai_attn.cohort.agreement import agreement_of_readers
from monai_attn.cohort.corrections import images_of_case, save_correction
from monai_attn.cohort.verdicts import record_verdict
from monai_attn.errors import InputError
from monai_attn.segmentation import Segmentation


def correct(folder, case, voxels, reader):
    made = Segmentation.load(folder / f"{case}_seg.nii.gz")
    array = np.zeros(made.labels.shape, np.uint8)
    array.ravel()[:voxels] = 1
    fixed = replace(made, labels=made.labels.with_array(array), provenance={**made.provenance, "edited_by_hand": True})
    save_correction(folder, case, fixed, images_of_case(folder, case), reader)


@pytest.fixture
def read_by_two(tmp_path):
    """Six cases; case_N has N voxels. Anna corrects case_3 to 6 voxels, and Ben cases 3 and 4 to 4 and 8."""
    folder = tmp_path / "out"
    recipe = Recipe(bundle="ones", output=folder)
    assert not any(row.error for row in run_cases(recipe, make_cases(tmp_path / "in", 6), Ones()))
    for reader, decisions in (("anna", "accept reject fix accept accept"), ("ben", "accept reject fix fix fix")):
        for number, decision in enumerate(decisions.split(), 1):
            record_verdict(folder, f"case_{number}", decision, reader)
    correct(folder, "case_3", 6, "anna")
    correct(folder, "case_3", 4, "ben")
    correct(folder, "case_4", 8, "ben")
    return folder


def test_dice_is_between_the_masks_that_the_readers_stand_for(read_by_two):
    found = agreement_of_readers(read_by_two, "anna", "ben")
    dice = {row["case"]: row["dice"] for row in found.rows if row["structure"]}
    assert dice == {"case_3": pytest.approx(2 * 4 / (6 + 4)), "case_4": pytest.approx(2 * 4 / (4 + 8))}
    assert [row["case"] for row in found.rows] == ["case_1", "case_2", "case_3", "case_4", "case_5"]
    assert found.dice == {"one": (pytest.approx((0.8 + 2 / 3) / 2), 2)}
    row = next(row for row in found.rows if row["case"] == "case_4")
    assert (row["volume_1_ml"], row["volume_2_ml"]) == (pytest.approx(0.024), pytest.approx(0.048))


def test_kappa_is_of_three_decisions_and_of_accept_against_the_rest(read_by_two):
    """Three: observed 3/5, expected 3/5*1/5 + 1/5*1/5 + 1/5*3/5 = 7/25. Two: expected 3/5*1/5 + 2/5*4/5 = 11/25."""
    found = agreement_of_readers(read_by_two, "anna", "ben")
    assert found.decisions.kappa == pytest.approx((0.6 - 0.28) / (1 - 0.28))
    assert found.accepted.kappa == pytest.approx((0.6 - 0.44) / (1 - 0.44))
    assert found.decisions.differ == ("case_4", "case_5")
    with pytest.raises(InputError, match=r"by both: anna \(5 cases\) and the reader without a name \(0 cases\)"):
        agreement_of_readers(read_by_two, "anna", "")
    with pytest.raises(InputError, match="anna is one reader"):
        agreement_of_readers(read_by_two, "anna", "anna")


def test_the_command_says_it_and_writes_a_table(read_by_two, capsys):
    assert main(["cohort", str(read_by_two), "--agreement", "anna,ben"]) == 0
    said = capsys.readouterr().out
    assert "anna and ben both decided on 5 cases" in said
    assert "kappa 0.44 (accept, fix, reject), 0.29 (accept or not)" in said
    assert "one: mean Dice 0.733 between their masks, over 2 cases" in said
    assert "They differ on: case_4, case_5." in said
    table = (read_by_two / "agreement_anna_ben.csv").read_text()
    assert table.splitlines()[0].startswith("case,decision_1,decision_2,structure,dice")
    assert main(["cohort", str(read_by_two), "--agreement", "anna"]) == 2
    assert "two readers" in capsys.readouterr().err
    for reader in ("", "ben"):
        record_verdict(read_by_two, "case_1", "accept", reader)
    assert main(["cohort", str(read_by_two), "--agreement=-,ben"]) == 0
    assert (read_by_two / "agreement_-_ben.csv").is_file()
