"""Shapes of the configs in the model zoo: names by reference, channels of one image, names of labels, faults."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tiny_bundle
from zoo_bundle import METADATA, NETWORK, add_weights, config, write_bundle

from monai_attn.bundle.describe import describe_bundle
from monai_attn.bundle.ends import swap_ends
from monai_attn.bundle.faults import require_runnable
from monai_attn.bundle.inputs import case_inputs
from monai_attn.bundle.names import labels_of
from monai_attn.cases import find_cases, find_images
from monai_attn.cli.main import main
from monai_attn.errors import BundleError, FileError, InputError
from monai_attn.io import write
from monai_attn.io.label_file import read_label_file
from monai_attn.volume import Volume

CHANNELS = ("T1c", "T1", "T2", "FLAIR")


def brats(count: int = 4) -> dict:
    """Metadata of a bundle that takes the channels of one image."""
    named = {str(number): name for number, name in enumerate(CHANNELS[:count])}
    image = {"num_channels": count, "modality": "MR", "channel_def": named}
    outputs = METADATA["network_data_format"]["outputs"]
    return {**METADATA, "network_data_format": {"inputs": {"image": image}, "outputs": outputs}}


def case(folder: Path, count: int = 2) -> tuple[Path, list[Path]]:
    """The channels of one image as one 4-D file, and as a file each."""
    import nibabel

    generator = np.random.default_rng(0)
    arrays = [generator.normal(size=(20, 18, 16)).astype(np.float32) for _ in range(count)]
    nibabel.save(nibabel.Nifti1Image(np.stack(arrays, axis=-1), np.eye(4)), folder / "case_1.nii.gz")
    files = [folder / f"{name}.nii.gz" for name in CHANNELS[:count]]
    for path, array in zip(files, arrays, strict=True):
        write(Volume(array, np.eye(4)), path)
    return folder / "case_1.nii.gz", files


@pytest.mark.parametrize(
    "keys",
    [
        "@image_key",
        ["@image_key"],
        "$@image_key",
        "$[@image_key]",
        "$[@image_key, @label_key]",
        "$[@image_key] + ['label']",
    ],
)
def test_the_name_of_an_image_is_found_behind_references_and_plain_expressions(tmp_path, keys):
    inference = config(image_key="image", label_key="label")
    inference["preprocessing"]["transforms"][0]["keys"] = keys
    assert [one.name for one in describe_bundle(write_bundle(tmp_path / "spleen", inference)).images] == ["image"]


def test_channels_are_images_in_the_order_of_the_bundle(tmp_path):
    about = describe_bundle(write_bundle(tmp_path / "brats", metadata=brats()))
    assert (tuple(one.name for one in about.images), about.joined) == (CHANNELS, True)
    assert {one.modality for one in about.images} == {"MR"}


def test_channels_of_clicks_are_no_images():
    clicks = {"0": "image", "1": "positive clicks", "2": "Guidance"}
    image = {"num_channels": 3, "channel_def": clicks, "modality": "CT"}
    inputs, joined = case_inputs({"network_data_format": {"inputs": {"image": image}}}, ["image"])
    assert ([one.name for one in inputs], joined) == (["image"], False)


def test_the_volumes_of_one_file_are_the_channels(tmp_path):
    whole, files = case(tmp_path, 4)
    inputs, _ = case_inputs(brats(), ["image"])
    found = find_images(whole, inputs, joined=True)
    assert [(name, one.path.name, one.volume) for name, one in found.items()] == [
        (name, "case_1.nii.gz", number) for number, name in enumerate(CHANNELS)
    ]
    np.testing.assert_array_equal(found["T2"].read().array, find_images({"T2": files[2]}, inputs)["T2"].read().array)


def test_a_file_with_another_number_of_volumes_is_refused(tmp_path):
    whole, _ = case(tmp_path, 2)
    inputs, _ = case_inputs(brats(), ["image"])
    with pytest.raises(
        InputError, match=r"case_1\.nii\.gz holds 2 volumes, and the bundle takes 4 channels: T1c, T1, T2"
    ):
        find_images(whole, inputs, joined=True)


def test_the_names_of_images_may_be_written_small(tmp_path):
    _, files = case(tmp_path, 2)
    (found,) = find_cases([f"t1c={files[0]}", f"T1={files[1]}"], CHANNELS)
    assert found.source == {"T1c": files[0], "T1": files[1]}


@pytest.mark.parametrize(
    "said",
    [
        {"labels": {"background": 0, "spleen": 1}},
        {"labels": {"1": "spleen"}},
        {"label_names": ["background", "spleen"]},
        {"names": ["background", "spleen"], "output_labels": "@names"},
    ],
)
def test_names_of_labels_stand_in_the_inference_config(said):
    assert [(label.value, label.name) for label in labels_of({}, said)] == [(1, "spleen")]


@pytest.mark.parametrize(
    "said",
    [{"labels": ["liver", "spleen"]}, {"labels": {"a": 1, "b": "c"}}, {"labels": 3}, {"labels": {"0": "liver"}}, []],
)
def test_what_may_not_be_names_of_label_values_is_left_alone(said):
    assert not labels_of({}, said)


def test_a_file_gives_names_of_labels(tmp_path):
    (tmp_path / "names.json").write_text(json.dumps({"labels": {"1": "tumour", "2": "oedema"}}))
    assert [label.name for label in read_label_file(tmp_path / "names.json")] == ["tumour", "oedema"]
    (tmp_path / "names.tsv").write_text("index\tname\n1\ttumour\n")
    assert [label.name for label in read_label_file(tmp_path / "names.tsv")] == ["tumour"]
    (tmp_path / "none.json").write_text("{}")
    with pytest.raises(FileError, match=r"none\.json names no labels"):
        read_label_file(tmp_path / "none.json")
    with pytest.raises(FileError, match=r"gone\.json is no file of labels"):
        read_label_file(tmp_path / "gone.json")


def needing_a_label() -> dict:
    """A config whose transforms expect a label, as of a bundle that was only ever evaluated."""
    inference = config(image_key="image", label_key="label")
    inference["preprocessing"]["transforms"][0]["keys"] = ["@image_key", "@label_key"]
    inference["postprocessing"]["transforms"][1] |= {"keys": ["pred", "label"], "argmax": [True, False]}
    return inference


def test_a_label_that_is_needed_is_refused_early_with_the_cure(tmp_path, capsys):
    root = write_bundle(tmp_path / "cect", needing_a_label())
    (tmp_path / "t1.nii.gz").write_bytes(b"")
    assert main(["segment", str(tmp_path / "t1.nii.gz"), "-b", str(root), "-o", str(tmp_path / "out"), "--trust"]) == 2
    said = capsys.readouterr().err
    assert "cect cannot run as it is. It expects a label (key 'label')" in said
    cures = said.partition("Cure: ")[2].replace("--set", "").split()
    assert cures == [
        "preprocessing::transforms::0::allow_missing_keys=true",
        "postprocessing::transforms::1::allow_missing_keys=true",
    ]
    require_runnable(root, {one.partition("=")[0]: True for one in cures})
    with pytest.raises(BundleError, match="cannot run as it is"):
        require_runnable(root)


@pytest.mark.parametrize("name", ["LoadImaged", "LoadImageD", "LoadImageDict"])
def test_every_name_of_the_loader_reads_with_our_reader(name):
    swapped = swap_ends({"_target_": name, "keys": "image", "reader": "NumpyReader", "image_only": False})
    assert swapped == {"_target_": "monai_attn.transforms.LoadVolumed", "keys": "image", "image_only": False}


@pytest.mark.filterwarnings("ignore:NvImgCodecPydicomReader")  # of MONAI's own loader, where a decoder is missing
def test_four_ways_give_the_same_mask_of_channels(tmp_path):
    from monai.bundle import ConfigWorkflow

    from monai_attn import Segmenter, read

    whole, files = case(tmp_path, 2)
    inference = config(network_def={**NETWORK, "in_channels": 2})
    inference["preprocessing"]["transforms"][0] |= {"image_only": False, "reader": "NibabelReader"}
    inference["dataset"]["data"] = [{"image": str(whole)}]
    inference |= {key: tiny_bundle.config()[key] for key in ("dataloader", "evaluator", "run")}
    inference["postprocessing"]["transforms"][2] |= {"_disabled_": True}
    root = add_weights(write_bundle(tmp_path / "brats", inference, metadata=brats(2)), in_channels=2)
    workflow = ConfigWorkflow(
        str(root / "configs" / "inference.json"),
        str(root / "configs" / "metadata.json"),
        workflow_type="infer",
        bundle_root=str(root),
        logging_file=False,
    )
    workflow.initialize()
    workflow.run()
    expected = workflow.parser.get_parsed_content("evaluator").state.output[0]["pred"][0].numpy()
    segmenter = Segmenter.from_bundle(root, trust=True, backend="torch", device="cpu")
    volumes = [read(path) for path in files]
    named = dict(zip(CHANNELS, volumes, strict=False))
    for source in (whole, volumes, named, dict(zip(CHANNELS, files, strict=False))):
        np.testing.assert_array_equal(segmenter(source).labels.array, expected)
    with pytest.raises(InputError, match=r"needs T1c, T1; T1 is missing"):
        segmenter({"T1c": volumes[0]})
    common = ["-b", str(root), "--trust", "--quiet", "--backend", "torch", "-o"]
    assert main(["segment", str(whole), *common, str(tmp_path / "four")]) == 0
    (tmp_path / "names.json").write_text(json.dumps({"labels": {"1": "tumour", "2": "oedema"}}))
    assert main(["segment", str(whole), *common, str(tmp_path / "four"), "--labels", str(tmp_path / "names.json")]) == 2
    assert main(["segment", str(whole), *common, str(tmp_path / "n"), "--labels", str(tmp_path / "names.json")]) == 0
    record = json.loads((tmp_path / "n" / "case_1_seg.json").read_text())
    assert [label["name"] for label in record["labels"]] == ["tumour", "oedema"]
    assert main(["segment", f"t1c={files[0]}", f"T1={files[1]}", *common, str(tmp_path / "two")]) == 0
    for mask in (*(tmp_path / "four").glob("*_seg.nii.gz"), *(tmp_path / "two").glob("*_seg.nii.gz")):
        np.testing.assert_array_equal(read(mask).array, expected)


@pytest.mark.slow
@pytest.mark.parametrize("error", ["TypeError('a')", "ValueError('a')", "KeyError('a')", "StopIteration('a')"])
def test_what_a_bundles_own_code_raises_is_the_row_of_that_case(tmp_path, error, capsys):
    body = f"class Bad(SimpleInferer):\n    def __call__(self, *_):\n        raise {error}\n"
    script = f"from monai.inferers import SimpleInferer\n{body}"
    inference = config(inferer={"_target_": "scripts.bad.Bad"})
    root = add_weights(write_bundle(tmp_path / "bad", inference, scripts={"bad.py": script}))
    for name in ("a", "b"):
        write(Volume(np.zeros((16, 16, 16), np.float32) + np.arange(16, dtype=np.float32)), tmp_path / f"{name}.nii.gz")
    images = [str(tmp_path / "a.nii.gz"), str(tmp_path / "b.nii.gz")]
    assert (
        main(
            ["segment", *images, "-b", str(root), "--trust", "--quiet", "--backend", "torch", "-o", str(tmp_path / "o")]
        )
        == 2
    )
    said = capsys.readouterr().err
    for name in ("a", "b"):
        assert f"{name}: The bundle bad failed on this image: {error.partition('(')[0]}: " in said
