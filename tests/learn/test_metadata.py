"""metadata.json of a new bundle: each image has its own ranges, also where training cases lack an image."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from monai_attn.cases.labelled import find_labelled
from monai_attn.errors import InputError
from monai_attn.learn import learn
from monai_attn.learn.fingerprint import FingerprintSoFar
from monai_attn.learn.metadata import bundle_metadata
from monai_attn.learn.plan import Machine, make_plan
from monai_attn.preflight.labelled_figures import read_cases


def test_each_image_has_its_own_ranges_where_the_first_case_lacks_the_first_image(two_images: Path) -> None:
    found = find_labelled(two_images)
    labelled = replace(found, images=found.images[::-1])
    assert [one.name for one in labelled.images] == ["mr", "ct"]
    assert list(labelled.cases[0].images) == ["ct"]
    so_far = FingerprintSoFar(labelled, [case.name for case in labelled])
    read_cases(labelled.cases, labelled.labels, visit=so_far.visit)
    fingerprint = so_far.fingerprint()
    metadata = bundle_metadata("balls", labelled, make_plan(fingerprint, 10, Machine(), 1), fingerprint)
    ranges = metadata["made_for"]["images"]
    assert [one["name"] for one in metadata["images"]] == list(ranges) == ["mr", "ct"]
    assert {name: one["spacing_mm"] for name, one in ranges.items()} == {"mr": [3, 4], "ct": [2, 3]}
    assert set(ranges["ct"]["values"]) == {"p1", "p50", "p99"}  # HU; those of MR have no unit
    assert not ranges["mr"].get("values")


def test_a_lone_image_is_called_image_in_its_ranges(phantoms: Path) -> None:
    labelled = find_labelled(phantoms)
    labelled = replace(
        labelled,
        images=(replace(labelled.images[0], name="ct"),),
        cases=tuple(replace(case, images={"ct": case.images["image"]}) for case in labelled),
    )
    so_far = FingerprintSoFar(labelled, [case.name for case in labelled])
    read_cases(labelled.cases, labelled.labels, visit=so_far.visit)
    fingerprint = so_far.fingerprint()
    metadata = bundle_metadata("balls", labelled, make_plan(fingerprint, 10, Machine(), 1), fingerprint)
    assert metadata["images"][0]["name"] == "image"
    assert list(metadata["made_for"]["images"]) == ["image"]


def test_an_image_that_no_training_case_has_is_refused(two_images: Path, tmp_path: Path) -> None:
    data = shutil.copytree(two_images, tmp_path / "data")
    content = json.loads((data / "dataset.json").read_text())
    for row in content["training"]:
        row["part"] = "validation" if "mr" in row else "train"
    (data / "dataset.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"No training case has the image 'mr'.*Leave the image out.*or give it to"):
        learn(data, tmp_path / "bundle", minutes=10)
    assert not (tmp_path / "bundle").exists()
