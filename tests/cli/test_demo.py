"""`monai-attn demo`, and the picture it draws."""

from __future__ import annotations

import csv
import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from monai_attn import LabelTable, Volume, read
from monai_attn.bundle import shipped
from monai_attn.cli import demo
from monai_attn.cli.main import main
from monai_attn.errors import FileError, InputError
from monai_attn.report import save_picture
from monai_attn.report.planes import to_ras

NAMES = [f"{side} {part} hippocampus" for side in ("left", "right") for part in ("anterior", "posterior")]

needs_matplotlib = pytest.mark.skipif(find_spec("matplotlib") is None, reason="the extra demo is not installed")


def image_of(shape: tuple[int, int, int] = (40, 20, 20)) -> Volume:
    affine = np.diag([1.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = [-19.5, -19, -19]
    return Volume(np.zeros(shape, np.int16), affine)


def test_without_nilearn_the_demo_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r'pip install "monai_attn\[demo\]"'):
        demo.brain_file()


@needs_matplotlib
def test_the_demo_segments_both_hippocampi_and_writes_what_it_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = shipped().get(demo.BUNDLE)
    if bundle is None or not (bundle / "models" / "model.pt").is_file():
        pytest.skip("the bundle has no weights yet")
    assert main(["demo", "--out", str(tmp_path), "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert "Research use only; not a medical device." in printed
    assert {path.name for path in tmp_path.iterdir()} == {
        "mni152_t1.png", "mni152_t1_seg.json", "mni152_t1_seg.nii.gz", "mni152_t1_volumes.csv"
    }  # fmt: skip
    rows = list(csv.DictReader((tmp_path / "mni152_t1_volumes.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["name"] for row in rows] == NAMES
    assert all(name in printed for name in NAMES)
    volume_ml = [float(row["volume_ml"]) for row in rows]
    # Adult hippocampi have 2.5 to 5.5 ml; the MSD's outlines, and an average brain, lie at the upper end.
    assert 3.5 < sum(volume_ml[:2]) < 6.5
    # The template is symmetric, and so is an inferer that averages over left/right flips.
    assert volume_ml[:2] == pytest.approx(volume_ml[2:], rel=0.02)
    record = json.loads((tmp_path / "mni152_t1_seg.json").read_text(encoding="utf-8"))
    assert [label["name"] for label in record["labels"]] == NAMES
    labels = read(tmp_path / "mni152_t1_seg.nii.gz")
    for value, row in enumerate(rows, start=1):
        inside = labels.to_world(np.argwhere(labels.array == value))
        assert ("left" in row["name"]) == bool((inside[:, 0] < 0).all())

    assert main(["demo", "--out", str(tmp_path)]) == 2
    assert "mni152_t1_volumes.csv exists" in capsys.readouterr().err


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "PIR", "SAL"])
def test_to_ras_moves_no_voxel_in_space(orientation: str) -> None:
    axes = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}
    affine = np.eye(4)
    affine[:3, :3] = 0
    for column, letter in enumerate(orientation):
        axis, sign = axes[letter]
        affine[axis, column] = sign * (column + 1)
    affine[:3, 3] = [5, -7, 11]
    volume = Volume(np.arange(2 * 3 * 4).reshape(2, 3, 4), affine)
    turned = to_ras(volume)
    assert turned.orientation == "RAS"
    for index in ((0, 0, 0), (1, 2, 3), (1, 0, 2)):
        i, j, k = np.rint(turned.to_index(volume.to_world(index))).astype(int)
        assert turned.array[i, j, k] == volume.array[index]


@needs_matplotlib
@pytest.mark.parametrize("flip", [False, True])
def test_the_picture_shows_the_patients_right_on_the_left_and_the_front_on_top(tmp_path: Path, flip: bool) -> None:
    from matplotlib.image import imread

    array = np.zeros((40, 40, 40), np.int16)
    array[28:36, 28:36, 18:22] = 1000  # right, anterior
    mask = np.zeros(array.shape, np.uint8)
    mask[18:22, 18:22, 18:22] = 1
    image, labels = Volume(array), Volume(mask)
    if flip:  # the same patient, stored from right to left
        affine = np.diag([-1.0, 1, 1, 1])
        affine[0, 3] = 39
        image, labels = Volume(array[::-1], affine), Volume(mask[::-1], affine)
    path = tmp_path / "picture.png"
    save_picture(path, image, labels, LabelTable.of_names({1: "middle"}), title="Phantom")
    axial = imread(path)[:, :, :3]
    axial = axial[: axial.shape[0] // 2, : axial.shape[1] // 3]
    row, column = _largest_white_square(axial.min(axis=2) > 0.95)
    assert column < axial.shape[1] / 2
    assert row < axial.shape[0] / 2


@needs_matplotlib
def test_a_label_map_without_labels_has_a_picture_too_and_a_picture_is_not_replaced(tmp_path: Path) -> None:
    image = image_of()
    path = tmp_path / "picture.png"
    save_picture(path, image, image, LabelTable(), title="Nothing")
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(FileError, match=r"picture\.png exists"):
        save_picture(path, image, image, LabelTable(), title="Nothing")


def _largest_white_square(white: np.ndarray) -> tuple[float, float]:
    """The middle of the largest connected white region: the phantom's bright block."""
    from scipy.ndimage import center_of_mass, label

    pieces, count = label(white)
    assert count
    largest = int(np.argmax(np.bincount(pieces.ravel())[1:])) + 1
    row, column = center_of_mass(pieces == largest)
    return float(row), float(column)
