"""Several regions of one image: the same labels as each region by itself, whatever way in is taken."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from commands import run_module
from tiny_bundle import make_bundle

from monai_attn import Box, Segmenter, Volume, read, write
from monai_attn.bundle.locate import shipped
from monai_attn.errors import InputError
from monai_attn.io.samples import brain_file

LEFT, RIGHT = Box((1, 1, 1), (14, 25, 25)), Box((18, 1, 1), (31, 25, 25))


def picture() -> Volume:
    generator = np.random.default_rng(4)
    return Volume(np.cumsum(generator.normal(size=(34, 28, 28)), axis=0).astype(np.float32), np.diag([1.0, 1, 1.2, 1]))


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory) -> Segmenter:
    bundle = make_bundle(tmp_path_factory.mktemp("bundles") / "somebodys")
    return Segmenter.from_bundle(bundle, backend="torch", trust=True)


def test_each_region_has_the_labels_that_it_has_by_itself(segmenter):
    image = picture()
    both = segmenter(image, region={"a": LEFT, "b": RIGHT})
    one, other = (segmenter(image, region=box) for box in (LEFT, RIGHT))
    assert [label.value for label in both.table] == [1, 2, 3, 4]
    assert [label.name for label in both.table][2].startswith("b ")
    shift = np.where(other.labels.array > 0, 2, 0)
    np.testing.assert_array_equal(both.labels.array, one.labels.array + other.labels.array + shift)
    assert both.provenance["region_mm"] == {
        "a": [[1, 1, 1], [14, 25, 25]],
        "b": [[18, 1, 1], [31, 25, 25]],
    }


def test_progress_counts_all_regions_and_what_is_finished_lies_on_the_whole_image(segmenter):
    image = picture()
    counts, shapes = [], set()
    segmenter(
        image,
        region={"a": LEFT, "b": RIGHT},
        progress=lambda done, total: counts.append((done, total)),
        finished=lambda labels, _: shapes.add(labels.shape),
    )
    assert [done for done, _ in counts] == sorted(done for done, _ in counts)
    assert counts[-1][0] == counts[-1][1]
    assert shapes <= {image.shape}


def test_maps_of_regions_come_into_one_volume(segmenter):
    image = picture()
    both = segmenter(image, region={"a": LEFT, "b": RIGHT}, maps=["entropy"])
    alone = segmenter(image, region=RIGHT, maps=["entropy"])
    block = image.slices_of(RIGHT)
    np.testing.assert_array_equal(both.maps["entropy"].array[block], alone.maps["entropy"].array[block])


@pytest.fixture(scope="module")
def head() -> Volume:
    """The MNI152 brain at 2 mm in another orientation."""
    try:
        brain = read(brain_file())
    except InputError as error:
        pytest.skip(str(error))
    half = Volume(brain.array[::2, ::2, ::2], brain.affine @ np.diag([2.0, 2, 2, 1]))
    affine = half.affine[:, [2, 0, 1, 3]].copy()
    affine[:3, 3] += affine[:3, 1] * (half.shape[0] - 1)
    affine[:3, 1] *= -1
    return Volume(np.flip(half.array.transpose(2, 0, 1), 1), affine)


def test_a_whole_head_gives_both_sides_and_bundle_run_gives_the_same_voxels(head, tmp_path):
    segmentation = Segmenter.from_bundle("hippocampus_mri", device="cpu", backend="torch")(head)
    assert segmentation.warnings == ()
    assert set(segmentation.provenance["finder"]["regions_mm"]) == {"left", "right"}
    volumes = {one.name: one.volume_ml for one in segmentation.measure()}
    assert all(1 < volume < 3 for volume in volumes.values())
    for label in segmentation.table:
        r = segmentation.labels.to_world(np.argwhere(segmentation.labels.array == label.value))[:, 0]
        assert ((r < 0) if label.laterality == "left" else (r > 0)).all()

    write(head, tmp_path / "in" / "head.nii.gz")
    config = shipped()["hippocampus_mri"] / "configs" / "inference.json"
    where = ["--dataset_dir", tmp_path / "in", "--output_dir", tmp_path / "out", "--device", "$torch.device('cpu')"]
    run_module("monai.bundle", "run", "--config_file", config, *where, cwd=tmp_path, check=True)
    np.testing.assert_array_equal(read(tmp_path / "out" / "head_seg.nii.gz").array, segmentation.labels.array)
    record = json.loads((tmp_path / "out" / "head_seg.json").read_text())
    assert record["finder"] == segmentation.provenance["finder"]
    assert record["warnings"] == list(segmentation.warnings)
    assert [row["name"] for row in record["labels"]] == list(volumes)


def test_a_crop_of_the_training_goes_the_way_it_always_went(shared_data: Path):
    path = shared_data / "hippocampus" / "imagesTr" / "hippocampus_001.nii.gz"
    with_finder = Segmenter.from_bundle("hippocampus_mri", device="cpu", backend="torch")
    segmentation = with_finder(path)
    assert [label.name for label in segmentation.table] == ["anterior hippocampus", "posterior hippocampus"]
    assert "finder" not in segmentation.provenance
    boxed = with_finder(path, region=read(path).bounds)
    np.testing.assert_array_equal(segmentation.labels.array, boxed.labels.array)
