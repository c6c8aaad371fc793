"""What every bundle in `bundles/` keeps: the files, the metadata, the properties, the exports."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from monai.bundle import ConfigParser, ConfigWorkflow, load
from workbench import BUNDLES, NAMES, config, configs, is_mean, monai_bundle

from monai_attn.labels import LabelTable

REQUIRED = (
    "LICENSE",
    "configs/metadata.json",
    "configs/train.json",
    "configs/evaluate.json",
    "configs/inference.json",
    "configs/multi_gpu_train.json",
    "configs/logging.conf",
    "docs/README.md",
    "docs/data_license.txt",
)

WORKFLOWS = {
    "train": ("train", ("train",)),
    "multi_gpu_train": ("train", ("train", "multi_gpu_train")),
    "inference": ("infer", ("inference",)),
    "evaluate": ("infer", ("train", "evaluate")),
    "evaluate as inference does": ("infer", ("inference", "evaluate")),
}

TIE = 1e-3
"""Logits this close are a tie: exported networks add in another order, which is worth about 1e-5."""

SECURITY_NOTE = "ignore:parsing config_file:UserWarning"


@pytest.mark.parametrize("original", BUNDLES, ids=NAMES)
def test_the_files_of_the_zoo_are_there(original):
    assert [name for name in REQUIRED if not (original / name).is_file()] == []
    assert "Research use" in (original / "docs" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("original", BUNDLES, ids=NAMES)
def test_the_weights_are_shipped(original):
    if not (original / "models" / "model.pt").is_file():
        pytest.skip("models/model.pt is not there yet")
    state = torch.load(original / "models" / "model.pt", weights_only=True)
    assert all(isinstance(value, torch.Tensor) for value in state.values())


def test_the_metadata_tells_what_it_must(bundle):
    metadata = config(bundle, "metadata")
    assert metadata["version"] in metadata["changelog"]
    assert "optional_packages_version" not in metadata
    outputs = metadata["network_data_format"]["outputs"]["pred"]
    names = {int(value): name for value, name in outputs["channel_def"].items()}
    assert {label.value: label.name for label in LabelTable.from_json(metadata["labels"])} == {
        value: name for value, name in names.items() if value
    }
    assert len(names) == outputs["num_channels"]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_property_is_missing(bundle, dataset, name, monkeypatch, tmp_path):
    one_process = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
    for variable, value in one_process.items():  # as torchrun does; only multi_gpu_train looks at them
        monkeypatch.setenv(variable, value)
    kind, files = WORKFLOWS[name]
    overrides = {"dataset_dir": str(dataset), "output_dir": str(tmp_path)}
    if kind == "train":
        overrides["tensorboard"] = False
    paths = [str(bundle / "configs" / f"{file}.json") for file in files]
    workflow = ConfigWorkflow(paths, workflow_type=kind, logging_file=False, **overrides)
    workflow.initialize()
    try:
        assert workflow.check_properties() == []
        assert workflow.bundle_root == str(bundle)
    finally:
        workflow.finalize()


def test_network_and_preprocessing_are_the_same_in_training_and_inference(bundle):
    train, inference = config(bundle, "train"), config(bundle, "inference")
    networks = inference["network_def"]["network"] if is_mean(bundle) else [inference["network_def"]]
    assert train["network_def"] == networks[-1]  # of several kinds, the one that is trained now
    assert steps(train) == steps(inference)
    inferers = [filled(one["inferer"], one) for one in (train, inference)]
    inferers[1].pop("labels", None)  # of finished slabs at once; training compares logits
    assert inferers[0] == inferers[1]


def filled(node: Any, content: dict[str, Any]) -> Any:
    """A part of a config with the plain values in it that are written as references, such as "@roi_size"."""
    text = json.dumps(node)
    for key, value in content.items():
        if not isinstance(value, dict):
            text = text.replace(f'"@{key}"', json.dumps(value))
    return json.loads(text)


def steps(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The preprocessing of the images: what is done to the labels of training is left out."""
    transforms = filled([*content["preprocessing"]["transforms"], *content.get("joining", [])], content)
    of_images = []
    for transform in transforms:
        keys = [transform["keys"]] if isinstance(transform["keys"], str) else transform["keys"]
        if keys == ["label"]:
            continue
        for name in ("keys", "mode"):
            value = transform.get(name)
            if isinstance(value, list) and "label" in keys:
                kept = value[: keys.index("label")]
                transform[name] = kept[0] if len(kept) == 1 else kept
        of_images.append(transform)
    return of_images


@pytest.mark.filterwarnings(SECURITY_NOTE)
@pytest.mark.parametrize("kind", ["train", "inference"])
def test_load_gives_the_network_with_its_weights(bundle, kind, monkeypatch, tmp_path):
    if kind == "train" and is_mean(bundle):
        pytest.skip("the weights are those of several networks of the training's kind")
    monkeypatch.chdir(tmp_path)
    network = load(bundle.name, bundle_dir=bundle.parent, workflow_type=kind, device="cpu")
    state = torch.load(bundle / "models" / "model.pt", weights_only=True)
    assert isinstance(network, torch.nn.Module)
    assert all(torch.equal(value, state[name].to(value)) for name, value in network.state_dict().items())


def test_the_metadata_is_verified_without_a_network(bundle, tmp_path):
    schema = bundle / "docs" / "meta_schema_20240725.json"
    arguments = ("verify_metadata", "--meta_file", bundle / "configs" / "metadata.json", "--filepath", schema)
    done = monai_bundle(*arguments, cwd=tmp_path)
    assert done.code == 0, done.text
    assert "metadata is verified with no error" in done.text


def test_the_network_takes_and_gives_what_the_metadata_says(bundle, tmp_path):
    done = monai_bundle(
        *("verify_net_in_out", "--net_id", "network_def", "--n", 2, "--config_file", configs(bundle, "inference")),
        *("--meta_file", bundle / "configs" / "metadata.json"),
        cwd=tmp_path,
    )
    assert done.code == 0, done.text


@pytest.mark.filterwarnings("ignore:`torch.jit.load` is deprecated:DeprecationWarning")
def test_torchscript_and_onnx_give_the_same_labels(bundle, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    weights = bundle / "models" / "model.pt"
    channels = config(bundle, "metadata")["network_data_format"]["inputs"]["image"]["num_channels"]
    common = ("--config_file", configs(bundle, "inference"), "--meta_file", bundle / "configs" / "metadata.json")
    common += ("--net_id", "network_def", "--ckpt_file", weights)
    script = monai_bundle("ckpt_export", *common, "--filepath", tmp_path / "model.ts", cwd=tmp_path)
    assert script.code == 0, script.text
    axes = {"i": dict(zip((0, 2, 3, 4), "nxyz", strict=True))}
    options = {"input_names": ["i"], "output_names": ["o"], "dynamic_axes": axes, "dynamo": False}
    onnx = monai_bundle(
        *("onnx_export", *common, "--filepath", tmp_path / "model.onnx", "--use_trace", True),
        *("--input_shape", f"[1, {channels}, 32, 32, 32]", "--converter_kwargs", str(options)),
        cwd=tmp_path,
    )
    assert onnx.code == 0, onnx.text

    parser = ConfigParser()
    parser.read_config(configs(bundle, "inference"))
    network = parser.get_parsed_content("network_def").eval()
    network.load_state_dict(torch.load(weights, weights_only=True))
    session = runtime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    scripted = torch.jit.load(tmp_path / "model.ts")
    for shape in ((32, 32, 32), (40, 56, 40)):
        image = torch.rand(1, channels, *shape, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            logits = network(image)
            others = (scripted(image), torch.from_numpy(session.run(None, {"i": image.numpy()})[0]))
        best, second = logits.topk(2, dim=1).values.unbind(1)
        clear = best - second > TIE
        assert clear.float().mean() > 0.999
        for other in others:
            assert torch.equal(other.argmax(1)[clear], logits.argmax(1)[clear])
