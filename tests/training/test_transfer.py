"""A training may begin with trained weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from monai_attn.errors import BundleError, FileError
from monai_attn.networks import AttnUNet, NetworkMean
from monai_attn.training import save_weights, transfer_weights


def network(classes: int = 2, seed: int = 1) -> AttnUNet:
    torch.manual_seed(seed)
    return AttnUNet(3, 1, classes, channels=[4, 8], strides=[2])


def test_all_weights_of_the_same_network_are_taken(tmp_path):
    save_weights(network(seed=7), tmp_path / "model.pt")
    begun = transfer_weights(network(), tmp_path / "model.pt")
    for name, value in network(seed=7).state_dict().items():
        assert torch.equal(begun.state_dict()[name], value)


def test_a_network_for_other_classes_takes_all_but_its_head(tmp_path):
    save_weights(network(classes=3, seed=7), tmp_path / "model.pt")
    begun = transfer_weights(network(classes=2), tmp_path / "model.pt").state_dict()
    trained, fresh = network(classes=3, seed=7).state_dict(), network(classes=2).state_dict()
    for name, value in begun.items():
        assert torch.equal(value, fresh[name] if name.startswith("heads") else trained[name])


def test_one_network_of_a_mean_is_picked_by_its_prefix_also_from_half_precision(tmp_path):
    mean = NetworkMean(network(seed=7), copies=3)
    mean.networks[2].heads[0].bias.data.fill_(5)
    save_weights(mean.half(), tmp_path / "model.pt")
    begun = transfer_weights(network(), tmp_path / "model.pt", prefix="networks.2.")
    assert begun.heads[0].bias.tolist() == [5, 5]
    assert begun.heads[0].weight.dtype == torch.float32


def test_no_weights_change_nothing():
    given = network()
    before = {name: value.clone() for name, value in given.state_dict().items()}
    assert transfer_weights(given, None) is given
    assert all(torch.equal(value, before[name]) for name, value in given.state_dict().items())


def test_a_missing_file_and_weights_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(FileError, match=r"There are no weights .*gone\.pt.* Set initial_weights, or leave it out"):
        transfer_weights(network(), tmp_path / "gone.pt")
    save_weights(nn.Linear(2, 3), tmp_path / "model.pt")
    with pytest.raises(
        BundleError, match=r"Nothing in model\.pt fits .* The file has weight, bias; the network has decoder"
    ):
        transfer_weights(network(), tmp_path / "model.pt")
