"""Pictures in two dimensions: read as channels, and segmented by bundles that take them in colour."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from tiny_bundle import CONFIG
from zoo_bundle import METADATA, add_weights, config, write_bundle

from monai_attn.bundle.describe import describe_bundle
from monai_attn.cases import find_cases
from monai_attn.cli.main import main
from monai_attn.errors import FileError, InputError
from monai_attn.io import count_volumes, read

ENDINGS = ["png", "bmp", "tif", "tiff"]


def picture(path, *, colour: bool = True, size=(40, 24)):
    shape = (*size[::-1], 3) if colour else size[::-1]
    array = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    Image.fromarray(array).save(path)
    return array


def endoscopy() -> tuple[dict, dict]:
    """Config and metadata of a bundle that takes pictures in colour."""
    inference = config(
        network_def={
            "_target_": "UNet",
            "spatial_dims": 2,
            "in_channels": 3,
            "out_channels": 2,
            "channels": [4, 8],
            "strides": [2],
        },
        inferer={"_target_": "SimpleInferer"},
    )
    inference["preprocessing"]["transforms"] = [
        {"_target_": "LoadImaged", "keys": "image", "image_only": False},
        {"_target_": "EnsureChannelFirstd", "keys": "image", "channel_dim": -1},
        {"_target_": "Resized", "keys": ["image"], "spatial_size": [32, 32], "mode": ["bilinear"]},
        {"_target_": "ScaleIntensityd", "keys": ["image"]},
    ]
    steps = inference["postprocessing"]["transforms"]
    steps[1] |= {"to_onehot": 2}
    steps[2:2] = [{"_target_": "Lambdad", "keys": ["pred"], "func": "$lambda x : x[1:]"}]
    image = {"format": "RGB", "modality": "regular", "num_channels": 3, "channel_def": {"0": "R", "1": "G", "2": "B"}}
    pred = {"num_channels": 2, "channel_def": {"0": "background", "1": "tools"}}
    return inference, {**METADATA, "network_data_format": {"inputs": {"image": image}, "outputs": {"pred": pred}}}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_picture_in_colour_is_three_volumes(tmp_path, ending):
    path = tmp_path / f"frame.{ending}"
    array = picture(path)
    assert count_volumes(path) == 3
    green = read(path, volume=1)
    np.testing.assert_array_equal(green.array[:, :, 0], array[:, :, 1].T)
    assert (green.shape, green.spacing_mm, green.orientation) == ((40, 24, 1), (1.0, 1.0, 1.0), "LPS")
    assert "says nothing of its size in mm" in green.notes[0]
    with pytest.raises(InputError, match=r"is a picture in colour\. Choose red, green or blue with volume=0, 1 or 2"):
        read(path)
    with pytest.raises(InputError, match=r"has 3 channels, the first is 0, not 3"):
        read(path, volume=3)


def test_a_picture_in_grey_is_one_volume_also_with_sixteen_bits(tmp_path):
    Image.fromarray((np.arange(12, dtype=np.uint16) * 5000).reshape(3, 4)).save(tmp_path / "grey.png")
    assert count_volumes(tmp_path / "grey.png") == 1
    assert read(tmp_path / "grey.png").array.max() == 55000


def test_transparency_is_left_out_and_pages_are_refused(tmp_path):
    Image.fromarray(np.zeros((3, 4, 4), np.uint8), "RGBA").save(tmp_path / "clear.png")
    assert count_volumes(tmp_path / "clear.png") == 3
    page = Image.fromarray(np.zeros((3, 4), np.uint8))
    page.save(tmp_path / "pages.tif", save_all=True, append_images=[page])
    with pytest.raises(FileError, match=r"pages\.tif holds 2 pages"):
        read(tmp_path / "pages.tif")


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n", b"no picture"])
def test_a_damaged_picture_is_one_sentence(tmp_path, content):
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(FileError, match=r"bad\.png"):
        read(tmp_path / "bad.png", volume=0)
    with pytest.raises(FileError, match=r"bad\.png"):
        count_volumes(tmp_path / "bad.png")


def test_pictures_in_a_folder_are_no_cases_by_themselves(tmp_path):
    picture(tmp_path / "screenshot.png")
    (found,) = find_cases([tmp_path])
    assert found.source == tmp_path  # a folder that may hold DICOM


@pytest.mark.filterwarnings("ignore:NvImgCodecPydicomReader")  # of MONAI's own loader, where a decoder is missing
def test_a_bundle_of_pictures_gives_the_same_mask_everywhere(tmp_path, capsys):
    from monai.bundle import ConfigWorkflow

    from monai_attn import Segmenter

    inference, metadata = endoscopy()
    root = write_bundle(tmp_path / "tools", inference, metadata=metadata)
    add_weights(root, **inference["network_def"])
    about = describe_bundle(root)
    assert (about.colour, about.joined, [one.name for one in about.images]) == (True, True, ["R", "G", "B"])
    assert [label.name for label in about.labels] == ["tools"]
    assert main(["info", str(root)]) == 0
    assert "a picture in colour" in capsys.readouterr().out
    path = tmp_path / "frame.png"
    picture(path)
    inference |= {"dataloader": {"_target_": "DataLoader", "dataset": "@dataset"}}
    inference["dataset"]["data"] = [{"image": str(path)}]
    inference["postprocessing"]["transforms"][3] |= {"_disabled_": True}
    inference["evaluator"] = CONFIG["evaluator"]
    written = write_bundle(tmp_path / "theirs" / "tools", inference, metadata=metadata) / "configs"
    workflow = ConfigWorkflow(
        str(written / "inference.json"),
        str(written / "metadata.json"),
        workflow_type="infer",
        bundle_root=str(root),
        logging_file=False,
    )
    workflow.initialize()
    evaluator = workflow.parser.get_parsed_content("evaluator")
    evaluator.run()
    theirs = evaluator.state.output[0]["pred"][0].numpy()
    segmenter = Segmenter.from_bundle(root, trust=True, backend="torch", device="cpu")
    np.testing.assert_array_equal(segmenter(path).labels.array[:, :, 0], theirs)
    assert len(np.unique(theirs)) == 2
    grey = tmp_path / "grey.png"
    picture(grey, colour=False)
    with pytest.raises(InputError, match=r"grey\.png holds 1 volume, and the bundle takes 3 channels"):
        segmenter(grey)
