"""A bundle of several images: one mask whichever way it is asked, from any part of its images."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import three_grids
from commands import run_module
from three_grids import BALL_ML, balls_of
from tiny_bundle import SEVERAL, make_bundle_of_several

from monai_attn import Box, Segmenter, Volume, read, write
from monai_attn.cli.main import main
from monai_attn.errors import FileError, GeometryError, InputError
from monai_attn.segmentation import Segmentation


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    return make_bundle_of_several(tmp_path_factory.mktemp("bundles") / "three")


@pytest.fixture(scope="module")
def segmenter(bundle) -> Segmenter:
    return Segmenter.from_bundle(bundle, trust=True, device="cpu", backend="torch")


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> Path:
    """A folder with a file of each name."""
    folder = tmp_path_factory.mktemp("cases") / "case_7"
    for name, volume in three_grids.images().items():
        write(volume, folder / f"{name}.nii.gz")
    return folder


def assert_shows(segmentation: Segmentation, grid: Volume, *names: str) -> None:
    """The mask lies on the grid and shows the balls of these images, each at its place and of its size."""
    np.testing.assert_array_equal(segmentation.labels.affine, grid.affine)
    assert segmentation.labels.shape == grid.shape
    found = balls_of(segmentation.labels.array == 1, grid)
    assert sorted(found) == sorted(names)
    for off_mm, volume_ml in found.values():
        assert off_mm < 0.5
        assert volume_ml == pytest.approx(BALL_ML, rel=0.15)  # half a millimetre of the radius would be 20 %


def test_the_mask_lies_on_the_grid_of_the_first_image_and_every_image_has_its_part_in_it(segmenter):
    assert_shows(segmenter(three_grids.images()), three_grids.grid("t1"), "t1", "ct", "pet")


@pytest.mark.parametrize("names", [("t1",), ("ct",), ("pet",), ("t1", "pet"), ("ct", "pet")])
def test_any_part_of_the_images_is_enough_and_the_provenance_says_which(segmenter, names):
    segmentation = segmenter(three_grids.images(*names))
    assert_shows(segmentation, three_grids.grid(names[0]), *names)
    assert list(segmentation.provenance["images"]) == list(names)
    assert segmentation.provenance["missing"] == [name for name in ("t1", "ct", "pet") if name not in names]
    said = segmentation.provenance["images"][names[0]]
    assert said == segmentation.provenance["source"]
    assert said["modality"] == three_grids.MODALITIES[names[0]]
    json.dumps(segmentation.provenance)


def test_the_order_in_which_images_are_given_does_not_matter(segmenter):
    images = three_grids.images()
    one, other = segmenter(images), segmenter(dict(reversed(images.items())))
    np.testing.assert_array_equal(one.labels.array, other.labels.array)
    assert list(other.provenance["images"]) == ["t1", "ct", "pet"]


def test_folder_paths_and_volumes_give_the_same_labels(segmenter, case):
    expected = segmenter(segmenter.read(case)).labels
    paths = {name: case / f"{name}.nii.gz" for name in ("pet", "t1", "ct")}
    mixed = {**paths, "ct": read(paths["ct"]), "pet": [paths["pet"]]}
    for source in (case, str(case), paths, mixed):
        np.testing.assert_array_equal(segmenter(source).labels.array, expected.array)


def test_a_lone_volume_is_known_by_its_modality_or_asked_for(segmenter):
    assert_shows(segmenter(three_grids.image("ct")), three_grids.grid("ct"), "ct")
    unknown = replace(three_grids.image("ct"), modality="")
    with pytest.raises(InputError, match=r"takes t1, ct, pet: say which image this is, as in \{'t1': image\}"):
        segmenter(unknown)


def test_an_image_of_another_modality_than_its_name_is_refused(segmenter):
    with pytest.raises(InputError, match=r"The image 'pet' of the bundle three is for PT, and this image is CT"):
        segmenter({"t1": three_grids.image("t1"), "pet": three_grids.image("ct")})


def test_unknown_names_and_no_image_at_all_are_refused(segmenter):
    with pytest.raises(InputError, match=r"takes the images t1, ct, pet, not \['t1', 't2'\]"):
        segmenter({"t1": three_grids.image("t1"), "t2": three_grids.image("t1")})
    with pytest.raises(InputError, match=r"takes the images t1, ct, pet, not \[\]"):
        segmenter({})
    with pytest.raises(FileError, match=r"nowhere does not exist"):
        segmenter("nowhere")


def test_a_bundle_that_needs_all_its_images_says_which_is_missing(tmp_path):
    preprocessing = json.loads(json.dumps(SEVERAL["preprocessing"]))
    preprocessing["transforms"][0]["allow_missing_keys"] = False
    root = make_bundle_of_several(tmp_path / "all", preprocessing=preprocessing)
    strict = Segmenter.from_bundle(root, trust=True, device="cpu", backend="torch")
    with pytest.raises(InputError, match=r"needs t1, ct, pet; ct, pet is missing"):
        strict(three_grids.images("t1"))


def shifted(volume: Volume, by_mm: float) -> Volume:
    affine = volume.affine.copy()
    affine[2, 3] += by_mm
    return replace(volume, affine=affine)


def test_images_of_different_places_are_refused(segmenter):
    apart = {"t1": three_grids.image("t1"), "ct": shifted(three_grids.image("ct"), 500)}
    with pytest.raises(GeometryError, match=r"'ct' and 't1' have no place in common.*or leave one out"):
        segmenter(apart)


def test_different_frames_of_reference_are_refused_unless_the_override_says_they_are_registered(bundle, segmenter):
    images = three_grids.images("t1", "ct")
    images = {name: replace(volume, frame_of_reference=f"1.2.{name == 'ct':d}") for name, volume in images.items()}
    with pytest.raises(GeometryError, match=r"\(t1 1\.2\.0, ct 1\.2\.1\).*set ignore_frames=true"):
        segmenter(images)
    told = Segmenter.from_bundle(bundle, trust=True, device="cpu", backend="torch", overrides={"ignore_frames": True})
    assert_shows(told(images), three_grids.grid("t1"), "t1", "ct")


def test_check_refuses_what_a_run_would_refuse(segmenter):
    segmenter.check(three_grids.images())
    apart = {"t1": three_grids.image("t1"), "ct": shifted(three_grids.image("ct"), 500)}
    with pytest.raises(GeometryError, match="no place in common"):
        segmenter.check(apart)
    with pytest.raises(GeometryError, match="lies outside the image"):
        segmenter.check(three_grids.images(), region=Box((900, 0, 0), (910, 5, 5)))


def test_in_a_region_every_image_still_has_its_part_and_the_rest_is_background(segmenter):
    images = three_grids.images()
    region = Box.around(three_grids.CENTRES["ct"], (24, 24, 24))  # its ball is seen by the CT only
    labels = segmenter(images, region=region).labels
    grid = three_grids.grid("t1")
    assert labels.shape == grid.shape
    found = balls_of(labels.array == 1, grid)
    assert found["ct"][0] < 0.5
    assert found["ct"][1] == pytest.approx(BALL_ML, rel=0.12)
    outside = np.ones(grid.shape, dtype=bool)
    outside[grid.slices_of(region)] = False
    assert not labels.array[outside].any()


def test_no_image_ends_within_the_region_because_it_was_cut_on_another_grid(segmenter):
    """An oblique block of voxels around a region reaches further than the region; so must the other images."""
    seen = []
    handle = segmenter._network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        segmenter(three_grids.images("t1", "ct"), region=Box.around((0, 2, 8), (20, 20, 20)))
    finally:
        handle.remove()
    present = seen[0][0, 4]  # the mask of the CT
    assert present.sum() > 1000
    assert seen[0][0, 3].eq(present).all()  # the T1's mask: 1 but for the padding of the window


def test_a_region_beside_one_of_the_images_names_it(segmenter):
    images = {"t1": three_grids.image("t1"), "pet": shifted(three_grids.image("pet"), 40)}
    with pytest.raises(GeometryError, match=r"The image 'pet' has no part in the region: .*Leave it out there"):
        segmenter(images, region=Box.around((10, -5, -15), (10, 10, 10)))


def test_bundle_run_the_command_line_and_python_give_the_same_labels(bundle, segmenter, case, tmp_path):
    (tmp_path / "data" / "part").mkdir(parents=True)
    (tmp_path / "data" / "part" / "pet.nii.gz").write_bytes((case / "pet.nii.gz").read_bytes())
    (tmp_path / "data" / "part" / "ct.nii.gz").write_bytes((case / "ct.nii.gz").read_bytes())
    (tmp_path / "data" / "case_7").symlink_to(case)
    run = ["run", "--bundle_root", bundle]
    run += ["--config_file", bundle / "configs" / "inference.json"]
    run += ["--dataset_dir", tmp_path / "data", "--output_dir", tmp_path / "run"]
    run_module("monai.bundle", *run, cwd=tmp_path, check=True)
    folders = [tmp_path / "data" / name for name in ("case_7", "part")]
    segment = ["segment", *folders, "-b", bundle, "-o", tmp_path / "out", "--trust", "--quiet", "--backend", "torch"]
    assert main(list(map(str, segment))) == 0
    assert len(list((tmp_path / "run").glob("*.nii.gz"))) == 2
    for folder, missing in zip(folders, ([], ["t1"]), strict=True):
        expected = segmenter(folder).labels
        assert expected.array.any()
        for results in ("run", "out"):
            mask = tmp_path / results / f"{folder.name}_seg.nii.gz"
            np.testing.assert_array_equal(read(mask).array, expected.array)
            np.testing.assert_allclose(read(mask).affine, expected.affine, atol=1e-4)
        by_run = json.loads((tmp_path / "run" / f"{folder.name}_seg.json").read_text())
        by_command = json.loads((tmp_path / "out" / f"{folder.name}_seg.json").read_text())["provenance"]
        assert by_run["missing"] == by_command["missing"] == missing
        assert by_run["images"] == list(by_command["images"])
