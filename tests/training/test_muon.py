"""Muon for kernels, AdamW for the rest."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from monai_attn.training import MuonAdamW


def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv3d(2, 8, 3), nn.InstanceNorm3d(8, affine=True), nn.ReLU(), nn.Conv3d(8, 2, 1))


def learn(model, optimizer, steps):
    generator = torch.Generator().manual_seed(2)
    for _ in range(steps):
        x = torch.randn(2, 2, 5, 5, 5, generator=generator)
        optimizer.zero_grad()
        (model(x) - x[:, :, 1:-1, 1:-1, 1:-1]).square().mean().backward()
        optimizer.step()


def test_a_kernel_moves_along_an_orthogonal_matrix():
    model = network()
    before = model[0].weight.detach().clone()
    learn(model, MuonAdamW(model.parameters(), lr=0.1, weight_decay=0.0), 1)
    singular = torch.linalg.svdvals((before - model[0].weight.detach()).view(8, -1) / 0.1)
    assert float(singular.min()) > 0.5  # Newton-Schulz: about one, each
    assert float(singular.max()) < 1.5


def test_norms_biases_and_narrow_kernels_are_adamws():
    model, twin = network(), network()
    rest = [twin[0].bias, twin[1].weight, twin[1].bias, twin[3].weight, twin[3].bias]
    learn(model, MuonAdamW(model.parameters(), lr=0.0, adamw_lr=0.01, weight_decay=0.1), 5)
    learn(twin, torch.optim.AdamW(rest, lr=0.01, betas=(0.9, 0.99), weight_decay=0.1), 5)
    for one, other in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_a_scheduler_scales_both():
    model = network()
    optimizer = MuonAdamW(model.parameters(), lr=0.1, adamw_lr=0.01)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _epoch: 0.0)
    before = copy.deepcopy(model.state_dict())
    learn(model, optimizer, 2)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_a_network_that_is_moved_later_still_learns():
    model = network()
    optimizer = MuonAdamW(model.parameters())
    model.double().float()  # other memory, as after a move to a GPU
    before = copy.deepcopy(model.state_dict())
    learn(model, optimizer, 1)
    assert not torch.equal(model[0].weight, before["0.weight"])


def test_a_training_that_goes_on_is_that_which_never_stopped(tmp_path):
    whole = network()
    learn(whole, (first := MuonAdamW(whole.parameters())), 3)
    torch.save({"network": whole.state_dict(), "optimizer": first.state_dict()}, tmp_path / "state.pt")
    learn(whole, first, 3)

    resumed = network()
    second = MuonAdamW(resumed.parameters())
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    resumed.load_state_dict(state["network"])
    second.load_state_dict(state["optimizer"])
    learn(resumed, second, 3)
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_a_closure_is_called_with_gradients_and_its_loss_returned():
    model = network()
    optimizer = MuonAdamW(model.parameters())

    def closure():
        optimizer.zero_grad()
        loss = model(torch.ones(1, 2, 5, 5, 5)).square().mean()
        loss.backward()
        return loss

    with torch.no_grad():
        expected = float(model(torch.ones(1, 2, 5, 5, 5)).square().mean())
        assert float(optimizer.step(closure)) == pytest.approx(expected)


def test_the_kernels_step_as_torchs_muon_does():
    model, twin = network(), network()
    learn(model, MuonAdamW(model.parameters(), lr=0.05, adamw_lr=0.0, weight_decay=0.1), 6)
    matrix = nn.Parameter(twin[0].weight.detach().flatten(1))
    muon = torch.optim.Muon([matrix], lr=0.05, weight_decay=0.1)
    generator = torch.Generator().manual_seed(2)
    for _ in range(6):
        x = torch.randn(2, 2, 5, 5, 5, generator=generator)
        twin.zero_grad()
        (twin(x) - x[:, :, 1:-1, 1:-1, 1:-1]).square().mean().backward()
        matrix.grad = twin[0].weight.grad.flatten(1)
        muon.step()
        twin[0].weight.data = matrix.detach().view_as(twin[0].weight).clone()
    start, ours, torchs = (one[0].weight.detach() for one in (network(), model, twin))
    assert float((ours - torchs).norm() / (torchs - start).norm()) < 0.05  # torch orthogonalises in bfloat16


def test_narrow_inputs_are_orthogonalised_along_their_inputs():
    torch.manual_seed(3)
    kernel = nn.Parameter(torch.randn(32, 2, 1, 1, 1))
    before = kernel.detach().clone()
    kernel.grad = torch.randn_like(kernel)
    MuonAdamW([kernel], lr=0.1, weight_decay=0.0).step()
    singular = torch.linalg.svdvals((before - kernel.detach()).view(32, 2) / 0.1) / 4  # sqrt(32 / 2)
    assert 0.5 < float(singular.min()) <= float(singular.max()) < 1.5
