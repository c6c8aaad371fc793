"""Before a run: a sentence for each thing that does not suit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from preflight_images import volume
from tiny_bundle import METADATA, make_bundle

from monai_attn import Box
from monai_attn.bundle.describe import describe_bundle
from monai_attn.bundle.inputs import ImageInput
from monai_attn.preflight.outlook import outlook


def texts(result, severity: str) -> str:
    return " ".join(finding.text for finding in result.findings if finding.severity == severity)


@pytest.fixture(scope="module")
def hippocampus():
    return describe_bundle("hippocampus_mri")


def test_channels_of_one_input_have_the_names_of_the_metadata(tmp_path, monkeypatch):
    inputs = {"image": {"num_channels": 2, "modality": "MR", "channel_def": {"0": "T1c", "1": "FLAIR"}}}
    monkeypatch.setitem(METADATA["network_data_format"], "inputs", inputs)
    bundle = describe_bundle(make_bundle(tmp_path / "two"))
    assert bundle.images == (ImageInput("T1c", "MR"), ImageInput("FLAIR", "MR"))
    assert bundle.joined
    result = outlook(bundle, {"T1c": volume(), "FLAIR": volume((20, 20, 20))})
    assert "FLAIR has another grid than T1c" in texts(result, "error")
    assert "needs an image for FLAIR (MR)" in texts(outlook(bundle, {"T1c": volume()}), "error")


def test_an_image_of_the_right_kind_has_no_warning(hippocampus):
    result = outlook(hippocampus, {"image": volume((36, 52, 18), (1, 1, 2))}, memory=10**12)
    assert result.ready
    assert texts(result, "warning") == texts(result, "error") == ""


@pytest.mark.parametrize(
    ("image", "severity", "sentence"),
    [
        (volume(modality="CT"), "error", "hippocampus_mri is for MR, and this image is CT"),
        (volume(modality="US"), "error", "hippocampus_mri is for MR, and this image is US"),
        (volume(modality="", fill=-1000.0), "warning", "values down to -1000 look like CT"),
        (volume().with_array(np.zeros((40, 48, 20), np.int16)), "error", "The image is blank"),
        (volume(modality=""), "note", "does not tell its modality; the bundle (model) is for MR"),
        (
            volume((40, 48, 9), (1, 1, 5)),
            "warning",
            "The image has voxels of 5 mm, the training images of at most 1 mm",
        ),
        (volume((160, 200, 80), (0.2, 0.2, 0.5)), "note", "voxels of 0.2 mm"),
        (volume((200, 200, 100)), "note", "the regions left and right will be found in it first"),
        (volume((200, 200, 100)).with_array(np.zeros((200, 200, 100), np.int16)), "error", "The image is blank"),
        (volume((10, 10, 10)), "warning", "In a smaller image the network sees too little around the structure"),
        (volume((40, 48, 1)), "warning", "one voxel thick"),
        (replace(volume(), notes=("A slice was missing.",)), "note", "image: A slice was missing."),
    ],
)
def test_what_does_not_suit_is_said(hippocampus, image, severity, sentence):
    result = outlook(hippocampus, {"image": image})
    assert sentence in texts(result, severity)
    assert result.ready == (severity != "error")


def test_a_far_too_large_image_is_an_error_without_a_finder(hippocampus):
    result = outlook(replace(hippocampus, finder=None), {"image": volume((200, 200, 100))})
    assert "the training images measured 31-43 x 40-59 x 26-47 mm" in texts(result, "error")


def test_a_region_counts_and_one_beside_the_image_is_an_error(hippocampus):
    head = volume((200, 200, 108), (0.9, 1.1, 2.0))
    middle = tuple(head.to_world((100, 100, 54)))
    region = Box.around(middle, (40, 50, 40))
    whole, part = outlook(hippocampus, {"image": head}), outlook(hippocampus, {"image": head}, region=region)
    sides = outlook(hippocampus, {"image": head}, region={"left": region, "right": region})
    assert sides.estimate.windows == 2 * part.estimate.windows == whole.estimate.windows
    whole = outlook(replace(hippocampus, finder=None), {"image": head})
    assert part.estimate.windows < whole.estimate.windows
    assert part.estimate.bytes < whole.estimate.bytes
    assert texts(part, "warning") == ""
    beside = outlook(hippocampus, {"image": head}, region=Box((900, 0, 0), (910, 5, 5)))
    assert "lies outside the image" in texts(beside, "error")


def test_too_little_memory_is_a_warning_with_the_way_out(hippocampus):
    result = outlook(hippocampus, {"image": volume()}, memory=10**8)
    assert "GiB of memory are needed and 0.1 GiB are free. Draw a region" in texts(result, "warning")


def test_several_images_are_optional_where_the_metadata_list_them(hippocampus):
    slots = (ImageInput("t1", "MR"), ImageInput("ct", "CT"), ImageInput("pet", "PT"))
    bundle = replace(hippocampus, images=slots, optional=True, made_for={})
    only_ct = outlook(bundle, {"ct": volume(modality="CT", fill=-1000.0)})
    assert only_ct.ready
    assert "Without t1, pet the mask will be less certain" in texts(only_ct, "warning")
    assert not outlook(bundle, {}).ready
    mixed = {
        "t1": replace(volume(), frame_of_reference="1.2"),
        "ct": replace(volume(modality="CT"), frame_of_reference="1.3"),
    }
    assert "different frames of reference: register them first" in texts(outlook(bundle, mixed), "error")


def test_a_bundle_that_does_not_say_on_what_it_was_trained_has_its_grid_compared(hippocampus):
    unknown = replace(hippocampus, made_for={})
    coarse = outlook(unknown, {"image": volume(spacing_mm=(1, 1, 5))})
    assert "voxels up to 5 mm apart; the bundle (model) works at 1 x 1 x 1 mm" in texts(coarse, "warning")
    assert "one voxel thick" in texts(outlook(unknown, {"image": volume((40, 48, 1))}), "warning")
    assert outlook(unknown, {"image": volume((200, 200, 100))}).ready


def test_an_image_in_another_unit_is_an_error(hippocampus):
    pet = replace(hippocampus, images=(ImageInput("pet", "PT", unit="g/ml"),), made_for={})
    image = replace(volume(modality="PT"), unit="Bq/ml")
    assert "needs values in g/ml" in texts(outlook(pet, {"pet": image}), "error")
