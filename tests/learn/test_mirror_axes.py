"""Left and right structures in a training: the axes that are mirrored, and the labels that are exchanged."""

from __future__ import annotations

import pytest
import torch

from monai_attn.labels import LabelTable, pairs_of
from monai_attn.learn.sides import mirror_axes
from monai_attn.transforms import RandPatchd


@pytest.mark.parametrize(
    ("names", "mirror"),
    [
        (["LeftThalamus"], ()),
        (["thalamus_lh"], ()),
        (["ThalamusL", "ThalamusR"], (0,)),
        (["lkidney", "rkidney"], (0,)),
        (["liver"], (0,)),
        (["left and right lung"], (0,)),
        (["left kidney tumor"], ()),
        (["left kidney tumor", "right kidney tumor"], (0, 1, 2)),
        (["tumor", "GTV_L"], ()),
        (["left ventricle", "right ventricle"], ()),
        (["Left-Lateral-Ventricle", "Right-Lateral-Ventricle"], (0,)),
        (["3rd-Ventricle", "fourth ventricle"], (0,)),
    ],
)
def test_a_structure_on_one_side_is_mirrored_only_with_its_counterpart(
    names: list[str], mirror: tuple[int, ...]
) -> None:
    table = LabelTable.of_names(dict(enumerate(names, start=1)))
    assert mirror_axes({label.value: label.name for label in table}, pairs_of(table), {})[0] == mirror


@pytest.mark.parametrize("names", [("LeftThalamus", "RightThalamus"), ("lkidney", "rkidney"), ("gtv_lh", "gtv_rh")])
def test_the_left_structure_stays_on_the_left_whichever_way_a_patch_is_mirrored(names: tuple[str, str]) -> None:
    pairs = pairs_of(LabelTable.of_names(dict(enumerate(names, start=1))))
    mirror, _ = mirror_axes(dict(enumerate(names, start=1)), pairs, {})
    labels = torch.zeros(1, 16, 8, 8)
    labels[0, 2:5, 2:6, 2:6], labels[0, 11:14, 2:6, 2:6] = 1, 2  # RAS+: small indices are the patient's left
    patch = RandPatchd((16, 8, 8), prob=0.0, foreground=0.0, mirror=mirror, pairs=pairs)
    patch.set_random_state(0)
    patches = [patch({"image": labels.clone(), "label": labels.clone()})["label"][0] for _ in range(20)]
    assert 0 in mirror
    assert all(torch.nonzero(one == 1)[:, 0].float().mean() < 8 for one in patches)
