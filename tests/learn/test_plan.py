"""From labelled cases to numbers, and from numbers to decisions that say why they were made."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

from monai_attn.cases.labelled import find_labelled
from monai_attn.errors import OverrideError
from monai_attn.labels import LabelTable
from monai_attn.learn import learn
from monai_attn.learn.card import write_card
from monai_attn.learn.chosen import with_choices
from monai_attn.learn.configs.data import augmentation, body
from monai_attn.learn.configs.training import train_config
from monai_attn.learn.fingerprint import Fingerprint, FingerprintSoFar, ImageFingerprint, StructureFingerprint
from monai_attn.learn.grid import choose_levels, choose_spacing, choose_window
from monai_attn.learn.pace import Pace, cheaper, with_pace
from monai_attn.learn.plan import INSTANCE, Machine, make_plan
from monai_attn.learn.plan_file import read_plan, write_plan
from monai_attn.learn.rows import part_cases, split_of
from monai_attn.learn.score import Scores
from monai_attn.learn.transfer import find_start, with_codes_of
from monai_attn.learn.write import check_overrides
from monai_attn.preflight.labelled_figures import read_cases
from monai_attn.preflight.made_for import MadeFor


def _image(size: tuple[float, ...], spacing: tuple[float, ...], **changed: object) -> ImageFingerprint:
    values = {"p0.5": -900.0, "p5": -100.0, "p50": 40.0, "p95": 600.0, "p99.5": 900.0, "mean": 60.0, "sd": 120.0}
    settings = {"name": "image", "modality": "CT", "unit": "HU", "cases": 9, "values": values, **changed}
    shape = {"size": size, "largest": size, "spacing_mm": spacing, "finest_mm": spacing, "coarsest_mm": spacing}
    return ImageFingerprint(**settings, **shape)  # type: ignore[arg-type]


def _fingerprint(image: ImageFingerprint, names: list[str], thickness_mm: float = 20.0) -> Fingerprint:
    structures = tuple(
        StructureFingerprint(value, name, 9, 9, (1.0, 2.0, 3.0), thickness_mm, 0.01)
        for value, name in enumerate(names, start=1)
    )
    from monai_attn.labels import pairs_of

    pairs = pairs_of(LabelTable.of_names(dict(enumerate(names, start=1))))
    return Fingerprint(9, (image,), structures, pairs, 0, MadeFor(9, {}, {}))


HEAD_NECK = _image((128.0, 128.0, 91.0), (3.906, 3.906, 2.5))


def test_the_fingerprint_of_phantoms_is_what_they_are(phantoms: Path) -> None:
    labelled = find_labelled(phantoms)
    so_far = FingerprintSoFar(labelled, [case.name for case in labelled])
    read_cases(labelled.cases, labelled.labels, visit=so_far.visit)
    found = so_far.fingerprint()
    (image,) = found.images
    left, right = found.structures
    assert image.size == (24, 24, 16)
    assert image.spacing_mm == (2, 2, 3)
    assert image.values["p50"] == pytest.approx(250, abs=10)
    assert (left.drawn, right.drawn) == (8, 5)  # in every third case the right ball was not drawn
    assert left.volume_ml[1] == pytest.approx(4 / 3 * np.pi * 4 * 4 * 4 / 1.5 * 12 / 1000, rel=0.15)
    assert left.thickness_mm == pytest.approx(16, abs=3)
    assert found.pairs == ((1, 2),)
    assert found.made_for.cases == 8


def test_random_grey_values_leave_a_missing_image_at_0_and_change_no_mask_of_where_images_were_measured() -> None:
    several = replace(_fingerprint(HEAD_NECK, ["tumour"]), images=(HEAD_NECK, replace(HEAD_NECK, name="pet")))
    plan = replace(make_plan(several, 60, Machine(), 5), window=(16, 16, 16), deform=0.0)
    (patch, *rest) = augmentation(plan)
    steps = ConfigParser({"steps": {"_target_": "Compose", "transforms": rest}}).get_parsed_content("steps")
    assert patch["_target_"].endswith("RandPatchd")
    image = torch.cat([torch.full((1, 16, 16, 16), 0.5), torch.zeros(1, 16, 16, 16), torch.ones(1, 16, 16, 16)])
    image = torch.cat([image, torch.zeros(1, 16, 16, 16)])  # the second image is missing
    changed = []
    for seed in range(30):
        steps.set_random_state(seed)
        case = steps({"image": image.clone(), "label": torch.zeros(1, 16, 16, 16), "drawn": torch.ones(2)})["image"]
        assert (case[2] == 1).all()
        assert (case[[1, 3]] == 0).all()
        changed.append(not torch.equal(case[0], image[0]))
    assert 5 < sum(changed) < 30


def test_every_decision_of_a_plan_has_a_reason(tmp_path: Path) -> None:
    plan = with_pace(make_plan(_fingerprint(HEAD_NECK, ["brainstem"]), 60, Machine(), 29), Pace(1.5, 6.0))
    write_plan(plan, tmp_path / "plan.json")
    rows = json.loads((tmp_path / "plan.json").read_text())
    known = {"step_seconds", "case_seconds", "epoch_steps", "validation_epochs", "initial"}
    assert [name for name, row in rows.items() if not row["why"] and name not in known] == []
    assert read_plan(tmp_path / "plan.json") == plan


def test_few_windows_are_deformed_where_each_case_is_seen_in_few() -> None:
    plan = make_plan(_fingerprint(HEAD_NECK, ["brainstem"]), 60, Machine(), 29)
    deformed = {most: with_pace(plan, Pace(1.5, 6.0), most).deform for most in (45, 450, 1800)}
    assert deformed == {45: 0.23, 450: 0.5, 1800: 0.8}  # 10, 100 and 400 windows of each of 9 cases
    assert with_choices(plan, {"augmentation#0#prob": 0.1}).deform == 0.1


def test_head_and_neck_keeps_its_voxels_and_the_window_is_a_part_of_it() -> None:
    plan = make_plan(_fingerprint(HEAD_NECK, ["right parotid", "left parotid"]), 60, Machine(), 29)
    assert plan.spacing_mm == (3.91, 3.91, 2.5)
    assert np.prod(plan.window) <= 64 * 64 * 48
    assert all(edge % 8 == 0 for edge in plan.window)
    assert plan.batch == 2
    assert plan.mirror == (0,)
    assert plan.pairs == ((2, 1),)


def test_a_fine_ct_gets_coarser_voxels_but_not_coarser_than_half_a_thin_structure() -> None:
    fine = _image((512.0, 512.0, 300.0), (0.8, 0.8, 1.0))
    spacing, why = choose_spacing(_fingerprint(fine, ["liver"], 60.0), "cpu")
    assert min(spacing) > 1.5
    assert "coarser" in why
    thin, _ = choose_spacing(_fingerprint(fine, ["vessel"], 3.0), "cpu")
    assert max(thin) <= 1.5


def test_a_short_training_sees_much_of_an_image_in_each_window() -> None:
    """Eight minutes with windows of 1/16 of a CT had found less of a spleen than a guess without looking."""
    ct = _image((512.0, 512.0, 74.0), (0.74, 0.74, 1.44))
    plans = {minutes: make_plan(_fingerprint(ct, ["spleen"], 40.0), minutes, Machine(), 3) for minutes in (8, 60, 480)}
    parts = {minutes: np.prod(_extent(ct) / plan.spacing_mm) / np.prod(plan.window) for minutes, plan in plans.items()}
    assert 3 < parts[8] < 5
    assert parts[8] < parts[60] < parts[480] < 17
    assert "coarser" in plans[8].why["spacing_mm"]
    thin = make_plan(_fingerprint(ct, ["pancreas"], 16.0), 8, Machine(), 3)
    assert 1.9 < max(thin.spacing_mm) <= 2.0  # eight voxels across


def test_a_thick_structure_gets_coarser_voxels_in_a_short_training() -> None:
    """Tumours of 65 mm were found better with 3 mm than with 1.44 mm, 45 voxels across, after eight minutes."""
    mr = _image((384.0, 280.0, 60.0), (0.98, 0.98, 3.3), modality="MRI", unit="")
    thick = {minutes: make_plan(_fingerprint(mr, ["tumour"], 65.0), minutes, Machine(), 3) for minutes in (12, 480)}
    thin = {minutes: make_plan(_fingerprint(mr, ["tumour"], 14.0), minutes, Machine(), 3) for minutes in (12, 480)}
    assert 2.4 < thick[12].spacing_mm[0] <= 65 / 20
    assert thin[12].spacing_mm[0] <= 14 / 8
    assert thick[480].spacing_mm == thin[480].spacing_mm


def test_grey_values_without_a_unit_are_normalised_over_the_window_that_shows_a_part_of_the_image() -> None:
    mr = _image((384.0, 280.0, 60.0), (0.98, 0.98, 3.3), modality="MRI", unit="")
    small = _image((36.0, 50.0, 36.0), (1.0, 1.0, 1.0), modality="MRI", unit="")
    plans = [make_plan(_fingerprint(image, ["tumour"]), 12, Machine(), 3) for image in (mr, small, HEAD_NECK)]
    assert [(plan.norm, plan.bias) for plan in plans] == [(INSTANCE, False), ("voxel", True), ("voxel", True)]


def test_a_ct_is_cut_to_the_body_for_training_and_for_masks() -> None:
    plan = make_plan(_fingerprint(HEAD_NECK, ["brainstem"]), 60, Machine(), 29)
    assert _parsed(body(plan, label=True)).keys == ("image", "label")
    cut = _parsed(body(plan, label=False))
    air = MetaTensor(torch.full((1, 40, 30, 20), -2.0))
    assert cut({"image": air})["image"].shape == air.shape
    air[0, 10:20, 12:18, 1:5] = 0.0
    assert cut({"image": air})["image"].shape[1:] == (18, 14, 9)  # four voxels around
    mr = _image((128.0, 128.0, 91.0), (1.0, 1.0, 1.0), modality="MR", unit="")
    assert body(make_plan(_fingerprint(mr, ["brainstem"]), 60, Machine(), 29), label=False) == []


def _parsed(steps: list[dict[str, object]]) -> Any:
    return ConfigParser({"steps": steps}).get_parsed_content("steps")[0]


def test_coarse_levels_are_judged_at_their_own_strides() -> None:
    plan = make_plan(_fingerprint(_image((256.0, 256.0, 20.0), (0.8, 0.8, 5.0)), ["brainstem"]), 60, Machine(), 29)
    config = train_config(plan, LabelTable.of_names({1: "brainstem"}))
    assert plan.strides[:2] == ((2, 2, 1), (2, 2, 1))
    assert config["loss"]["level_strides"][:3] == [[1, 1, 1], [2, 2, 1], [4, 4, 1]]
    assert len(config["loss"]["level_strides"]) == len(plan.strides)


def _extent(image: ImageFingerprint) -> np.ndarray:
    return np.array(image.size) * np.array(image.spacing_mm)


def test_thick_slices_are_halved_later_than_the_plane() -> None:
    strides, kernels = choose_levels((0.5, 0.5, 5.0), (256, 256, 20), 3)
    assert strides[0] == [2, 2, 1]
    assert kernels[0] == [3, 3, 1]


def test_a_small_image_is_one_window() -> None:
    small = _image((36.0, 50.0, 35.0), (1.0, 1.0, 1.0))
    window, why = choose_window(small, (1.0, 1.0, 1.0), 64 * 64 * 48, [8, 8, 8])
    assert window == (40, 56, 40)
    assert "whole" in why


@pytest.mark.parametrize(
    ("names", "mirror"),
    [(["tumour"], (0, 1, 2)), (["left kidney"], ()), (["liver", "spleen"], (0,)), (["Kidney_L", "Kidney_R"], (0,))],
)
def test_what_is_mirrored_follows_from_the_names(names: list[str], mirror: tuple[int, ...]) -> None:
    assert make_plan(_fingerprint(HEAD_NECK, names), 60, Machine(), 3).mirror == mirror


@pytest.mark.parametrize("axes", ["RAS", "LPS", "SAL", "PIR"])
@pytest.mark.parametrize("cases", [["left"] * 5, ["right"] * 5, ["left", "right"] * 3, ["both"] * 5])
def test_nothing_is_mirrored_where_a_structure_always_lies_to_one_side(
    tmp_path: Path, cases: list[str], axes: str
) -> None:
    """The spleen lies on the left in every patient; a tumour does not, and neither does what crosses the middle."""
    for name, side in enumerate(cases):
        image = np.random.default_rng(name).normal(size=(20, 12, 10)).astype(np.float32)
        mask = np.zeros(image.shape, np.uint8)
        mask[{"left": slice(12, 17), "right": slice(3, 8), "both": slice(7, 13)}[side], 4:8, 3:7] = 1
        for folder, array in (("images", image), ("labels", mask)):
            stored = nib.Nifti1Image(array, np.diag([-8.0, 8.0, 8.0, 1.0]))  # index 0 is at the patient's right
            turn = ornt_transform(io_orientation(stored.affine), axcodes2ornt(axes))
            (tmp_path / folder).mkdir(exist_ok=True)
            nib.save(stored.as_reoriented(turn), tmp_path / folder / f"case_{name}.nii.gz")
    labelled = find_labelled(tmp_path)
    so_far = FingerprintSoFar(labelled, [case.name for case in labelled])
    read_cases(labelled.cases, labelled.labels, visit=so_far.visit)
    plan = make_plan(so_far.fingerprint(), 8, Machine(), 1)
    one_sided = len(set(cases)) == 1 and cases[0] != "both"
    assert plan.mirror == (() if one_sided else (0,))
    assert (f"always lies {cases[0]}" in plan.why["mirror"]) == one_sided


def test_few_minutes_give_cheaper_steps_and_the_validation_stays_short() -> None:
    plan = make_plan(_fingerprint(HEAD_NECK, ["brainstem"]), 5, Machine(), 29)
    timed = with_pace(plan, Pace(2.0, 6.0))
    assert timed.validation_cases == 3
    assert timed.steps is not None
    assert timed.steps < 150
    assert cheaper(plan).channels == (8, 16, 32, 64)


def test_the_preparing_of_the_cases_takes_time_from_the_steps() -> None:
    plan = make_plan(_fingerprint(HEAD_NECK, ["brainstem"]), 10, Machine(), 3)
    free, less = with_pace(plan, Pace(2.0, 6.0)), with_pace(plan, Pace(2.0, 6.0, 300 / plan.cases))
    assert free.steps is not None
    assert less.steps is not None
    assert less.steps == pytest.approx(free.steps - 150, abs=15)
    assert "of preparing cases" in less.why["steps"]
    assert "of preparing cases" not in free.why["steps"]


def test_the_rates_and_the_average_follow_the_steps_that_are_asked_for() -> None:
    plan = make_plan(_fingerprint(HEAD_NECK, ["brainstem"]), 60, Machine(), 29)
    free, few = with_pace(plan, Pace(2.0, 6.0)), with_pace(plan, Pace(2.0, 6.0), 100)
    assert (few.steps, few.epoch_steps) == (100, 5)
    assert few.head_rate > free.head_rate
    assert few.average == 0.1
    assert "Asked for were 100" in few.why["steps"]
    assert with_pace(plan, Pace(2.0, 6.0), 10**6) == free


def test_an_override_of_nothing_is_refused_before_a_case_is_read(tmp_path: Path) -> None:
    row = {"image": "no.nii.gz", "label": "none.nii.gz"}
    content = {"modality": {"0": "CT"}, "labels": {"0": "background", "1": "ball"}, "training": [row]}
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    for name in row.values():
        (tmp_path / name).touch()  # empty files, which cannot be read
    with pytest.raises(OverrideError, match=r"no 'roi_sise'.*Did you mean roi_size"):
        learn(tmp_path, tmp_path / "bundle", overrides={"roi_sise": [32, 32, 32]})
    check_overrides(find_labelled(tmp_path), {"roi_size": [32] * 3, "loss::class_weights": [1, 2], "optimizer#lr": 0.1})


def test_more_structures_than_a_byte_holds_are_kept_in_two_bytes() -> None:
    """Structure 256 had become background, and 257 structure 1."""
    plan = make_plan(_fingerprint(HEAD_NECK, ["brainstem"]), 60, Machine(), 2)
    for count, expected in ((255, "$torch.uint8"), (300, "$torch.int16")):
        table = LabelTable.of_names({value: f"region {value}" for value in range(1, count + 1)})
        assert train_config(plan, table)["storing"][0]["dtype"] == ["$torch.float16", expected]


def test_the_card_of_folds_does_not_say_that_the_validation_was_not_learned_from(
    phantoms: Path, tmp_path: Path
) -> None:
    labelled = find_labelled(phantoms)
    names = [case.name for case in labelled]
    plan = with_pace(make_plan(_fingerprint(HEAD_NECK, ["left ball", "right ball"]), 4, Machine(), 2), Pace(1.5, 6.0))
    split = split_of(labelled, names, 3)
    nothing = Scores((), (), 0, "validation")
    root = tmp_path / "my bundle"
    write_card(root, labelled, plan, split, nothing, (), finished=True, pictures={})
    card = (root / "docs" / "README.md").read_text()
    assert "monai-attn segment IMAGE -b 'my bundle' -o masks" in card
    assert "6 cases were dealt to 3 folds. Each of 3 networks learned from the other folds" in card
    assert "| training | 3 networks, each in 4.0 minutes" in card
    write_card(root, labelled, plan, split_of(labelled, names), nothing, (), finished=True, pictures={})
    assert "The weights learned from 5 cases; 1 case chose" in (root / "docs" / "README.md").read_text()


def test_what_the_user_asks_for_stands_in_the_plan(tmp_path: Path) -> None:
    plan = make_plan(_fingerprint(HEAD_NECK, ["brainstem"]), 60, Machine(), 29)
    asked = {"roi_size": [64, 64, 48], "network_def#strides": [[1, 2, 2], 2, 2], "learning_rate": 0.01, "seed": 3}
    chosen = with_choices(plan, asked)
    assert (chosen.window, chosen.learning_rate) == ((64, 64, 48), 0.01)
    assert chosen.strides == ((1, 2, 2), (2, 2, 2), (2, 2, 2))
    assert chosen.why["window"] == "Asked for by --set roi_size."
    assert chosen.why["batch"] == plan.why["batch"]
    assert with_choices(plan, {"seed": 3}) == plan
    every = with_choices(plan, {"val_limit": None})  # no number: `null` of JSON stands for all cases
    assert every.validation_cases == plan.validation_cases
    assert "All cases of the validation" in every.why["validation_cases"]
    write_plan(chosen, tmp_path / "plan.json")
    assert read_plan(tmp_path / "plan.json") == chosen


def test_mirroring_is_the_users_to_decide(tmp_path: Path) -> None:
    plan = make_plan(_fingerprint(HEAD_NECK, ["left parotid", "right parotid"]), 60, Machine(), 29)
    unmirrored = with_choices(plan, {"augmentation::0::mirror": []})
    assert unmirrored.mirror == ()
    assert unmirrored.why["mirror"] == "Asked for by --set augmentation::0::mirror."
    assert unmirrored.pairs == plan.pairs
    other = with_choices(plan, {"augmentation#0#mirror": [0, 1], "augmentation#0#pairs": [[2, 1]]})
    assert (other.mirror, other.pairs) == ((0, 1), ((2, 1),))
    write_plan(other, tmp_path / "plan.json")
    assert read_plan(tmp_path / "plan.json") == other


def test_a_split_keeps_the_parts_of_the_data_set_and_deals_where_there_are_none(phantoms: Path, tmp_path: Path) -> None:
    labelled = find_labelled(phantoms)
    names = [case.name for case in labelled]
    split = split_of(labelled, names, folds=2)
    parts = [set(split[part]) for part in ("train", "validation", "test")]
    assert set().union(*parts) == set(names)
    assert sum(map(len, parts)) == len(names)
    assert all(parts)
    (tmp_path / "split.json").write_text(json.dumps(split))
    for fold in (0, 1):
        rows = {
            part: part_cases(phantoms, tmp_path / "split.json", part, fold=fold) for part in ("train", "validation")
        }
        assert not {row["case"] for row in rows["train"]} & {row["case"] for row in rows["validation"]}
    assert len(part_cases(phantoms, tmp_path / "split.json", "all", limit=3)) == 3


def test_structures_get_the_codes_of_the_same_names_in_the_bundle_to_begin_with() -> None:
    start = find_start("head_neck_ct")
    own = LabelTable.of_names({3: "Mandible", 4: "tongue"})
    mandible, tongue = with_codes_of(start, own)
    there = next(label for label in start.bundle.labels if label.name == "mandible")
    assert there.code is not None
    assert (mandible.value, mandible.name) == (3, "Mandible")
    assert (mandible.code, mandible.colour) == (there.code, there.colour)
    assert tongue == own[4]
    (other_side,) = with_codes_of(start, LabelTable((replace(own[3], name="left parotid", laterality="right"),)))
    assert other_side.code is None
    coded = with_codes_of(start, with_codes_of(find_start("soft_tissue_sarcoma"), start.bundle.labels))
    assert coded == start.bundle.labels
