"""The saver: exact labels on the grid of the image, and what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from workbench import OBLIQUE

from monai_attn.errors import FileError, GeometryError, InputError, LabelError
from monai_attn.io import read
from monai_attn.transforms import LoadVolumed, SaveSegmentationd
from monai_attn.volume import Volume


def case(labels: np.ndarray, name: str = "one") -> dict[str, object]:
    """A loaded image on an oblique, anisotropic grid, and a prediction on it."""
    loaded = LoadVolumed("image", ensure_channel_first=True)({"image": Volume(np.zeros((4, 5, 6)), OBLIQUE)})
    return {**loaded, "case": name, "pred": MetaTensor(torch.from_numpy(labels)[None], affine=loaded["image"].affine)}


LABELS = np.arange(120, dtype=np.float32).reshape(4, 5, 6)


@pytest.mark.parametrize(("factor", "dtype"), [(1, np.uint8), (3, np.uint16)])
def test_labels_come_back_exactly_and_in_place(tmp_path, factor, dtype):
    SaveSegmentationd("pred", tmp_path, provenance=lambda: {"bundle": "b"})(case(LABELS * factor))
    back = read(tmp_path / "one_seg.nii.gz")
    assert back.array.dtype == dtype
    assert np.array_equal(back.array, LABELS * factor)
    assert np.allclose(back.affine, OBLIQUE, atol=1e-5)
    assert json.loads((tmp_path / "one_seg.json").read_text()) == {"bundle": "b"}


@pytest.mark.parametrize("wrong", [0.5, np.nan])
def test_what_is_no_label_is_refused_with_the_cure(tmp_path, wrong):
    labels = LABELS.copy()
    labels[2, 2, 2] = wrong
    with pytest.raises(LabelError, match=f"holds {wrong}, .* Invertd use nearest_interp=true"):
        SaveSegmentationd("pred", tmp_path)(case(labels))
    assert not list(tmp_path.iterdir())


def test_another_grid_is_refused(tmp_path):
    data = case(LABELS)
    elsewhere = MetaTensor(data["pred"].as_tensor(), affine=torch.eye(4, dtype=torch.float64))
    for moved in (elsewhere, data["pred"][:, :3]):
        with pytest.raises(GeometryError, match="Bring it back to the image's grid with Invertd"):
            SaveSegmentationd("pred", tmp_path)({**data, "pred": moved})


def test_a_case_cannot_lead_out_of_the_folder(tmp_path):
    with pytest.raises(InputError, match=r"'\.\./one' cannot name a case"):
        SaveSegmentationd("pred", tmp_path / "out")(case(LABELS, "../one"))
    assert not list(tmp_path.iterdir())


def test_files_are_replaced_only_when_told_and_twins_never(tmp_path):
    SaveSegmentationd("pred", tmp_path)(case(LABELS))
    with pytest.raises(FileError, match=r"one_seg\.nii\.gz exists and is not overwritten"):
        SaveSegmentationd("pred", tmp_path)(case(LABELS))
    saver = SaveSegmentationd("pred", tmp_path, overwrite=True)
    saver(case(LABELS))
    with pytest.raises(FileError, match="Two cases of this run are called 'one'"):
        saver(case(LABELS))
