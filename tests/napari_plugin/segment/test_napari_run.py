"""A run as the window asks for it: the same mask as the command line, as layers with names and provenance."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from tiny_bundle import config, make_bundle

from monai_attn import Box, LabelTable, Segmentation, Volume, read, write
from monai_attn.backends import Execution
from monai_attn.bundle.describe import describe_bundle
from monai_attn.bundle.inputs import ImageInput
from monai_attn.cli.demo import brain_file
from monai_attn.cli.main import main as command_line
from monai_attn.errors import Cancelled, GeometryError, InputError, OverrideError
from monai_attn.napari.layers.made_from import MADE_FROM
from monai_attn.napari.layers.provenance import PROVENANCE, RUN
from monai_attn.napari.layers.volumes import image_layer, labels_layer, origin_of, volume_of
from monai_attn.napari.look.readout import honesty_text
from monai_attn.napari.qt.choices import is_mask
from monai_attn.napari.save.writer import check_native
from monai_attn.napari.segment.growing import Growing, GrowingLayer
from monai_attn.napari.segment.produced import middle_of, result_layers, sentence_of
from monai_attn.napari.segment.request import Request, overrides_of
from monai_attn.napari.segment.runner import Runner
from monai_attn.napari.segment.sources import choose_images, image_layers, volumes_of
from monai_attn.napari.segment.work import Work
from monai_attn.preflight.speeds import seconds_per_window

TORCH = Execution("cpu", "torch")


def tilted(modality: str = "") -> Volume:
    """Smooth noise on an oblique, anisotropic, left-changes grid."""
    a, b = np.radians(17), np.radians(-9)
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    affine = np.eye(4)
    affine[:3, :3] = about_z @ about_x @ np.diag([-0.9, 1.1, 2.4])
    affine[:3, 3] = (31.0, -22.0, 5.0)
    noise = np.random.default_rng(0).normal(size=(26, 31, 14))
    return Volume(np.cumsum(np.cumsum(noise, axis=0), axis=1).astype(np.float32), affine, modality=modality)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("bundles") / "somebodys")


@pytest.fixture(autouse=True)
def _speeds(tmp_path, monkeypatch):
    """Keep measured times of the tests to themselves."""
    monkeypatch.setattr("monai_attn.preflight.speeds.speed_file", lambda: tmp_path / "speeds.json")


def add(viewer, layer):
    data, keywords, kind = layer
    return (viewer.add_labels if kind == "labels" else viewer.add_image)(data, **keywords)


def run(request: Request, runner: Runner | None = None):
    task: Work = Work(lambda task: (runner or Runner()).run(request, task))
    steps = task.steps()
    seen = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as stop:
            return stop.value, seen


def test_the_mask_is_voxel_for_voxel_that_of_the_command_line(bundle, tmp_path):
    write(tilted(), tmp_path / "case.nii.gz")
    image = read(tmp_path / "case.nii.gz")
    region = Box.around(image.to_world((13, 15, 7)), (20, 24, 22))
    corners = ",".join(f"{x:.17g}" for x in (*region.lower_mm, *region.upper_mm))
    command = ["segment", str(tmp_path / "case.nii.gz"), "-b", str(bundle), "-o", str(tmp_path / "out"), "--trust"]
    command += ["--device", "cpu", "--backend", "torch", "--quiet", f"--region={corners}"]
    assert command_line(command) == 0
    viewer = ViewerModel()
    layer = add(viewer, image_layer(image, name="case"))
    chosen = choose_images(describe_bundle(bundle), image_layers(list(viewer.layers)))
    assert chosen == {"image": layer}
    request = Request(
        bundle=describe_bundle(bundle),
        images=volumes_of(chosen, list(viewer.layers)),
        name=layer.name,
        region=region,
        execution=TORCH,
        trust=True,
        maps=("entropy",),
    )
    result, steps = run(request)
    assert steps[-1].windows > 0
    mask, entropy = (add(viewer, one) for one in result.layers)
    expected = read(tmp_path / "out" / "case_seg.nii.gz")
    assert len(np.unique(expected.array)) > 1
    painted = volume_of(mask, viewer.layers)
    np.testing.assert_array_equal(painted.array, expected.array)
    np.testing.assert_allclose(painted.affine, expected.affine, atol=1e-4)
    assert mask.name == "case somebodys"
    assert [label.name for label in origin_of(mask).table] == ["left thing", "right thing"]
    assert mask.metadata[PROVENANCE]["region_mm"] == [list(region.lower_mm), list(region.upper_mm)]
    assert mask.metadata[RUN] == entropy.metadata[RUN]
    assert origin_of(entropy).role == "uncertainty"
    assert seconds_per_window(describe_bundle(bundle), TORCH)[1]


def test_the_sample_has_in_the_window_the_mask_of_the_command_line(tmp_path):
    pytest.importorskip("nilearn", reason="needs the MNI152 brain of nilearn: the extra demo")
    file, region = brain_file(), Box.around((27, -21, -12), (36, 52, 40))
    corners = ",".join(f"{x:.17g}" for x in (*region.lower_mm, *region.upper_mm))
    command = ["segment", str(file), "-b", "hippocampus_mri", "--quiet", "-o", str(tmp_path), f"--region={corners}"]
    assert command_line(command) == 0
    (expected,) = tmp_path.glob("*_seg.nii.gz")
    viewer = ViewerModel()
    add(viewer, image_layer(read(file), name="brain"))
    description = describe_bundle("hippocampus_mri")
    images = volumes_of(choose_images(description, image_layers(list(viewer.layers))), list(viewer.layers))
    result, _ = run(Request(description, images, "brain", region))
    mask = add(viewer, result.layers[0])
    array = volume_of(mask, viewer.layers).array
    assert set(np.unique(array)) == {0, 1, 2}
    np.testing.assert_array_equal(array, read(expected).array)


def streaming(folder):
    """The bundle with an inferer that hands finished slabs on."""
    inference = config()
    labels = {"_target_": "monai_attn.transforms.SourceLabels"}
    changed = {"_target_": "monai_attn.inferers.StreamingInferer", "labels": labels, "roi_size": [8, 16, 16]}
    inference["inferer"] = {**inference["inferer"], **changed}
    saver = inference["postprocessing"]["transforms"][-1]
    on_source = {"_target_": "monai_attn.transforms.LabelsOnSourced", "keys": "pred"}
    inference["postprocessing"]["transforms"] = [on_source, saver]
    return make_bundle(folder, inference)


@pytest.mark.parametrize("cut", [False, True])
def test_finished_slabs_are_seen_while_the_rest_computes_and_become_the_mask(tmp_path, cut):
    bundle, image = streaming(tmp_path / "streams"), tilted()
    region = Box.around(image.to_world((13, 15, 7)), (20, 24, 22)) if cut else None
    request = Request(describe_bundle(bundle), {"image": image}, "case", region, execution=TORCH, trust=True)
    seen = []

    class Watching(Work):
        def tell(self, windows, total=None):
            super().tell(windows, total)
            growing = self._shown
            seen.append((growing.changes, int(np.count_nonzero(growing.layer[0]))))

    task = Watching(lambda task: Runner().run(request, task))
    steps = list(task.steps())
    result = task._outcome[0]
    mask = add(ViewerModel(), result.layers[0])
    growing = task._shown
    changes, voxels = zip(*seen, strict=True)
    assert 0 < changes[-1] < growing.changes  # some while windows were left, the rest after the last
    assert list(voxels) == sorted(voxels)
    layer = add(ViewerModel(), growing.layer)
    assert layer.name == "case streams (growing)"
    labels, expected = volume_of(layer), volume_of(mask)
    if region is not None:
        expected = expected.crop(expected.slices_of(region))
    np.testing.assert_array_equal(labels.array, expected.array)
    np.testing.assert_allclose(labels.affine, expected.affine, atol=1e-9)
    assert labels.array.any()
    assert not is_mask(layer)
    assert [step.total for step in steps][-1] == task.windows  # the inferer's own count
    with pytest.raises(InputError, match=r"case streams \(growing\) is not finished. Wait for the mask"):
        check_native(layer)


def test_a_bundle_that_hands_nothing_on_shows_nothing_before_its_mask(bundle):
    request = Request(describe_bundle(bundle), {"image": tilted()}, "case", execution=TORCH, trust=True)
    _, steps = run(request)
    assert steps[-1].shown.changes == 0
    viewer = ViewerModel()
    GrowingLayer(viewer).show(steps[-1].shown)
    assert len(viewer.layers) == 0


def test_the_growing_layer_keeps_what_is_active_and_stays_away_once_deleted():
    viewer, grid = ViewerModel(), tilted()
    image = add(viewer, image_layer(grid, name="case"))
    shown, growing = GrowingLayer(viewer), Growing(grid, LabelTable.of_names({1: "one", 300: "many"}), "case")
    labels = np.full(grid.shape, 300, np.int32)
    growing.take(labels[:4], (slice(None),) * 3)  # of another grid
    shown.show(growing)
    assert len(viewer.layers) == 1
    growing.take(labels, (slice(0, 5), slice(None), slice(None)))
    shown.show(growing)
    layer = viewer.layers["case (growing)"]
    assert viewer.layers.selection.active is image
    assert not layer.editable
    assert np.count_nonzero(layer.data) == 5 * 31 * 14
    assert honesty_text([image, layer]).split("\n")[-1] == "case (growing): not finished yet"
    viewer.layers.remove(layer)
    growing.take(labels, (slice(0, 9), slice(None), slice(None)))
    shown.show(growing)
    assert len(viewer.layers) == 1
    shown.remove()
    shown.remove()


def test_a_second_run_of_the_same_bundle_does_not_load_it_again(bundle, monkeypatch):
    from monai_attn import Segmenter

    request = Request(describe_bundle(bundle), {"image": tilted()}, "case", execution=TORCH, trust=True)
    runner, opened = Runner(), []
    make = Segmenter.from_bundle.__func__
    monkeypatch.setattr(
        Segmenter, "from_bundle", classmethod(lambda cls, *a, **k: opened.append(a) or make(cls, *a, **k))
    )
    run(request, runner)
    run(request, runner)
    assert len(opened) == 1
    run(replace(request, overrides={"inferer::overlap": 0.0}), runner)
    assert len(opened) == 2


def test_a_stopped_run_ends_between_two_batches_of_windows(bundle):
    request = Request(describe_bundle(bundle), {"image": tilted()}, "case", execution=TORCH, trust=True)
    told = []

    class Stopping(Work):
        def tell(self, windows, total=None):
            told.append(windows)
            self.stop()
            super().tell(windows, total)

    task = Stopping(lambda task: Runner().run(request, task))
    with pytest.raises(Cancelled):
        list(task.steps())
    assert len(told) == 1


def test_images_are_matched_by_modality_then_name_and_each_is_used_once():
    viewer = ViewerModel()
    for name, modality in (("ct of the leg", "CT"), ("scan pet", ""), ("first", "MR"), ("notes t1", "MR")):
        add(viewer, image_layer(tilted(modality), name=name))
    add(viewer, labels_layer(tilted().with_array(np.zeros((26, 31, 14), np.uint8)), name="mask"))
    viewer.add_image(np.zeros((4, 4, 4)), name="no place")
    add(viewer, image_layer(tilted("PT"), name="resliced", display_only=True))
    layers = image_layers(list(viewer.layers))
    assert [layer.name for layer in layers] == ["ct of the leg", "scan pet", "first", "notes t1"]
    slots = (ImageInput("t1", "MR"), ImageInput("ct", "CT"), ImageInput("pet", "PT"))
    description = replace(describe_bundle("hippocampus_mri"), images=slots)
    ct, pet, first, t1 = layers
    assert choose_images(description, layers) == {"t1": t1, "ct": ct, "pet": pet}
    assert choose_images(description, layers[:1]) == {"ct": ct}
    with pytest.raises(InputError, match=r"The layer 'first' is gone"):
        volumes_of({"t1": first}, layers[:2])
    with pytest.raises(GeometryError, match=r"'no place' was not opened with monai-attn"):
        volumes_of({"t1": viewer.layers["no place"]}, list(viewer.layers))


def test_channels_go_in_as_a_list_and_images_by_name():
    description = describe_bundle("hippocampus_mri")
    images = {"a": tilted(), "b": tilted()}
    assert Request(replace(description, joined=True), images, "x").source == list(images.values())
    assert Request(description, images, "x").source == images


def test_overrides_are_written_as_on_the_command_line():
    assert overrides_of("") == {}
    assert overrides_of(" inferer::overlap=0.25 ;amp=false;") == {"inferer::overlap": 0.25, "amp": False}
    with pytest.raises(OverrideError, match="is written key=value"):
        overrides_of("overlap")


def test_the_sentence_gives_volumes_or_says_that_the_mask_is_empty():
    grid = tilted()
    array = np.zeros(grid.shape, np.uint8)
    table = LabelTable.of_names({1: "one", 2: "two"})
    assert sentence_of(Segmentation(grid.with_array(array), table), "bundle").startswith("The mask is empty: bundle")
    assert middle_of(grid.with_array(array)) is None
    array[2:12, 3:13, 2:4] = 2
    array[5, 5, 2] = 1
    labels = grid.with_array(array)
    ml = grid.voxel_ml
    assert sentence_of(Segmentation(labels, table), "bundle") == f"one {ml:.2f} ml; two {199 * ml:.2f} ml"
    i, j, k = np.rint(grid.to_index(middle_of(labels))).astype(int)
    assert array[i, j, k]
    assert (abs(i - 6.5), abs(j - 7.5)) <= (1, 1)


def test_a_mask_with_warnings_says_them_in_the_sentence_and_in_the_layer_name():
    labels = Volume(np.ones((4, 4, 4), np.uint8), modality="SEG")
    table = LabelTable.of_names({1: "tumour"})
    marked = Segmentation(labels, table, {"warnings": ["The tumour has 0.06 ml."]})
    assert sentence_of(marked, "sums") == "tumour 0.06 ml\nWarning: The tumour has 0.06 ml."
    request = SimpleNamespace(title="t1 sums", made_from="file 1")
    assert result_layers(marked, request)[0][1]["name"] == "CHECK: t1 sums"
    assert result_layers(Segmentation(labels, table), request)[0][1]["name"] == "t1 sums"
    assert result_layers(marked, request)[0][1]["metadata"][MADE_FROM] == "file 1"
