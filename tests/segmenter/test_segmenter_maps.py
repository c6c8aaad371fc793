"""Maps beside the labels: in register with the image, the labels untouched, and a reason where there are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from monai.data import MetaTensor, list_data_collate
from monai.inferers import SlidingWindowInferer
from tiny_bundle import config, make_bundle

from monai_attn import Box, LabelTable, Segmenter, Volume, read, write
from monai_attn.cli.main import main
from monai_attn.errors import BundleError, FileError, InputError
from monai_attn.inferers import FlippedInferer, StreamingInferer
from monai_attn.inferers.maps import class_entropy, class_probabilities, flip_variance, infer_with_maps
from monai_attn.networks import AttnUNet
from monai_attn.segmenter.mapping import _pairs
from monai_attn.transforms import SourceLabels
from monai_attn.transforms.on_source import classes_exclude, maps_on_source

FOREIGN = ("entropy", "flip_variance", "probabilities")


def tilted(shape=(26, 31, 14), centre=(14, 12, 6)) -> Volume:
    """A bright ball of 8 mm around a voxel, oblique, anisotropic and left-handed."""
    a, b = np.radians(17), np.radians(-9)
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    affine = np.eye(4)
    affine[:3, :3] = about_z @ about_x @ np.diag([-0.9, 1.1, 2.4])
    affine[:3, 3] = (31.0, -22.0, 5.0)
    grid = Volume(np.zeros(shape, np.float32), affine)
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    distance = np.linalg.norm(grid.to_world(index) - grid.to_world(centre), axis=-1)
    return grid.with_array(np.exp(-((distance / 8) ** 2)).astype(np.float32))


@pytest.fixture(scope="module")
def foreign(tmp_path_factory) -> Segmenter:
    return Segmenter.from_bundle(make_bundle(tmp_path_factory.mktemp("bundles") / "somebodys"), trust=True)


class Brightness(torch.nn.Module):
    """Logits that follow the image: class 1 where it is bright."""

    def forward(self, x):
        return torch.cat([0.5 - x, x - 0.5], dim=1) * 8


@pytest.fixture(scope="module")
def bright(tmp_path_factory) -> Segmenter:
    inference = config()
    inference["preprocessing"]["transforms"].pop()  # keep the brightness as it is
    root = make_bundle(tmp_path_factory.mktemp("bundles") / "bright", inference)
    parts = Segmenter.from_bundle(root, trust=True).parts
    return Segmenter(replace(parts, network=Brightness()))


def test_the_labels_are_the_same_with_and_without_maps(foreign):
    volume = tilted()
    plain, told = foreign(volume), foreign(volume, maps=FOREIGN)
    assert len(np.unique(plain.labels.array)) > 1
    np.testing.assert_array_equal(plain.labels.array, told.labels.array)
    assert not plain.maps
    assert list(told.maps) == ["entropy", "flip_variance", "probability_0", "probability_1", "probability_2"]
    for one in told.maps.values():
        assert one.shape == volume.shape
        np.testing.assert_array_equal(one.affine, volume.affine)
        assert one.array.dtype == np.float32
        assert 0 <= one.array.min() <= one.array.max() <= 1


def test_maps_are_in_register_with_an_oblique_anisotropic_image(bright):
    volume = tilted()
    expected = 1 / (1 + np.exp(-16 * (volume.array.astype(float) - 0.5)))
    found = bright(volume, maps=("probabilities", "entropy")).maps
    error = np.abs(found["probability_1"].array - expected)
    assert error.max() < 0.15  # the image was resampled twice on the way, at up to 2.4 mm
    shifted = np.abs(np.roll(found["probability_1"].array, 1, axis=2) - expected)
    assert shifted.max() > 0.3  # one slice off would be seen
    np.testing.assert_allclose(found["probability_0"].array, 1 - found["probability_1"].array, atol=1e-5)
    unsure = np.abs(expected - 0.5) < 0.1
    assert found["entropy"].array[unsure].min() > 0.7
    assert found["entropy"].array[0, 0].max() < 0.02


def test_a_region_has_maps_inside_and_nothing_outside(bright):
    volume = tilted()
    region = Box.around(volume.to_world((14, 12, 6)), (14, 14, 14))
    block = volume.slices_of(region)
    segmentation = bright(volume, region=region, maps=("probabilities",))
    inside = segmentation.maps["probability_1"].array
    alone = bright(volume.crop(block), maps=("probabilities",)).maps["probability_1"].array
    np.testing.assert_array_equal(inside[block], alone)
    outside = np.ones(volume.shape, dtype=bool)
    outside[block] = False
    assert not inside[outside].any()


def test_attention_is_refused_of_a_network_without_and_unknown_maps_are_named(foreign):
    with pytest.raises(InputError, match=r"The network UNet has no attention of monai_attn.*entropy or flip_variance"):
        foreign(tilted(), maps=("attention",))
    with pytest.raises(InputError, match=r"Unknown map 'saliency'. Choose among attention, entropy"):
        foreign(tilted(), maps=("saliency",))


def test_entropy_is_0_where_one_class_is_certain_and_1_where_all_are_alike():
    certain = torch.zeros(1, 4, 2, 2, 2)
    certain[:, 1] = 200.0
    for logits, value in ((certain, 0.0), (torch.zeros(1, 4, 2, 2, 2), 1.0)):
        for exclusive in (True, False):
            probabilities = class_probabilities(
                logits if exclusive else logits * 2 - 200 * (value == 0), exclusive=exclusive
            )
            entropy = class_entropy(probabilities, exclusive=exclusive)
            assert entropy.shape == (1, 1, 2, 2, 2)
            torch.testing.assert_close(entropy, torch.full_like(entropy, value))


def test_one_channel_is_a_decision_between_yes_and_no():
    entropy = class_entropy(class_probabilities(torch.tensor([[[[[0.0, 50.0]]]]]), exclusive=True), exclusive=True)
    torch.testing.assert_close(entropy.flatten(), torch.tensor([1.0, 0.0]))


def test_flip_variance_is_0_for_equal_and_1_for_opposite_predictions():
    yes, no = torch.tensor([1.0, 0.0]).reshape(1, 2, 1, 1, 1), torch.tensor([0.0, 1.0]).reshape(1, 2, 1, 1, 1)
    assert flip_variance([yes, yes]).item() == 0
    assert flip_variance([yes, no]).item() == 1
    assert flip_variance([yes, yes, yes, no]).item() == pytest.approx(4 * 3 / 16)


class Sided(torch.nn.Module):
    """Sees class 1 in the first half along the first axis of what it is given, whatever the image."""

    def forward(self, x):
        first = (torch.arange(x.shape[2]) < x.shape[2] / 2).float().reshape(1, 1, -1, 1, 1).expand_as(x)
        return torch.cat([1 - first, first], dim=1) * 100 + 0 * x


class RightAndLeft(torch.nn.Module):
    """Class 1 where the first half along the first axis is bright, class 2 where the second half is."""

    def forward(self, x):
        first = (torch.arange(x.shape[2]) < x.shape[2] / 2).float().reshape(1, 1, -1, 1, 1).expand_as(x)
        return torch.cat([1 - x, first * x, (1 - first) * x], dim=1) * 20


@pytest.mark.parametrize("flipped", [True, False], ids=["flipped inferer", "plain inferer"])
def test_right_and_left_are_exchanged_in_a_mirror_image(flipped):
    image, pairs, network = (torch.rand(1, 1, 8, 6, 4) > 0.5).float(), [(2, 1)], RightAndLeft()
    whole = SlidingWindowInferer((8, 6, 4), overlap=0)
    inferer = FlippedInferer(whole, [0], pairs) if flipped else whole
    prediction, maps = infer_with_maps(inferer, network, image, ["flip_variance"], source=network, pairs=pairs)
    torch.testing.assert_close(prediction, inferer(image, network))
    assert float(maps["flip_variance"].max()) < 1e-6
    unpaired = FlippedInferer(whole, [0]) if flipped else whole
    _, wrong = infer_with_maps(unpaired, network, image, ["flip_variance"], source=network)
    assert float(wrong["flip_variance"].max()) > 0.9


def test_the_names_of_a_bundle_say_which_classes_are_right_and_left():
    table = LabelTable.of_names({1: "right ear", 2: "left ear"})
    network, found = RightAndLeft(), {}
    for name, affine in (("across", np.eye(4)), ("upright", np.eye(4)[:, [2, 1, 0, 3]])):
        image = MetaTensor((torch.rand(1, 1, 8, 8, 8) > 0.5).float(), affine=torch.as_tensor(affine))
        pairs = _pairs(table, image)
        inferer = SlidingWindowInferer((8, 8, 8), overlap=0)
        _, maps = infer_with_maps(inferer, network, image, ["flip_variance"], source=network, pairs=pairs)
        found[name] = float(maps["flip_variance"].max())
    assert found["across"] < 1e-6
    assert found["upright"] > 0.9  # the first axis does not run from right to left, so nothing is exchanged


@pytest.mark.parametrize("axes", [[], [0], [1], [0, 1, 2], [2, 0]])
def test_flips_are_turned_back_before_they_are_compared(axes):
    image = torch.rand(1, 1, 8, 10, 12)
    whole = SlidingWindowInferer((8, 10, 12), overlap=0)
    inferer = FlippedInferer(whole, axes) if axes else whole
    same = Follows()
    _, maps = infer_with_maps(inferer, same, image, ["flip_variance"], source=same)
    assert float(maps["flip_variance"].max()) < 1e-9
    sided = Sided()
    _, maps = infer_with_maps(inferer, sided, image, ["flip_variance"], source=sided)
    assert float(maps["flip_variance"].min()) == pytest.approx(1.0 if 0 in (axes or [0]) else 0.0)


class Follows(torch.nn.Module):
    """Logits that flip with the image."""

    def forward(self, x):
        return torch.cat([x, -x], dim=1)


@pytest.fixture(scope="module")
def network() -> AttnUNet:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return AttnUNet(3, 1, 3, channels=(4, 8, 8), strides=(2, 2)).eval()


def preprocessed() -> MetaTensor:
    meta = {"original_affine": np.diag([1.5, 1.5, 2.0, 1.0]), "spatial_shape": np.array([20, 18, 11])}
    with torch.random.fork_rng():
        torch.manual_seed(5)
        values = torch.rand(1, 20, 18, 11)
    image = MetaTensor(values, affine=torch.diag(torch.tensor([1.5, 1.5, 2.0, 1.0])), meta=meta)
    return list_data_collate([{"image": image}])["image"]


def test_attention_blends_over_windows_as_logits_do(network):
    inferer = SlidingWindowInferer((12, 12, 11), overlap=0.5, mode="gaussian")
    image = preprocessed()
    with torch.no_grad():
        plain = inferer(image, network)
        prediction, maps = infer_with_maps(inferer, network, image, ["attention"], source=network)
        blended = inferer(image.as_tensor(), lambda x: network.attention_maps(x)[1])
    assert torch.equal(prediction.as_tensor(), plain.as_tensor())
    assert list(maps) == ["attention_1", "attention_2"]
    torch.testing.assert_close(maps["attention_2"], blended)
    assert maps["attention_1"].std() > 0


def test_a_network_executed_elsewhere_is_looked_at_in_torch(network):
    class Elsewhere(torch.nn.Module):
        def forward(self, x):
            return torch.full((x.shape[0], 3, *x.shape[2:]), 0.5)

    inferer = SlidingWindowInferer((12, 12, 11), overlap=0.5)
    prediction, maps = infer_with_maps(inferer, Elsewhere(), preprocessed(), ["attention"], source=network)
    _, expected = infer_with_maps(inferer, network, preprocessed(), ["attention"], source=network)
    assert (prediction == 0.5).all()
    torch.testing.assert_close(maps["attention_1"], expected["attention_1"])


@pytest.mark.parametrize("wanted", [["attention"], ["entropy", "flip_variance"]])
def test_streamed_labels_stay_the_same_and_have_maps_too(network, wanted):
    windows = {"roi_size": (12, 12, 11), "overlap": 0.5, "mode": "gaussian"}
    streaming = StreamingInferer(**windows, labels=SourceLabels())
    image = preprocessed()
    with torch.no_grad():
        plain = streaming(image, network)
        labels, maps = infer_with_maps(streaming, network, image, wanted, source=network)
        _, expected = infer_with_maps(SlidingWindowInferer(**windows), network, image, wanted, source=network)
    assert not labels.is_floating_point()
    assert torch.equal(labels.as_tensor(), plain.as_tensor())
    for name, one in expected.items():
        torch.testing.assert_close(maps[name], one, atol=1e-5, rtol=1e-4)


def test_a_network_of_several_outputs_has_no_maps():
    class Two(torch.nn.Module):
        def forward(self, x):
            return x, x

    two = Two()
    with pytest.raises(BundleError, match=r"gives a tuple and not one tensor of logits"):
        infer_with_maps(lambda image, network: network(image), two, torch.rand(1, 1, 4, 4, 4), ["entropy"], source=two)


def test_an_image_that_forgot_its_place_is_refused():
    with pytest.raises(BundleError, match=r"loses where the image lies"):
        maps_on_source(torch.zeros(1, 4, 4, 4), torch.zeros(1, 1, 4, 4, 4))


def test_beyond_the_networks_grid_there_is_nothing():
    affine = torch.eye(4)
    affine[:3, 3] = 5.0  # the network saw voxels 5 to 9 of 20
    meta = {"original_affine": np.eye(4), "spatial_shape": np.array([20, 20, 20])}
    image = MetaTensor(torch.zeros(1, 1, 5, 5, 5), affine=affine[None], meta=meta)
    out = maps_on_source(torch.ones(2, 5, 5, 5), image)
    expected = np.zeros((20, 20, 20))
    expected[5:10, 5:10, 5:10] = 1
    assert out.shape == (2, 20, 20, 20)
    np.testing.assert_array_equal(out[1], expected)


def test_regions_are_told_from_classes_by_the_last_transforms():
    from monai.transforms import Activationsd, AsDiscreted, Compose

    from monai_attn.transforms import LabelsOnSourced

    assert classes_exclude(Compose([AsDiscreted("pred", argmax=True)]))
    assert not classes_exclude(Compose([Activationsd("pred", sigmoid=True)]))
    assert classes_exclude(LabelsOnSourced("pred"))
    assert not classes_exclude(Compose([LabelsOnSourced("pred", regions=[1, 2])]))


def test_maps_are_written_beside_the_mask_and_an_existing_one_stops_everything(bright, tmp_path):
    volume = tilted()
    segmentation = bright(volume, maps=("entropy", "probabilities"))
    files = segmentation.save(tmp_path, stem="case")
    assert {path.name for path in files} == {
        "case_seg.nii.gz",
        "case_seg.json",
        "case_entropy.nii.gz",
        "case_probability_0.nii.gz",
        "case_probability_1.nii.gz",
    }
    again = read(tmp_path / "case_entropy.nii.gz")
    np.testing.assert_array_equal(again.array, segmentation.maps["entropy"].array)
    np.testing.assert_allclose(again.affine, volume.affine, atol=1e-5)
    (tmp_path / "other_entropy.nii.gz").write_text("mine")
    with pytest.raises(FileError, match=r"other_entropy\.nii\.gz"):
        segmentation.save(tmp_path, stem="other")
    assert not (tmp_path / "other_seg.nii.gz").exists()


@pytest.mark.parametrize("backend", ["torch", "auto"])
def test_the_shipped_bundle_shows_where_it_looked_whatever_executes_it(backend):
    datasets = pytest.importorskip("nilearn.datasets", reason="needs the MNI152 brain of nilearn: the extra demo")
    template = datasets.load_mni152_template(resolution=1)
    brain = Volume(np.asarray(template.dataobj, dtype=np.float32), template.affine)
    crop = brain.crop(brain.slices_of(Box.around((27, -21, -12), (36, 52, 40))))
    segmenter = Segmenter.from_bundle("hippocampus_mri", device="cpu", backend=backend)
    plain, told = segmenter(crop), segmenter(crop, maps=("attention", "entropy", "flip_variance"))
    np.testing.assert_array_equal(plain.labels.array, told.labels.array)
    assert list(told.maps) == ["attention_1", "attention_2", "attention_3", "entropy", "flip_variance"]
    structure, unsure = told.labels.array > 0, told.maps["entropy"].array
    assert unsure[structure].mean() > 5 * unsure[~structure].mean()
    assert told.maps["attention_1"].array.std() > 0.05


def test_the_command_line_writes_the_maps_it_is_asked_for(tmp_path, capsys):
    root = make_bundle(tmp_path / "somebodys")
    write(tilted(), tmp_path / "case.nii.gz")
    command = [
        "segment",
        str(tmp_path / "case.nii.gz"),
        "-b",
        str(root),
        "--trust",
        "-o",
        str(tmp_path / "out"),
        "--quiet",
    ]
    assert main([*command, "--maps", "entropy, flip_variance", "--device", "cpu", "--backend", "torch"]) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"case_entropy.nii.gz", "case_flip_variance.nii.gz", "case_seg.nii.gz"} <= names
    assert main([*command, "--maps", "attention", "--overwrite"]) == 2
    assert "has no attention of monai_attn" in capsys.readouterr().err
