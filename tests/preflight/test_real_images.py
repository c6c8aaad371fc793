"""The shipped bundles on real images: what they were made for has no warning, and what they were not made for has."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from monai_attn.cases import split_cases
from monai_attn.errors import InputError
from monai_attn.io import read
from monai_attn.io.samples import brain_file
from monai_attn.segmenter import Segmenter
from monai_attn.volume import Box, Volume

REPOSITORY = Path(__file__).parents[2]
SPLIT = REPOSITORY / "bundles" / "hippocampus_mri" / "configs" / "split.json"
README_REGION = Box((9.0, -47.0, -32.0), (45.0, 5.0, 8.0))
SIDES = {"left": Box.around((-27, -21, -12), (36, 52, 40)), "right": Box.around((27, -21, -12), (36, 52, 40))}


@cache
def hippocampus() -> Segmenter:
    return Segmenter.from_bundle("hippocampus_mri", device="cpu", threads=1)


@cache
def brain() -> Volume:
    try:
        return read(brain_file())
    except InputError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("region", [README_REGION, *SIDES.values()], ids=["README", *SIDES])
def test_the_regions_of_readme_and_demo_have_no_warning(region):
    assert hippocampus()(brain(), region=region).warnings == ()


def test_the_validation_cases_have_no_warning(shared_data):
    cases = split_cases(shared_data / "hippocampus", SPLIT, "validation")
    marked = {case["case"]: found for case in cases[:4] if (found := hippocampus()(case["image"]).warnings)}
    assert marked == {}  # benchmarks/false_warnings.py looks at all of them and at the training cases


def without_finder() -> Segmenter:
    """The bundle as one without a finder."""
    return Segmenter(replace(hippocampus().parts, finder=None))


def test_a_whole_brain_is_refused_without_a_finder():
    small = Volume(brain().array[::3, ::3, ::3], brain().affine @ np.diag([3, 3, 3, 1]))
    with pytest.raises(InputError, match=r"198 x 234 x 189 mm .* Choose a region .*--region"):
        without_finder()(small)


def test_an_image_of_both_sides_is_refused_without_a_finder_and_forced_it_is_marked():
    both = brain().crop(brain().slices_of(Box.around((0, -21, -12), (120, 56, 40))))
    with pytest.raises(InputError, match=r"The image measures .* Choose a region .*--region"):
        without_finder()(both)
    warnings = without_finder()(both, force=True).warnings
    assert "The image measures" in warnings[0]
    assert any("In the training images it had" in text or "in the training images it had" in text for text in warnings)


@pytest.mark.parametrize("centre", [(0, 50, 20), (30, 40, 0), (-40, -70, 20), (0, -20, 60), (0, -60, -40)], ids=str)
def test_a_crop_of_another_part_of_the_brain_is_marked(centre):
    assert hippocampus()(brain(), region=Box.around(centre, (36, 50, 36))).warnings != ()


def test_the_blank_image_of_the_trouble_folder_is_refused(shared_data):
    with pytest.raises(InputError, match="The image is blank"):
        hippocampus()(shared_data / "trouble" / "04_blank_image" / "zeros.nii.gz")


def test_a_trunk_is_too_large_for_the_sarcoma_bundle(shared_data):
    segmenter = Segmenter.from_bundle("soft_tissue_sarcoma", device="cpu", threads=1)
    with pytest.raises(InputError, match="The image 'ct' measures 366 x 303 x 336 mm"):
        segmenter({"ct": shared_data / "images" / "ct_trunk_3mm.nii.gz"})
    case = shared_data / "soft_tissue_sarcoma" / "STS_003"
    images = {name: read(case / f"{name}.nii.gz") for name in ("t1", "ct", "pet")}
    assert segmenter.check(images) == ()
    in_bq = images["pet"].with_array(images["pet"].array * np.float32(5000))
    with pytest.raises(InputError, match="The image 'pet' should be in g/ml"):
        segmenter.check({**images, "pet": in_bq})


def test_the_warnings_reach_record_table_and_report(tmp_path, capsys):
    from monai_attn.cli.main import main
    from monai_attn.io import write

    block = brain().slices_of(Box.around((0, 50, 20), (36, 50, 36)))
    image = tmp_path / "frontal.nii.gz"
    write(brain().crop(block), image)
    folder = tmp_path / "out"
    assert main(["segment", str(image), "-b", "hippocampus_mri", "-o", str(folder), "--device", "cpu", "--report"]) == 0
    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  warning: ")]
    warnings = json.loads((folder / "frontal_seg.json").read_text())["provenance"]["warnings"]
    assert printed == [f"  warning: {text}" for text in warnings]
    assert " ".join(warnings) in (folder / "frontal_seg.csv").read_text()
    page = (folder / "frontal_report.html").read_text()
    assert page.index("Check this mask before it is used.") < page.index("Overview")
