"""Arrays of numbers in a search checkpoint are loaded with `weights_only=True`; any other object is not."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from monai_attn.bundle.arrays import arrays_allowed


def test_arrays_of_numbers_are_loaded_within_the_block_alone(tmp_path):
    content = {"node_a": np.ones((3, 4)), "arch_code": np.arange(6, dtype=np.int32), "value": np.float64(2.5)}
    torch.save(content, tmp_path / "search.pt")
    with arrays_allowed():
        found = torch.load(tmp_path / "search.pt", weights_only=True)
    assert {name: np.asarray(value).tolist() for name, value in found.items()} == {
        name: np.asarray(value).tolist() for name, value in content.items()
    }
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "search.pt", weights_only=True)


class Evil:
    def __reduce__(self):
        return (print, ("it ran",))


@pytest.mark.parametrize("content", [Evil(), np.array([Evil()], dtype=object)])
def test_anything_else_is_refused_within_the_block_too(tmp_path, content, capsys):
    torch.save({"node_a": content}, tmp_path / "search.pt")
    with arrays_allowed(), pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "search.pt", weights_only=True)
    assert "it ran" not in capsys.readouterr().out
