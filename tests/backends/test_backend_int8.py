"""int8: calibrated once on windows of real images, then used from the cache."""

from __future__ import annotations

import logging
from importlib.util import find_spec

import pytest
import torch
from monai.inferers import SlidingWindowInferer
from test_backends import image, make
from torch import nn

from monai_attn.backends import Execution, load_network, quantisation
from monai_attn.backends.calibration import WindowRecorder
from monai_attn.errors import InputError
from monai_attn.folders import CACHE_VARIABLE

pytestmark = pytest.mark.skipif(find_spec("nncf") is None, reason="the extra int8 is not installed")


@pytest.fixture
def _empty_cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))


@torch.no_grad()
@pytest.mark.usefixtures("_empty_cache")
def test_quantising_leaves_the_handlers_of_others_as_they_are():
    listening = logging.NullHandler()
    logging.getLogger("nncf").addHandler(listening)  # as whoever collects all logs does
    windows = [blobs(1, 1, 16, 16, 16, seed=0)[0]]
    load_network(TwoTissues().eval(), Execution("cpu", backend="openvino", precision="int8"), windows=windows)(
        windows[0][None]
    )
    logging.getLogger("nncf").removeHandler(listening)
    assert listening.level == logging.NOTSET


class TwoTissues(nn.Module):
    """A U-Net whose labels are not near ties."""

    def __init__(self) -> None:
        super().__init__()
        self.network = make("MONAI UNet")

    def forward(self, x):
        return 0.1 * self.network(x)[:, :2] + 4 * torch.cat([x, -x], dim=1)


def blobs(*size: int, seed: int) -> torch.Tensor:
    """An image of two tissues with a little noise."""
    return image(*size, seed=seed).sign() + 0.1 * image(*size, seed=seed + 100)


@torch.no_grad()
@pytest.mark.usefixtures("_empty_cache")
def test_a_quantised_network_gives_the_labels_and_is_made_once_for_one_set_of_windows(monkeypatch, capsys):
    made: list[int] = []
    quantise = quantisation._quantised
    monkeypatch.setattr(
        quantisation, "_quantised", lambda model, windows: (made.append(len(windows)), quantise(model, windows))[1]
    )
    network = TwoTissues().eval()
    windows = [blobs(1, 1, 32, 40, 32, seed=seed)[0] for seed in range(4)]
    x = blobs(2, 1, 32, 40, 32, seed=9)
    for calibration in (windows, windows, []):
        loaded = load_network(network, Execution("cpu", precision="int8"), windows=calibration)
        labels = loaded(x).argmax(1)
        assert loaded.record.used == [("openvino", "int8")]
        assert (labels == network(x).argmax(1)).float().mean() > 0.98
    assert made == [4]
    load_network(network, Execution("cpu", precision="int8"), windows=windows[:3])(x)
    assert made == [4, 3]
    assert load_network(network, Execution("cpu", precision="int8"))(blobs(1, 1, 64, 40, 32, seed=1)).shape[2:] == (
        64,
        40,
        32,
    )
    assert capsys.readouterr().out == ""


@torch.no_grad()
@pytest.mark.usefixtures("_empty_cache")
def test_images_of_several_sizes_calibrate_a_network_that_sees_them_whole():
    network = TwoTissues().eval()
    windows = [blobs(1, 1, 32, size, 32, seed=size)[0] for size in (40, 32, 32)]
    x = blobs(1, 1, 32, 40, 32, seed=9)
    loaded = load_network(network, Execution("cpu", backend="openvino", precision="int8"), windows=windows)
    assert (loaded(x).argmax(1) == network(x).argmax(1)).float().mean() > 0.98
    assert loaded.record.used == [("openvino", "int8")]


@pytest.mark.usefixtures("_empty_cache")
def test_without_windows_to_calibrate_it_is_refused():
    with pytest.raises(InputError, match=r"Precision int8 needs images to calibrate it with.*--calibrate"):
        load_network(make("MONAI UNet"), Execution("cpu", precision="int8"))


@pytest.mark.usefixtures("_empty_cache")
def test_without_the_extra_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(quantisation, "find_spec", lambda _name: None)
    with pytest.raises(InputError, match=r'int8 needs nncf. Install it with: pip install "monai_attn\[int8\]"'):
        load_network(make("MONAI UNet"), Execution("cpu", precision="int8"), windows=[image(1, 1, 16, 16, 16)[0]])


def test_a_recorder_keeps_some_windows_of_all_without_air_and_runs_the_network_once_a_shape():
    network = make("MONAI UNet")
    calls: list[int] = []
    network.register_forward_hook(lambda *_: calls.append(1))
    recorder = WindowRecorder(network, most=5)
    x = image(1, 1, 16, 16, 160)
    x[..., 80:] = x.min()
    output = SlidingWindowInferer((16, 16, 16), overlap=0)(x, recorder)
    assert output.shape == (1, 3, 16, 16, 160)
    assert calls == [1]
    assert torch.equal(torch.cat(recorder.windows, dim=-1), x[0, ..., :80])
    SlidingWindowInferer((16, 16, 16), overlap=0)(x, recorder)
    assert len(recorder.windows) == 5
    assert recorder.windows[0] is not recorder.windows[1]


@torch.no_grad()
@pytest.mark.usefixtures("_empty_cache")
def test_a_network_that_is_calibrated_anew_is_compared_anew():
    """That an older calibration had agreed was taken as proof of the new one."""
    network, x = TwoTissues().eval(), blobs(2, 1, 32, 40, 32, seed=9)
    places = set()
    for seed in (0, 1):
        loaded = load_network(
            network,
            Execution("cpu", backend="openvino", precision="int8"),
            windows=[blobs(1, 1, 32, 40, 32, seed=seed)[0]],
        )
        loaded(x)
        places.add(loaded._memory(0, tuple(x.shape[1:]), "rounding").folder)
    assert len(places) == 2
