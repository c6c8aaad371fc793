"""Windows are counted as they will run; the time rests on a measurement as soon as there is one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from preflight_images import volume
from tiny_bundle import config, make_bundle

from monai_attn import Segmenter, Volume
from monai_attn.backends import Execution
from monai_attn.bundle.describe import describe_bundle
from monai_attn.bundle.inputs import ImageInput
from monai_attn.errors import BundleError
from monai_attn.inferers.windows import lay_windows
from monai_attn.preflight.estimate import estimate
from monai_attn.preflight.memory import peak_bytes
from monai_attn.preflight.outlook import outlook
from monai_attn.preflight.speeds import remember, seconds_per_window
from monai_attn.preflight.windows import count_windows, network_shape


@pytest.fixture(scope="module")
def hippocampus():
    return describe_bundle("hippocampus_mri")


def test_a_shipped_bundle_tells_what_it_needs_from_its_json_alone(hippocampus):
    assert hippocampus.images == (ImageInput("image", "MR", "T1-weighted MRI"),)
    assert (hippocampus.joined, hippocampus.optional) == (False, False)
    assert hippocampus.spacing_mm == (1.0, 1.0, 1.0)
    assert hippocampus.window == (40, 56, 40)
    assert (hippocampus.overlap, hippocampus.runs, hippocampus.classes) == ((0.5,) * 3, 2, 3)
    assert tuple(label.name for label in hippocampus.labels) == ("anterior hippocampus", "posterior hippocampus")


def test_the_id_of_the_overlap_is_the_bundles_own(tmp_path):
    assert describe_bundle("hippocampus_mri").overlap_id == "inferer::inferer::overlap"
    assert describe_bundle("soft_tissue_sarcoma").overlap_id == "inferer::overlap"
    inference = config()
    inference["inferer"] = {"_target_": "SimpleInferer"}
    assert describe_bundle(make_bundle(tmp_path / "simple", inference)).overlap_id == ""


def test_an_override_changes_what_is_expected():
    bundle = describe_bundle("hippocampus_mri", {"inferer::inferer::overlap": 0.0, "inferer#axes": []})
    assert (bundle.overlap, bundle.runs) == ((0.0,) * 3, 1)


def test_references_are_followed_and_expressions_are_left_unknown(tmp_path):
    inference = config()
    inference["size"] = {"window": [24, 16, 8]}
    inference["inferer"]["roi_size"] = "@size::window"
    inference["preprocessing"]["transforms"][3]["pixdim"] = "$[1.0] * 3"
    bundle = describe_bundle(make_bundle(tmp_path / "somebodys", inference))
    assert bundle.window == (24, 16, 8)
    assert bundle.spacing_mm is None
    assert bundle.classes == 3


def test_a_damaged_config_is_said(tmp_path):
    root = make_bundle(tmp_path / "broken")
    (root / "configs" / "inference.json").write_text("{")
    with pytest.raises(BundleError, match=r"broken/configs/inference.json cannot be read"):
        describe_bundle(root)


@pytest.mark.parametrize("shape", [(26, 31, 14), (40, 9, 33), (16, 16, 16)])
@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.75])
def test_the_windows_foretold_are_the_windows_that_run(tmp_path, shape, overlap):
    root = make_bundle(tmp_path / "somebodys")
    overrides = {"inferer::overlap": overlap}
    seen: list[tuple[int, int | None]] = []
    image = volume(shape)
    image = image.with_array(np.random.default_rng(0).normal(size=shape).astype(np.float32))
    Segmenter.from_bundle(root, overrides=overrides, trust=True)(image, progress=lambda *counts: seen.append(counts))
    bundle = describe_bundle(root, overrides)
    assert count_windows(bundle, network_shape(bundle, image)) == seen[-1][0] == seen[-1][1]


@pytest.mark.parametrize("pixdim", [[1.5, 1.5, 1.5], [0.7, 2.0, -1.0]])
def test_the_windows_of_a_sheared_grid_are_foretold_too(tmp_path, pixdim):
    inference = config()
    inference["preprocessing"]["transforms"][3]["pixdim"] = pixdim
    root = make_bundle(tmp_path / "somebodys", inference)
    affine = np.array([[-0.9, 0.1, 0.2, 31], [0.1, 1.1, -0.1, -22], [-0.1, 0.1, 2.4, 5], [0, 0, 0, 1]])
    image = Volume(np.random.default_rng(0).normal(size=(26, 31, 14)).astype(np.float32), affine)
    seen: list[int] = []
    Segmenter.from_bundle(root, trust=True)(image, progress=lambda done, _: seen.append(done))
    bundle = describe_bundle(root)
    assert count_windows(bundle, network_shape(bundle, image)) == seen[-1]


STREAMS = {
    "_target_": "monai_attn.inferers.StreamingInferer",
    "roi_size": [16, 24, -1],
    "overlap": [0.5, 0.25, 0],
    "labels": {"_target_": "monai_attn.transforms.SourceLabels"},
}


def test_the_windows_of_a_streaming_inferer_are_counted_and_its_memory_is_a_row_of_them(tmp_path):
    inference = config()
    inference["inferer"] = STREAMS
    bundle = describe_bundle(make_bundle(tmp_path / "streams", inference))
    assert (bundle.window, bundle.overlap) == ((16, 24, 0), (0.5, 0.25, 0.0))
    assert (bundle.streams, bundle.skips_air) == (True, False)
    for shape in [(50, 60, 33), (16, 20, 7), (17, 24, 90)]:
        assert count_windows(bundle, shape) == len(lay_windows(shape, STREAMS["roi_size"], STREAMS["overlap"]))
    many, image = replace(bundle, classes=100), volume((256, 256, 256))
    whole = peak_bytes(replace(many, streams=False), image.shape, image)
    assert peak_bytes(many, image.shape, image) < whole / 10
    assert not outlook(bundle, {"image": image}).estimate.at_most
    aired = describe_bundle(bundle.root, {"inferer::air": -0.9})
    assert str(outlook(aired, {"image": image}).estimate).startswith("at most ")


def test_a_window_given_as_one_number_is_that_of_all_axes(tmp_path):
    inference = config()
    inference["inferer"] = {"_target_": "SlidingWindowInferer", "roi_size": 16, "overlap": 0.5}
    bundle = describe_bundle(make_bundle(tmp_path / "one", inference))
    assert (bundle.window, bundle.overlap) == ((16,) * 3, (0.5,) * 3)


def test_no_sliding_window_no_count(hippocampus):
    assert count_windows(replace(hippocampus, window=None), (40, 40, 40)) is None
    expected = estimate(replace(hippocampus, window=None), volume())
    assert (expected.windows, expected.seconds) == (None, None)
    assert str(expected) == "Time: not known before the run; about 0.9 GiB of memory."
    assert outlook(hippocampus, {}).estimate is None


def test_maps_from_mirror_images_make_every_window_run_more_often(hippocampus):
    once = estimate(replace(hippocampus, runs=1), volume())
    assert estimate(replace(hippocampus, runs=1), volume(), extra_runs=7).windows == 8 * once.windows
    assert estimate(replace(hippocampus, runs=2), volume(), extra_runs=1).windows == 2 * once.windows


def test_the_time_is_a_guess_until_a_run_was_measured(hippocampus, tmp_path):
    speeds = tmp_path / "cache" / "speeds.json"
    first = outlook(hippocampus, {"image": volume()}, execution=Execution("cpu", "torch"), speeds=speeds)
    assert "a guess before the first run" in str(first.estimate)
    remember(hippocampus, Execution("cpu", "torch"), windows=8, seconds=2.0, file=speeds)
    second = outlook(hippocampus, {"image": volume()}, execution=Execution("cpu", "torch"), speeds=speeds)
    assert second.estimate.seconds == pytest.approx(second.estimate.windows * 0.25)
    assert "as timed on this machine" in str(second.estimate)
    assert seconds_per_window(hippocampus, Execution("cuda", "torch"), file=speeds)[1] is False
    speeds.write_text("[]")
    assert seconds_per_window(hippocampus, Execution("cpu", "torch"), file=speeds)[1] is False


def test_the_first_run_is_foretold_with_its_start_and_corrected_by_what_it_took(hippocampus, tmp_path):
    speeds, cpu = tmp_path / "speeds.json", Execution("cpu", "openvino")
    warm, cold = (estimate(hippocampus, volume(), cpu, cold=cold, speeds=speeds) for cold in (False, True))
    assert cold.seconds - warm.seconds == pytest.approx(5 + 0.5 * hippocampus.weights.stat().st_size / 1e6)
    remember(hippocampus, cpu, windows=4, seconds=2.0, start=11.0, besides=3 * 10**8, file=speeds)
    warm, cold = (estimate(hippocampus, volume(), cpu, cold=cold, speeds=speeds) for cold in (False, True))
    assert (warm.seconds, cold.seconds) == (warm.windows * 0.5, 11.0 + warm.windows * 0.5)
    assert warm.bytes == peak_bytes(hippocampus, network_shape(hippocampus, volume()), volume()) + 3 * 10**8


def test_maps_take_time_and_memory(hippocampus, tmp_path):
    speeds, cpu, maps = tmp_path / "speeds.json", Execution("cpu", "torch"), ("attention", "entropy")
    remember(hippocampus, cpu, windows=4, seconds=2.0, file=speeds)
    plain, shown = (estimate(hippocampus, volume(), cpu, maps=these, speeds=speeds) for these in ((), maps))
    assert shown.seconds == pytest.approx(1.5 * plain.seconds)
    assert shown.bytes > plain.bytes
    remember(hippocampus, cpu, windows=4, seconds=8.0, maps=maps, file=speeds)
    assert estimate(hippocampus, volume(), cpu, maps=maps, speeds=speeds).seconds == 2.0 * shown.windows
    assert estimate(hippocampus, volume(), cpu, speeds=speeds).seconds == plain.seconds


def test_a_shipped_bundle_of_several_images_names_each_of_them():
    bundle = describe_bundle("soft_tissue_sarcoma")
    assert [(slot.name, slot.modality) for slot in bundle.images] == [("t1", "MR"), ("ct", "CT"), ("pet", "PT")]
    assert bundle.optional
    assert bundle.window == (40, 40, 48)
    assert not bundle.streams  # the whole tumour is needed for its calibration
