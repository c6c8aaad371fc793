"""The segmenter: the same labels as `monai.bundle run`, and a clear word where there are none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import run_module
from tiny_bundle import config, make_bundle

from monai_attn import Box, Segmenter, Volume, read, write
from monai_attn.errors import BundleError, Cancelled, GeometryError, InputError, LabelError, OverrideError, TrustError
from monai_attn.labels import LabelTable

POSTPROCESSING = "postprocessing::transforms"


def oblique_volume(seed: int = 0) -> Volume:
    """Anisotropic, rotated about two axes, and left-handed, as a head in a scanner."""
    a, b = np.radians(17), np.radians(-9)
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    affine = np.eye(4)
    affine[:3, :3] = about_z @ about_x @ np.diag([-0.9, 1.1, 2.4])
    affine[:3, 3] = (31.0, -22.0, 5.0)
    noise = np.random.default_rng(seed).normal(size=(26, 31, 14))
    smooth = np.cumsum(np.cumsum(noise, axis=0), axis=1)
    return Volume(smooth.astype(np.float32), affine)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundles") / "somebodys")


@pytest.fixture(scope="module")
def segmenter(bundle) -> Segmenter:
    return Segmenter.from_bundle(bundle, trust=True)


def test_a_foreign_bundle_gives_voxel_for_voxel_what_bundle_run_gives(bundle, tmp_path):
    volume = oblique_volume()
    write(volume, tmp_path / "data" / "case.nii.gz")
    command = ["run", "--config_file", str(bundle / "configs" / "inference.json"), "--bundle_root", str(bundle)]
    command += ["--dataset_dir", str(tmp_path / "data"), "--output_dir", str(tmp_path / "run")]
    run_module("monai.bundle", *command, cwd=tmp_path, check=True)
    (result,) = (tmp_path / "run").glob("*.nii.gz")
    expected = read(result)
    segmentation = Segmenter.from_bundle(bundle, backend="torch", trust=True)(tmp_path / "data" / "case.nii.gz")
    assert len(np.unique(expected.array)) > 1
    np.testing.assert_array_equal(segmentation.labels.array, expected.array)
    np.testing.assert_allclose(segmentation.labels.affine, expected.affine, atol=1e-4)


def test_a_path_and_a_volume_in_memory_give_the_same_labels(segmenter, tmp_path):
    write(oblique_volume(), tmp_path / "image.nii.gz")
    from_path = segmenter(str(tmp_path / "image.nii.gz"))
    from_memory = segmenter(read(tmp_path / "image.nii.gz"))
    by_name = segmenter({"image": tmp_path / "image.nii.gz"})
    np.testing.assert_array_equal(from_path.labels.array, from_memory.labels.array)
    np.testing.assert_array_equal(from_path.labels.array, by_name.labels.array)


def test_the_labels_are_on_the_source_grid_with_names_and_provenance(segmenter):
    volume = oblique_volume()
    segmentation = segmenter(volume)
    assert segmentation.labels.shape == volume.shape
    np.testing.assert_array_equal(segmentation.labels.affine, volume.affine)
    assert segmentation.labels.array.dtype == np.uint8
    assert [label.name for label in segmentation.table] == ["left thing", "right thing"]
    provenance = segmentation.provenance
    assert provenance["bundle"] == "somebodys"
    assert provenance["bundle_version"] == "0.0.1"
    assert len(provenance["weights_sha256"]) == 64
    assert provenance["backend"] == "openvino"
    assert provenance["precision"] == "f32"
    assert provenance["fallbacks"] == []
    assert provenance["versions"]["torch"] == torch.__version__
    json.dumps(provenance)


def test_a_region_gives_what_its_crop_gives_and_background_elsewhere(segmenter):
    volume = oblique_volume()
    region = Box.around(volume.to_world((13, 15, 7)), (12, 14, 12))
    block = volume.slices_of(region)
    whole = segmenter(volume, region=region).labels
    crop = segmenter(volume.crop(block)).labels
    assert whole.shape == volume.shape
    np.testing.assert_array_equal(whole.array[block], crop.array)
    outside = np.ones(volume.shape, dtype=bool)
    outside[block] = False
    assert not whole.array[outside].any()


def test_a_region_beside_the_image_is_refused(segmenter):
    with pytest.raises(GeometryError, match=r"lies outside the image"):
        segmenter(oblique_volume(), region=Box((900, 0, 0), (910, 5, 5)))


def test_progress_counts_windows_and_raising_from_it_stops_but_spares_the_segmenter(segmenter):
    seen: list[tuple[int, int | None]] = []
    segmenter(oblique_volume(), progress=lambda *counts: seen.append(counts))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1][0] == seen[-1][1] > 1
    assert len({total for _, total in seen}) == 1

    def stop(done: int, total: int | None) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        segmenter(oblique_volume(), progress=stop)
    seen_again: list[tuple[int, int | None]] = []
    segmenter(oblique_volume(), progress=lambda *counts: seen_again.append(counts))
    assert seen_again == seen


def test_an_override_changes_the_run_and_stands_in_the_provenance(bundle, segmenter):
    counts: dict[float, int] = {}
    for overlap in (0.0, 0.75):
        other = Segmenter.from_bundle(bundle, overrides={"inferer::overlap": overlap}, trust=True)
        segmentation = other(oblique_volume(), progress=lambda n, _, overlap=overlap: counts.__setitem__(overlap, n))
        assert segmentation.provenance["overrides"] == {"inferer::overlap": overlap}
    assert counts[0.75] > counts[0.0]


@pytest.mark.parametrize("name", ["postprocessing::transforms::9::argmax", "overlap"])
def test_an_override_of_nothing_is_refused(bundle, name):
    with pytest.raises(OverrideError, match=f"has no '{name}', so the override would change nothing"):
        Segmenter.from_bundle(bundle, overrides={name: 0.5}, trust=True)


def test_names_that_lack_a_label_are_refused_before_anything_is_computed(bundle, segmenter):
    """It was refused after the network had run, and only where the label was found."""
    first, *others = segmenter.parts.table
    given = LabelTable.of_names({one.value: "other" for one in others})
    with pytest.raises(LabelError, match=f"do not name {first.value}, which somebodys calls '{first.name}'"):
        Segmenter.from_bundle(bundle, trust=True, labels=given)


def test_a_component_says_itself_that_it_has_no_such_argument(bundle):
    with pytest.raises(BundleError, match=r"cannot make its inferer: TypeError: .*overlapp"):
        Segmenter.from_bundle(bundle, overrides={"inferer::overlapp": 0.5}, trust=True)


def test_a_bundle_that_cannot_be_made_says_which_package_it_asks_for(tmp_path):
    root = make_bundle(tmp_path / "tiny")
    metadata = json.loads((root / "configs" / "metadata.json").read_text())
    metadata["required_packages_version"] = {"no_such_package": "1.0", "numpy": "2.0"}
    (root / "configs" / "metadata.json").write_text(json.dumps(metadata))
    with pytest.raises(
        BundleError, match=r"(?s)cannot make its network_def: .* It needs no_such_package 1\.0 or newer"
    ) as told:
        Segmenter.from_bundle(root, overrides={"network_def::_target_": "no_such_package.Network"}, trust=True)
    assert "numpy" not in str(told.value)


def test_an_image_with_too_many_channels_is_refused_with_the_networks_words(segmenter):
    with pytest.raises(BundleError, match=r"failed on this image: RuntimeError: .*channels"):
        segmenter([oblique_volume(0), oblique_volume(1)])


def test_channels_on_different_grids_are_refused(segmenter):
    volume = oblique_volume()
    shifted = Volume(volume.array, volume.affine + np.eye(4)[:, [3]] * 0 + np.array([[0, 0, 0, 3.0]] + [[0] * 4] * 3))
    with pytest.raises(GeometryError, match=r"Image 2 of the case has the grid"):
        segmenter([volume, shifted])


def test_a_foreign_bundle_is_refused_until_trusted_and_none_of_its_code_runs(tmp_path):
    spy = tmp_path / "it_ran"
    inference = config()
    inference["imports"].append("$import pathlib")
    inference["network_def"]["channels"] = f"$[4, 8 + int(bool(pathlib.Path({str(spy)!r}).touch()))]"
    root = make_bundle(tmp_path / "spy", inference)
    with pytest.raises(TrustError, match=r"(?s)runs its code:\n  \$\[4, 8 \+ int.*trust=True \(or --trust\)"):
        Segmenter.from_bundle(root)
    assert not spy.exists()
    Segmenter.from_bundle(root, trust=True)
    assert spy.exists()


def test_two_bundles_with_scripts_of_the_same_name_do_not_mix(tmp_path):
    shift = "class Shift:\n    def __call__(self, data):\n        return {{**data, 'pred': data['pred'] * 0 + {}}}\n"
    values = []
    for value in (1, 2):
        inference = config()
        inference["postprocessing"]["transforms"].append({"_target_": "scripts.shift.Shift"})
        root = make_bundle(tmp_path / f"bundle{value}", inference, scripts={"shift.py": shift.format(value)})
        values.append(Segmenter.from_bundle(root, trust=True)(oblique_volume()).labels.array.max())
    assert values == [1, 2]


def test_missing_weights_damaged_weights_and_weights_of_another_network_are_said(tmp_path):
    missing = make_bundle(tmp_path / "missing")
    (missing / "models" / "model.pt").unlink()
    with pytest.raises(BundleError, match=r"weights of the bundle missing are missing: there is no models/model.pt"):
        Segmenter.from_bundle(missing, trust=True)
    damaged = make_bundle(tmp_path / "damaged")
    (damaged / "models" / "model.pt").write_bytes(b"not weights")
    with pytest.raises(BundleError, match=r"not a file of weights only, or it is damaged"):
        Segmenter.from_bundle(damaged, trust=True)
    other = config()
    other["network_def"]["channels"] = [8, 16]
    with pytest.raises(BundleError, match=r"do not fit the bundle's network"):
        Segmenter.from_bundle(make_bundle(tmp_path / "other", other), trust=True)


def test_labels_inverted_with_linear_interpolation_are_refused_with_the_cure(tmp_path):
    inference = config()
    invert, discrete, save = inference["postprocessing"]["transforms"]
    inference["postprocessing"]["transforms"] = [discrete, invert, save]
    root = make_bundle(tmp_path / "linear", inference)
    with pytest.raises(BundleError, match=r"no whole number.*nearest_interp=true"):
        Segmenter.from_bundle(root, trust=True)(oblique_volume())
    cured = Segmenter.from_bundle(root, overrides={f"{POSTPROCESSING}::1::nearest_interp": True}, trust=True)
    assert cured(oblique_volume()).labels.shape == oblique_volume().shape


def test_labels_that_are_not_brought_back_or_still_have_channels_are_refused(tmp_path):
    inference = config()
    inference["postprocessing"]["transforms"] = inference["postprocessing"]["transforms"][1:]
    with pytest.raises(BundleError, match=r"leaves its labels on a grid of .* must end with Invertd"):
        Segmenter.from_bundle(make_bundle(tmp_path / "stays", inference), trust=True)(oblique_volume())
    inference = config()
    inference["postprocessing"]["transforms"] = inference["postprocessing"]["transforms"][:1]
    with pytest.raises(BundleError, match=r"gives no label map: A label map has one channel .* not the shape \(3,"):
        Segmenter.from_bundle(make_bundle(tmp_path / "channels", inference), trust=True)(oblique_volume())


def test_nothing_of_the_bundle_is_saved(bundle, segmenter):
    segmenter(oblique_volume())
    assert not (bundle / "eval").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"device": "abacus"}, "Unknown device 'abacus'"),
        ({"device": "cuda:99"}, "There is no device 'cuda:99'"),
        ({"backend": "abacus"}, "Unknown backend 'abacus'. Choose one of auto, torch"),
    ],
)
def test_an_unknown_device_or_backend_is_refused(bundle, arguments, message):
    with pytest.raises(InputError, match=message):
        Segmenter.from_bundle(bundle, trust=True, **arguments)


def test_a_name_that_is_no_bundle_is_refused_with_the_names_there_are(tmp_path):
    with pytest.raises(BundleError, match=r"neither a shipped name"):
        Segmenter.from_bundle("hippocampus_mir")
    with pytest.raises(BundleError, match=r"is not a MONAI bundle: it has no configs/metadata.json"):
        Segmenter.from_bundle(tmp_path)


def test_a_case_without_images_or_with_unknown_names_is_refused(segmenter):
    with pytest.raises(InputError, match=r"list of images is empty"):
        segmenter([])
    with pytest.raises(InputError, match=r"takes one image, 'image', not \['t1'\]"):
        segmenter({"t1": oblique_volume()})
