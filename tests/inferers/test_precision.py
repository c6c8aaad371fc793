"""bfloat16 on a CPU."""

from __future__ import annotations

import pytest
import torch
from monai.inferers import SimpleInferer, SlidingWindowInferer
from torch import nn

from monai_attn.inferers import CPUAutocastInferer, precision


@pytest.fixture(autouse=True)
def processor(monkeypatch):
    """One that has bfloat16: small convolutions are fast enough also on those that have not."""
    monkeypatch.setattr(precision, "processor_has_bfloat16", lambda: True)


class Watched(nn.Module):
    """A convolution that remembers the precision of what it gave."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv3d(1, 2, 3, padding=1)
        self.dtypes: list[torch.dtype] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x)
        self.dtypes.append(y.dtype)
        return y


@pytest.fixture
def image():
    return torch.randn(1, 1, 6, 5, 4, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
@pytest.mark.parametrize("inner", [None, SimpleInferer(), SlidingWindowInferer((4, 4, 4), overlap=0.5)])
def test_the_network_runs_in_bfloat16_and_what_comes_out_is_float32(image, inner):
    network = Watched()
    logits = CPUAutocastInferer(inner)(image, network)
    assert set(network.dtypes) == {torch.bfloat16}
    assert logits.dtype == torch.float32
    in_full = (inner or SimpleInferer())(image, network)
    torch.testing.assert_close(logits, in_full, atol=0.02, rtol=0.02)  # bfloat16 keeps 8 bits: 0.4 %


@torch.no_grad()
def test_nothing_stays_switched_on_nor_any_parameter_changed(image):
    network = Watched()
    CPUAutocastInferer()(image, network)
    assert not torch.is_autocast_enabled("cpu")
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    assert network(image).dtype == torch.float32


@torch.no_grad()
def test_nothing_stays_switched_on_after_an_error(image):
    with pytest.raises(RuntimeError):
        CPUAutocastInferer()(image[:, :, 0, 0, 0], Watched())
    assert not torch.is_autocast_enabled("cpu")


@torch.no_grad()
def test_not_enabled_is_the_inner_inferer(image):
    network = Watched()
    logits = CPUAutocastInferer(enabled=False)(image, network)
    assert network.dtypes == [torch.float32]
    assert torch.equal(logits, network(image))


@torch.no_grad()
def test_a_processor_without_bfloat16_computes_in_float32(image, monkeypatch):
    monkeypatch.setattr(precision, "processor_has_bfloat16", lambda: False)
    network = Watched()
    assert torch.equal(CPUAutocastInferer()(image, network), network(image))
    assert set(network.dtypes) == {torch.float32}


@torch.no_grad()
def test_what_is_no_tensor_comes_back_as_it_is(image):
    outputs = CPUAutocastInferer()(image, lambda x: {"pred": x, "map": x})
    assert set(outputs) == {"pred", "map"}


@pytest.mark.parametrize(("size", "stride"), [((2, 2, 2), 1), ((2, 8, 8), 1), ((2, 3, 2), 1), ((4, 4, 1), 2)])
def test_gradients_of_convolutions_on_one_or_two_voxels_are_right(size, stride):
    """Without `_SmallInFull` they are garbage on a CPU with bfloat16: what was in memory before."""
    torch.manual_seed(0)
    network = nn.Conv3d(32, 64, 3, stride=stride, padding=1)
    for _ in range(4):
        x = torch.randn(2, 32, *size)
        network.zero_grad()
        (network(x) ** 2).sum().backward()
        wanted = network.weight.grad.clone()
        network.zero_grad()
        spoilt = [torch.full((size,), 3e38) for size in (3000, 10_000, 100_000, 1_000_000)]
        del spoilt
        (CPUAutocastInferer()(x, network) ** 2).sum().backward()
        torch.testing.assert_close(network.weight.grad, wanted, atol=0.02 * float(wanted.abs().max()), rtol=0)
