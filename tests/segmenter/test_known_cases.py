"""The cases by which the certainty of a bundle is known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monai_attn.bundle import find_bundle
from monai_attn.segmenter.certainty import known_cases


def listed(root: Path, part: str) -> list[str]:
    return json.loads((root / "configs" / "split.json").read_text(encoding="utf-8")).get(part, [])


@pytest.mark.parametrize(
    ("name", "images", "part"),
    [("hippocampus_mri", ["image"], "validation"), ("soft_tissue_sarcoma", ["t1", "ct", "pet"], "train")],
)
def test_a_bundle_of_folds_has_no_validation_cases_and_is_known_by_its_training_cases(tmp_path, name, images, part):
    root = find_bundle(name)
    rows = []
    for case in {one for each in ("train", "validation", "test") for one in listed(root, each)}:
        row = {image: f"{case}.nii.gz" if image == "image" else f"{case}_{image}.nii.gz" for image in images}
        row["label"] = f"{case}_label.nii.gz"
        for path in row.values():
            (tmp_path / path).touch()
        rows.append({"id": case, **row})
    (tmp_path / "dataset.json").write_text(json.dumps({"training": rows}), encoding="utf-8")
    assert sorted(case["case"] for case in known_cases(root, tmp_path)) == sorted(listed(root, part))
