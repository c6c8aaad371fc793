"""The shipped hippocampus bundle: one answer whichever way it is asked, whatever the scale, the side and the grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from commands import run_module

from monai_attn import Box, Segmenter, Volume, read, write
from monai_attn.bundle import find_bundle
from monai_attn.cases import split_cases
from monai_attn.errors import InputError

RIGHT = Box.around((27, -21, -14), (36, 52, 36))
LEFT = Box.around((-27, -21, -14), (36, 52, 36))
"""Boxes around the hippocampi of the MNI152 brain, mm RAS+."""


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter.from_bundle("hippocampus_mri", device="cpu")


@pytest.fixture(scope="module")
def brain() -> Volume:
    datasets = pytest.importorskip("nilearn.datasets", reason="needs the MNI152 brain of nilearn: the extra demo")
    image = datasets.load_mni152_template(resolution=1)
    return Volume(np.asarray(image.dataobj, dtype=np.float32), image.affine)


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return 2 * np.sum(one & other) / (one.sum() + other.sum())


def tilted(volume: Volume) -> Volume:
    """The same head, lying askew in the scanner, every second slice missing, the first axis from right to left."""
    a, b = np.radians(11), np.radians(-7)
    turn = np.eye(4)
    turn[:3, :3] = [[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]
    nod = np.eye(4)
    nod[:3, :3] = [[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]
    every_second = np.diag([-1.0, 1.0, 2.0, 1.0])
    every_second[0, 3] = volume.shape[0] - 1
    return Volume(np.ascontiguousarray(volume.array[::-1, :, ::2]), turn @ nod @ volume.affine @ every_second)


def test_bundle_run_the_command_line_and_python_give_the_same_labels_on_an_oblique_anisotropic_volume(
    segmenter, brain, tmp_path
):
    """Voxel for voxel in PyTorch; in OpenVINO, which adds in another order, up to ties (docs/backends.md)."""
    volume = tilted(brain.crop(brain.slices_of(RIGHT)))
    assert volume.oblique_deg > 10
    assert volume.orientation == "LAS"
    write(volume, tmp_path / "data" / "head.nii.gz")
    root = find_bundle("hippocampus_mri")
    run = ["run", "--config_file", root / "configs" / "inference.json"]
    run += ["--dataset_dir", tmp_path / "data", "--output_dir", tmp_path / "run", "--device", "$torch.device('cpu')"]
    run_module("monai.bundle", *run, cwd=tmp_path, check=True)
    segment = ["segment", tmp_path / "data" / "head.nii.gz"]
    segment += ["-b", "hippocampus_mri", "-o", tmp_path / "cli", "--device", "cpu", "--quiet"]
    segment += ["--backend", "torch"]
    run_module("monai_attn.cli.main", *segment, cwd=tmp_path, check=True)
    (by_run,) = (tmp_path / "run").glob("*.nii.gz")
    (by_command,) = (tmp_path / "cli").glob("*.nii.gz")
    fast = segmenter(tmp_path / "data" / "head.nii.gz")
    in_torch = Segmenter.from_bundle("hippocampus_mri", device="cpu", backend="torch")
    labels = in_torch(tmp_path / "data" / "head.nii.gz").labels
    assert set(np.unique(labels.array)) == {0, 1, 2}
    assert fast.provenance["backend"] == "openvino"
    assert np.mean(fast.labels.array != labels.array) < 1e-4
    assert all(dice(fast.labels.array == value, labels.array == value) >= 0.999 for value in (1, 2))
    for other in (read(by_run), read(by_command)):
        np.testing.assert_array_equal(other.array, labels.array)
        np.testing.assert_allclose(other.affine, labels.affine, atol=1e-4)


@pytest.mark.parametrize("scale", [1e-3, 17.0, 1.7e6])
def test_the_intensity_scale_does_not_matter(segmenter, brain, scale):
    crop = brain.crop(brain.slices_of(RIGHT))
    scaled = crop.with_array(crop.array * np.float32(scale) + np.float32(5 * scale))
    plain, other = segmenter(crop).labels.array, segmenter(scaled).labels.array
    assert np.mean(plain != other) < 1e-4  # float32 rounding at the boundary


def test_a_mirrored_head_gets_the_mirrored_labels(segmenter, brain):
    crop = brain.crop(brain.slices_of(LEFT))
    mirrored = crop.with_array(np.ascontiguousarray(crop.array[::-1]))
    there, back = segmenter(crop).labels.array, segmenter(mirrored).labels.array[::-1]
    assert there.any()
    assert np.mean(there != back) < 1e-4


def test_the_storage_order_of_the_voxels_does_not_matter(segmenter, brain):
    crop = brain.crop(brain.slices_of(RIGHT))
    order = np.array([[0, 0, -1, crop.shape[2] - 1], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]], dtype=float)
    # voxel (a, b, c) of the new array is voxel (b, c, K - 1 - a) of the crop
    permuted = Volume(np.ascontiguousarray(crop.array.transpose(2, 0, 1)[::-1]), crop.affine @ np.linalg.inv(order))
    np.testing.assert_allclose(permuted.to_world((3, 4, 5)), crop.to_world((4, 5, crop.shape[2] - 4)))
    labels = segmenter(permuted).labels.array[::-1].transpose(1, 2, 0)
    assert np.mean(labels != segmenter(crop).labels.array) < 1e-4


def test_an_image_of_another_modality_is_refused(segmenter, brain):
    crop = brain.crop(brain.slices_of(RIGHT))
    assert segmenter(replace(crop, modality="MR")).labels.array.any()
    with pytest.raises(InputError, match=r"hippocampus_mri is for MR, and this image is CT\."):
        segmenter(replace(crop, modality="CT"))


def test_both_hippocampi_of_a_whole_head_are_found_where_they_are(segmenter, brain):
    for region, sign in ((RIGHT, 1), (LEFT, -1)):
        labels = segmenter(brain, region=region).labels
        assert labels.shape == brain.shape
        anterior, posterior = (np.argwhere(labels.array == value) for value in (1, 2))
        for voxels, volume_ml in ((anterior, 2.35), (posterior, 2.0)):
            assert len(voxels) * brain.voxel_ml == pytest.approx(volume_ml, rel=0.25)
        front, back = (brain.to_world(voxels.mean(axis=0)) for voxels in (anterior, posterior))
        assert 18 < sign * front[0] < 33
        assert 18 < sign * back[0] < 33
        assert front[1] > back[1] + 8  # the anterior part lies in front
        assert front[2] < back[2]  # and lower


def test_unseen_cases_are_segmented_well(segmenter, shared_data):
    split = find_bundle("hippocampus_mri") / "configs" / "split.json"
    scores = []
    for case in split_cases(shared_data / "hippocampus", split, "test")[:6]:
        labels, reference = segmenter(case["image"]).labels.array, read(case["label"]).array
        scores.append([dice(labels == value, reference == value) for value in (1, 2)])
    assert np.mean(scores) > 0.87
    assert np.min(scores) > 0.75
