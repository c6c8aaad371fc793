"""The streaming inferer gives what MONAI's sliding window gives, and keeps little."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
import torch
from monai.data import DataLoader, Dataset, MetaTensor, decollate_batch, list_data_collate
from monai.engines import SupervisedEvaluator
from monai.inferers import SlidingWindowInferer
from monai.transforms import AsDiscreted, Compose, Invertd, Orientationd, Spacingd, SpatialPadd
from torch import nn

from monai_attn.errors import InputError
from monai_attn.inferers import CPUAutocastInferer, FlippedInferer, StreamingInferer
from monai_attn.inferers.slabs import WindowMean
from monai_attn.inferers.watching import RunWatch
from monai_attn.transforms import LabelsOnSourced, LoadVolumed, SourceLabels
from monai_attn.volume import Volume

ROI = (16, 16, 16)


class Network(nn.Module):
    """A cheap network whose outputs depend on where the window's border is; `kind` says what it gives."""

    def __init__(self, kind: str = "tensor", classes: int = 4) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Conv3d(1, classes, 5, padding=2)
        self.kind = kind
        self.windows = 0

    def forward(self, x):
        self.windows += len(x)
        logits = torch.tanh(self.layer(x)) * 3
        coarse = nn.functional.avg_pool3d(logits, 2)
        return {"tensor": logits, "tuple": (logits, coarse), "mapping": {"logits": logits, "map": coarse[:, :1]}}[
            self.kind
        ]


def tensors(outputs) -> dict:
    if isinstance(outputs, torch.Tensor):
        return {0: outputs}
    return outputs if isinstance(outputs, dict) else dict(enumerate(outputs))


@torch.no_grad()
@pytest.mark.parametrize(
    ("size", "options"),
    [
        ((30, 25, 40), {"overlap": 0.5, "mode": "gaussian"}),
        ((30, 25, 40), {"overlap": 0.25, "mode": "constant", "sw_batch_size": 3}),
        ((30, 24, 41), {"overlap": (0.5, 0.2, 0.8), "mode": "gaussian", "roi_size": (16, 8, 10)}),
        ((30, 24, 41), {"overlap": 0, "mode": "gaussian", "roi_size": (16, -1, 16), "sigma_scale": 0.2}),
        ((10, 25, 40), {"overlap": 0.5, "mode": "gaussian", "padding_mode": "reflect"}),
        ((11, 9, 8), {"overlap": 0.5, "mode": "gaussian", "cval": 0.7}),
        ((16, 16, 16), {"roi_size": 16}),
    ],
)
def test_logits_are_those_of_the_usual_sliding_window(size, options):
    image = torch.randn(2, 1, *size, generator=torch.Generator().manual_seed(1))
    options = {"roi_size": ROI, "sw_batch_size": 1, **options}
    network = Network()
    expected = SlidingWindowInferer(**options)(image, network)
    usual, network.windows = network.windows, 0
    found = StreamingInferer(**options)(image, network)
    assert found.dtype == expected.dtype
    assert torch.allclose(found, expected, atol=1e-5, rtol=0)
    assert network.windows == usual


@torch.no_grad()
@pytest.mark.parametrize("kind", ["tuple", "mapping"])
@pytest.mark.parametrize("size", [(30, 24, 40), (50, 25, 10)])
def test_several_outputs_at_several_resolutions(kind, size):
    image = torch.randn(1, 1, *size, generator=torch.Generator().manual_seed(1))
    expected = SlidingWindowInferer(ROI, 2, 0.5, "gaussian")(image, Network(kind))
    found = StreamingInferer(ROI, 2, 0.5, "gaussian")(image, Network(kind))
    assert type(found) is type(expected)
    for name, output in tensors(expected).items():
        assert torch.allclose(tensors(found)[name], output, atol=1e-5, rtol=0)


def test_reduced_precision_is_summed_in_float32():
    image = torch.randn(1, 1, 20, 20, 20)
    with torch.no_grad():
        found = StreamingInferer(ROI, 1, 0.5, "gaussian")(image, lambda x: x.half())
    assert found.dtype == torch.float32
    assert torch.allclose(found, image, atol=2e-3)


@pytest.fixture
def volume() -> Volume:
    array = np.random.default_rng(0).normal(size=(40, 44, 23)).astype(np.float32)
    return Volume(array, np.diag([-0.8, 0.9, 2.0, 1.0]))


@pytest.fixture
def preprocessing() -> Compose:
    return Compose(
        [
            LoadVolumed("image", ensure_channel_first=True),
            Orientationd("image", "PSR", labels=None),
            Spacingd("image", (1.2, 1.2, 1.2), mode="bilinear"),
            SpatialPadd("image", (20, 50, 20)),
        ]
    )


def usual_labels(preprocessing: Compose, batch: dict, network: nn.Module) -> torch.Tensor:
    with torch.no_grad():
        logits = SlidingWindowInferer(ROI, 2, 0.5, "gaussian")(batch["image"], network)
    invert = Invertd("pred", transform=preprocessing, orig_keys="image", nearest_interp=False)
    logits = logits["logits"] if isinstance(logits, dict) else logits
    case = Compose([invert, AsDiscreted("pred", argmax=True)])(decollate_batch({**batch, "pred": logits})[0])
    return case["pred"]


@torch.no_grad()
@pytest.mark.parametrize("kind", ["tensor", "mapping"])
def test_labels_on_the_source_grid_as_by_the_usual_way(volume, preprocessing, kind):
    batch = list_data_collate([preprocessing({"image": volume})])
    network = Network(kind)
    inferer = StreamingInferer(ROI, 2, 0.5, "gaussian", labels=SourceLabels())
    outputs = inferer(batch["image"], network)
    labels = outputs["logits"] if kind == "mapping" else outputs
    assert labels.dtype == torch.uint8
    (case,) = decollate_batch({**batch, "pred": labels})
    case = LabelsOnSourced("pred")(case)
    assert np.allclose(case["pred"].affine, volume.affine)
    assert torch.equal(case["pred"].float(), usual_labels(preprocessing, batch, network).as_tensor())
    if kind == "mapping":
        assert outputs["map"].shape[1:] == (1, 16, 25, 14)


def test_it_runs_in_the_evaluator_of_a_bundle(volume, preprocessing):
    network = Network()
    loader = DataLoader(Dataset([{"image": volume}], preprocessing), batch_size=1)
    evaluator = SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=loader,
        network=network,
        inferer=StreamingInferer(ROI, 2, 0.5, "gaussian", labels=SourceLabels()),
        postprocessing=Compose([LabelsOnSourced("pred")]),
    )
    evaluator.run()
    (output,) = evaluator.state.output
    batch = list_data_collate([preprocessing({"image": volume})])
    assert torch.equal(output["pred"].float(), usual_labels(preprocessing, batch, network).as_tensor())


@torch.no_grad()
def test_of_the_classes_no_more_than_a_row_of_windows_is_kept(preprocessing, monkeypatch):
    volume = Volume(np.zeros((100, 20, 20), np.float32))
    image = list_data_collate([LoadVolumed("image", ensure_channel_first=True)({"image": volume})])["image"]
    held = []
    add = WindowMean.add

    def watched(self, window, values):
        add(self, window, values)
        held.append(sum(part.shape[2] * part.shape[3] * (part.shape[1] - 1) for part in self.kept.values()))

    monkeypatch.setattr(WindowMean, "add", watched)
    StreamingInferer(ROI, 1, 0.5, "gaussian", labels=SourceLabels())(image, Network())
    assert max(held) <= 16 * 20 * 20


@torch.no_grad()
def test_what_one_window_gave_is_gone_when_the_next_is_computed():
    given: list[weakref.ref[torch.Tensor]] = []

    def network(x):
        assert all(one() is None for one in given)
        given.append(weakref.ref(logits := x * 2))
        return logits

    StreamingInferer(ROI, overlap=0.5)(torch.rand(1, 1, 30, 25, 40), network)
    assert len(given) > 8


@torch.no_grad()
def test_windows_of_air_are_skipped_and_are_background():
    image = torch.full((1, 1, 60, 20, 20), -1.0)
    image[..., 20:36, :, :] = torch.randn(16, 20, 20).abs()
    network = Network()
    options = {"sw_batch_size": 1, "overlap": 0.5, "mode": "gaussian"}
    every = StreamingInferer(ROI, **options)(image, network)
    total, network.windows = network.windows, 0
    reports = []
    inferer = StreamingInferer(ROI, **options, air=-1.0, air_logits=[10, -10, -10, -10])
    found = inferer.watched(RunWatch(lambda done, number: reports.append((done, number))))(image, network)
    assert network.windows < total
    assert [done for done, _ in reports] == list(range(1, total + 1))
    assert {number for _, number in reports} == {total}
    assert torch.allclose(found[:, :, 24:32], every[:, :, 24:32], atol=1e-5)  # no window of air reaches here
    assert torch.equal(found[0, :, -1, 0, 0], torch.tensor([10.0, -10, -10, -10]))
    network.windows = 0
    StreamingInferer(ROI, **options, air=-1.001, air_logits=[10, -10, -10, -10])(image, network)
    assert network.windows == total


@torch.no_grad()
@pytest.mark.parametrize(("value", "windows"), [(0.1, 2), (float("nan"), 2), (0.0, 1), (-1.0, 1)])
def test_one_voxel_of_one_channel_above_is_no_air_and_nan_is_none(value, windows):
    image = torch.zeros(1, 2, 16, 16, 32)
    image[0, 1, 3, 3, 20] = value
    seen = []
    StreamingInferer(ROI, 1, 0, air=0.0, air_logits=[0.0])(image, lambda x: seen.append(x) or x[:, :1])
    assert len(seen) == windows  # the first always runs


@torch.no_grad()
def test_air_is_background_in_labels_of_either_kind(volume):
    image = list_data_collate([LoadVolumed("image", ensure_channel_first=True)({"image": volume})])["image"]
    for labels in (SourceLabels(), SourceLabels(regions=[1, 2, 3, 4])):
        network = Network()
        found = StreamingInferer(ROI, 1, 0.0, labels=labels, air=1e9)(image, network)
        assert network.windows == 1
        assert not found[0, 0, 16:, 16:, 16:].any()
        assert found.any()


def test_air_without_its_logits_is_refused():
    with pytest.raises(InputError, match="set air_logits"):
        StreamingInferer(ROI, air=0.0)
    with pytest.raises(InputError, match="each of the 4 classes; got"):
        StreamingInferer(ROI, 1, 0, air=0.0, air_logits=[1.0])(torch.zeros(1, 1, 16, 16, 40), Network())


def test_wrong_windows_are_refused():
    image = torch.zeros(1, 1, 16, 16, 16)
    with pytest.raises(InputError, match=r"roi_size .* has 2 axes"):
        StreamingInferer((16, 16))(image, Network())
    with pytest.raises(InputError, match="overlap is a share"):
        StreamingInferer(ROI, overlap=1.0)(image, Network())
    image = MetaTensor(image, meta={"original_affine": np.eye(4), "spatial_shape": np.array([16, 16, 16])})
    inferer = StreamingInferer(ROI, labels=SourceLabels(), labels_key="mask")
    with pytest.raises(InputError, match="labels_key is 'mask'"):
        inferer(image, Network("mapping"))


@torch.no_grad()
def test_other_inferers_of_ours_know_that_labels_are_no_logits(volume):
    image = list_data_collate([LoadVolumed("image", ensure_channel_first=True)({"image": volume})])["image"]
    inner = StreamingInferer(ROI, labels=SourceLabels())
    assert CPUAutocastInferer(inner)(image, Network()).dtype == torch.uint8
    with pytest.raises(InputError, match="Labels have no mean"):
        FlippedInferer(inner)(image, Network())


def test_a_hook_that_raises_stops_it_and_leaves_it_usable():
    network, image = Network(), torch.zeros(1, 1, 40, 16, 16)
    inferer = StreamingInferer(ROI, 1, 0.5)

    def stop(module, inputs, output):
        raise KeyboardInterrupt

    with network.register_forward_hook(stop), pytest.raises(KeyboardInterrupt), torch.no_grad():
        inferer(image, network)
    with torch.no_grad():
        assert inferer(image, network).shape == (1, 4, 40, 16, 16)
