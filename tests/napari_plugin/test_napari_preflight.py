"""What is said before a run: windows counted as they will be, and a sentence for each thing that does not suit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tiny_bundle import METADATA, config, make_bundle

from monai_attn import Box, Segmenter, Volume
from monai_attn.errors import BundleError
from monai_attn.inferers.windows import lay_windows
from monai_attn.napari.segment.estimate import count_windows, network_shape, peak_bytes, remember, seconds_per_window
from monai_attn.napari.segment.needs import Slot, needs_of
from monai_attn.napari.segment.preflight import preflight, time_text


def volume(shape=(40, 48, 20), spacing_mm=(0.9, 1.1, 2.4), modality="MR", fill=0.0) -> Volume:
    """Left-handed, rotated about the axis of the body by 12 degrees, anisotropic."""
    turn = np.radians(12)
    affine = np.eye(4)
    affine[:3, :3] = [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
    affine[:3, :3] = affine[:3, :3] @ np.diag([-1.0, 1.0, 1.0]) @ np.diag(spacing_mm)
    return Volume(np.full(shape, fill, dtype=np.float32), affine, modality=modality)


def texts(result, severity: str) -> str:
    return " ".join(finding.text for finding in result.findings if finding.severity == severity)


@pytest.fixture(scope="module")
def hippocampus():
    return needs_of("hippocampus_mri")


def test_a_shipped_bundle_tells_what_it_needs_from_its_json_alone(hippocampus):
    assert hippocampus.slots == (Slot("image", "MR", "T1-weighted MRI"),)
    assert (hippocampus.joined, hippocampus.optional) == (False, False)
    assert hippocampus.pixdim_mm == (1.0, 1.0, 1.0)
    assert hippocampus.window == (40, 56, 40)
    assert (hippocampus.overlap, hippocampus.runs, hippocampus.classes) == ((0.5,) * 3, 2, 3)
    assert hippocampus.structures == ("anterior hippocampus", "posterior hippocampus")


def test_the_id_of_the_overlap_is_the_bundles_own(tmp_path):
    assert needs_of("hippocampus_mri").overlap_id == "inferer::inferer::overlap"
    assert needs_of("soft_tissue_sarcoma").overlap_id == "inferer::overlap"
    inference = config()
    inference["inferer"] = {"_target_": "SimpleInferer"}
    assert needs_of(make_bundle(tmp_path / "simple", inference)).overlap_id == ""


def test_an_override_changes_what_is_expected():
    needs = needs_of("hippocampus_mri", {"inferer::inferer::overlap": 0.0, "inferer#axes": []})
    assert (needs.overlap, needs.runs) == ((0.0,) * 3, 1)


def test_references_are_followed_and_expressions_are_left_unknown(tmp_path):
    inference = config()
    inference["size"] = {"window": [24, 16, 8]}
    inference["inferer"]["roi_size"] = "@size::window"
    inference["preprocessing"]["transforms"][3]["pixdim"] = "$[1.0] * 3"
    needs = needs_of(make_bundle(tmp_path / "somebodys", inference))
    assert needs.window == (24, 16, 8)
    assert needs.pixdim_mm is None
    assert needs.classes == 3


def test_channels_of_one_input_have_the_names_of_the_metadata(tmp_path, monkeypatch):
    inputs = {"image": {"num_channels": 2, "modality": "MR", "channel_def": {"0": "T1c", "1": "FLAIR"}}}
    monkeypatch.setitem(METADATA["network_data_format"], "inputs", inputs)
    needs = needs_of(make_bundle(tmp_path / "two"))
    assert needs.slots == (Slot("T1c", "MR"), Slot("FLAIR", "MR"))
    assert needs.joined
    result = preflight(needs, {"T1c": volume(), "FLAIR": volume((20, 20, 20))})
    assert "FLAIR has another grid than T1c" in texts(result, "error")
    assert "needs an image for FLAIR (MR)" in texts(preflight(needs, {"T1c": volume()}), "error")


def test_a_damaged_config_is_said(tmp_path):
    root = make_bundle(tmp_path / "broken")
    (root / "configs" / "inference.json").write_text("{")
    with pytest.raises(BundleError, match=r"broken/configs/inference.json cannot be read"):
        needs_of(root)


@pytest.mark.parametrize("shape", [(26, 31, 14), (40, 9, 33), (16, 16, 16)])
@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.75])
def test_the_windows_foretold_are_the_windows_that_run(tmp_path, shape, overlap):
    root = make_bundle(tmp_path / "somebodys")
    overrides = {"inferer::overlap": overlap}
    seen: list[int] = []
    image = volume(shape)
    image = image.with_array(np.random.default_rng(0).normal(size=shape).astype(np.float32))
    Segmenter.from_bundle(root, overrides=overrides, trust=True)(image, progress=seen.append)
    needs = needs_of(root, overrides)
    assert count_windows(needs, network_shape(needs, image)) == seen[-1]


STREAMS = {
    "_target_": "monai_attn.inferers.StreamingInferer",
    "roi_size": [16, 24, -1],
    "overlap": [0.5, 0.25, 0],
    "labels": {"_target_": "monai_attn.transforms.SourceLabels"},
}


def test_the_windows_of_a_streaming_inferer_are_counted_and_its_memory_is_a_row_of_them(tmp_path):
    inference = config()
    inference["inferer"] = STREAMS
    needs = needs_of(make_bundle(tmp_path / "streams", inference))
    assert (needs.window, needs.overlap) == ((16, 24, 0), (0.5, 0.25, 0.0))
    assert (needs.streams, needs.skips_air) == (True, False)
    for shape in [(50, 60, 33), (16, 20, 7), (17, 24, 90)]:
        assert count_windows(needs, shape) == len(lay_windows(shape, STREAMS["roi_size"], STREAMS["overlap"]))
    many, image = replace(needs, classes=100), volume((256, 256, 256))
    whole = peak_bytes(replace(many, streams=False), image.shape, image)
    assert peak_bytes(many, image.shape, image) < whole / 10
    assert not preflight(needs, {"image": image}).at_most
    aired = needs_of(needs.root, {"inferer::air": -0.9})
    assert time_text(preflight(aired, {"image": image})).startswith("at most ")


def test_a_window_given_as_one_number_is_that_of_all_axes(tmp_path):
    inference = config()
    inference["inferer"] = {"_target_": "SlidingWindowInferer", "roi_size": 16, "overlap": 0.5}
    needs = needs_of(make_bundle(tmp_path / "one", inference))
    assert (needs.window, needs.overlap) == ((16,) * 3, (0.5,) * 3)


def test_no_sliding_window_no_count(hippocampus):
    assert count_windows(replace(hippocampus, window=None), (40, 40, 40)) is None
    assert time_text(preflight(replace(hippocampus, window=None), {})) == "Time: not known before the first run."


def test_an_image_of_the_right_kind_has_no_warning(hippocampus):
    result = preflight(hippocampus, {"image": volume((36, 52, 18), (1, 1, 2))}, memory=10**12)
    assert result.ready
    assert texts(result, "warning") == texts(result, "error") == ""


@pytest.mark.parametrize(
    ("image", "severity", "sentence"),
    [
        (volume(modality="CT"), "error", "hippocampus_mri is for MR, and this image is CT"),
        (volume(modality="", fill=-1000.0), "warning", "values down to -1000 look like CT"),
        (volume(modality=""), "note", "does not tell its modality; the bundle is for MR"),
        (volume(spacing_mm=(1, 1, 5)), "warning", "voxels up to 5 mm apart; the bundle works at 1 x 1 x 1 mm"),
        (volume((160, 200, 80), (0.2, 0.2, 0.5)), "note", "voxels of 0.2 mm"),
        (volume((200, 200, 100)), "warning", "trained on 31-43 x 40-59 x 24-47 mm"),
        (volume((10, 10, 10)), "warning", "spans only"),
        (volume((40, 48, 1)), "warning", "one voxel thick"),
        (replace(volume(), notes=("A slice was missing.",)), "note", "image: A slice was missing."),
    ],
)
def test_what_does_not_suit_is_said(hippocampus, image, severity, sentence):
    result = preflight(hippocampus, {"image": image})
    assert sentence in texts(result, severity)
    assert result.ready == (severity != "error")


def test_a_region_counts_and_one_beside_the_image_is_an_error(hippocampus):
    head = volume((200, 220, 90))
    middle = tuple(head.to_world((100, 110, 45)))
    region = Box.around(middle, (40, 50, 40))
    whole, part = preflight(hippocampus, {"image": head}), preflight(hippocampus, {"image": head}, region=region)
    assert part.windows < whole.windows
    assert part.bytes < whole.bytes
    assert texts(part, "warning") == ""
    beside = preflight(hippocampus, {"image": head}, region=Box((900, 0, 0), (910, 5, 5)))
    assert "lies outside the image" in texts(beside, "error")


def test_too_little_memory_is_a_warning_with_the_way_out(hippocampus):
    result = preflight(hippocampus, {"image": volume()}, memory=10**8)
    assert "GiB of memory are needed and 0.1 GiB are free. Draw a region" in texts(result, "warning")


def test_the_time_is_a_guess_until_a_run_was_measured(hippocampus, tmp_path):
    speeds = tmp_path / "cache" / "speeds.json"
    first = preflight(hippocampus, {"image": volume()}, speeds=speeds)
    assert "a guess before the first run" in time_text(first)
    remember(hippocampus, "cpu", "torch", windows=8, seconds=2.0, file=speeds)
    second = preflight(hippocampus, {"image": volume()}, speeds=speeds)
    assert second.seconds == pytest.approx(second.windows * 0.25)
    assert "as timed on this machine" in time_text(second)
    assert seconds_per_window(hippocampus, "cuda", "torch", file=speeds)[1] is False
    speeds.write_text("[]")
    assert seconds_per_window(hippocampus, "cpu", "torch", file=speeds)[1] is False


def test_several_images_are_optional_where_the_metadata_list_them(hippocampus):
    slots = (Slot("t1", "MR"), Slot("ct", "CT"), Slot("pet", "PT"))
    needs = replace(hippocampus, slots=slots, optional=True, field_mm=None)
    only_ct = preflight(needs, {"ct": volume(modality="CT", fill=-1000.0)})
    assert only_ct.ready
    assert "Without t1, pet the mask will be less certain" in texts(only_ct, "warning")
    assert not preflight(needs, {}).ready
    mixed = {
        "t1": replace(volume(), frame_of_reference="1.2"),
        "ct": replace(volume(modality="CT"), frame_of_reference="1.3"),
    }
    assert "different frames of reference: register them first" in texts(preflight(needs, mixed), "error")


def test_a_shipped_bundle_of_several_images_names_each_of_them():
    needs = needs_of("soft_tissue_sarcoma")
    assert [(slot.name, slot.modality) for slot in needs.slots] == [("t1", "MR"), ("ct", "CT"), ("pet", "PT")]
    assert needs.optional
    assert needs.window == (40, 40, 48)
    assert needs.streams
