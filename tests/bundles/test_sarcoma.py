"""The shipped sarcoma bundle: one answer whichever way it is asked, from any part of its images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from commands import run_module
from monai.bundle import ConfigParser

from monai_attn import Segmenter, Volume, read
from monai_attn.bundle import find_bundle
from monai_attn.measure import dice

NAME = "soft_tissue_sarcoma"
IMAGES = ("t1", "ct", "pet")

pytestmark = pytest.mark.skipif(
    not (find_bundle(NAME) / "models" / "model.pt").is_file(), reason="models/model.pt is not there yet"
)


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter.from_bundle(NAME, device="cpu", backend="torch")


@pytest.fixture(scope="module")
def case(shared_data) -> Path:
    return shared_data / "soft_tissue_sarcoma" / "STS_003"


@pytest.fixture(scope="module")
def images(case) -> dict[str, Volume]:
    return {name: read(case / f"{name}.nii.gz") for name in IMAGES}


@pytest.fixture(scope="module")
def labels(segmenter, images) -> Volume:
    return segmenter(images).labels


def test_the_tumour_is_found_on_the_grid_of_the_mri(labels, images, case):
    assert labels.shape == images["t1"].shape
    np.testing.assert_array_equal(labels.affine, images["t1"].affine)
    assert dice(labels.array == 1, read(case / "tumour.nii.gz").array == 1) > 0.7  # it was trained on this patient


def test_bundle_run_and_the_command_line_give_the_same_labels(labels, case, tmp_path):
    data = tmp_path / "data" / "STS_003"
    data.mkdir(parents=True)
    for name in IMAGES:
        (data / f"{name}.nii.gz").symlink_to((case / f"{name}.nii.gz").resolve())
    config = find_bundle(NAME) / "configs" / "inference.json"
    run = ["monai.bundle", "run", "--config_file", config, "--device", "$torch.device('cpu')"]
    run += ["--dataset_dir", tmp_path / "data", "--output_dir", tmp_path / "run"]
    segment = ["monai_attn.cli.main", "segment", data, "-b", NAME, "-o", tmp_path / "cli"]
    segment += ["--device", "cpu", "--backend", "torch", "--quiet"]
    for command, folder in ((run, "run"), (segment, "cli")):
        run_module(*command, cwd=tmp_path, check=True)
        mask = read(tmp_path / folder / "STS_003_seg.nii.gz")
        np.testing.assert_array_equal(mask.array, labels.array)
        np.testing.assert_allclose(mask.affine, labels.affine, atol=1e-4)
    assert json.loads((tmp_path / "run" / "STS_003_seg.json").read_text())["missing"] == []


@pytest.mark.parametrize(
    "names",
    [
        ("t1",),
        *(
            pytest.param(one, marks=pytest.mark.slow)
            for one in (("ct",), ("pet",), ("t1", "ct"), ("t1", "pet"), ("ct", "pet"))
        ),
    ],
)
def test_any_part_of_the_images_gives_a_mask_on_the_grid_of_the_first(segmenter, shared_data, names):
    case = shared_data / "soft_tissue_sarcoma" / "STS_031"  # in STS_003 CT alone shows nothing to the networks
    images = {name: read(case / f"{name}.nii.gz") for name in names}
    segmentation = segmenter(images)
    assert segmentation.labels.shape == images[names[0]].shape
    assert list(segmentation.provenance["images"]) == list(names)
    found_ml, there_ml = (
        np.count_nonzero(volume.array) * np.prod(volume.spacing_mm) / 1000
        for volume in (segmentation.labels, read(case / "tumour.nii.gz"))
    )
    assert 0.5 < found_ml / there_ml < 2


def test_the_storage_order_of_the_voxels_does_not_matter(segmenter, images, labels):
    def turned(volume: Volume) -> Volume:
        """Voxel (a, b, c) of the new array is voxel (b, c, K - 1 - a) of the old one."""
        order = np.array([[0, 0, -1, volume.shape[2] - 1], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]], dtype=float)
        array = np.ascontiguousarray(volume.array.transpose(2, 0, 1)[::-1])
        return Volume(array, volume.affine @ np.linalg.inv(order))

    other = segmenter({name: turned(volume) for name, volume in images.items()}).labels
    assert np.mean(other.array[::-1].transpose(1, 2, 0) != labels.array) < 1e-4  # rounding at the boundary


def test_the_dicom_study_of_the_patient_gives_the_same_tumour(segmenter, labels, shared_data):
    study = segmenter(shared_data / "dicom" / "sarcoma_STS_003")
    assert study.provenance["missing"] == []
    assert study.labels.shape == labels.shape
    assert dice(study.labels.array == 1, labels.array == 1) > 0.9  # the MRI there is not N4-corrected and scaled to fat


@pytest.mark.filterwarnings("ignore:Num foregrounds 0")  # MONAI says so of every such patch
def test_a_scan_without_a_tumour_can_be_trained_on(shared_data):
    root = find_bundle(NAME).resolve()
    parser = ConfigParser()
    parser.read_config(str(root / "configs" / "train.json"))
    scan = {"ct": str(shared_data / "images" / "ct_trunk_3mm.nii.gz")}
    parser.update({"bundle_root": str(root), "train_cases": [], "tumour_free": [scan]})
    (item,) = parser.get_parsed_content("train::dataset")
    (patch,) = item if isinstance(item, list) else [item]
    assert not patch["label"].any()
    assert patch["image"].shape == (6, 40, 40, 48)
    assert [bool(mask.any()) for mask in patch["image"][3:]] == [False, True, False]
    assert not patch["image"][[0, 2]].any()


def test_each_config_of_training_makes_a_kind_of_the_shipped_networks():
    configs = find_bundle(NAME) / "configs"
    kinds = []
    for names in (("train", "train_instance"), ("train", "train_sizes")):
        parser = ConfigParser()
        parser.read_config([configs / f"{name}.json" for name in names])
        kinds.append(parser["network_def"])
    assert kinds == ConfigParser.load_config_file(configs / "inference.json")["network_def"]["network"]
