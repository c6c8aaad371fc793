"""`--suv-factor`: a PET whose header does not give SUV, in the commands that read values."""

from __future__ import annotations

import pytest
from dicom_maker import series
from phantoms import phantom

from monai_attn.bundle.case import read_images
from monai_attn.cases import ImageFile, ImageInput
from monai_attn.cli.main import main
from monai_attn.errors import InputError
from monai_attn.io import write


@pytest.fixture
def counts(tmp_path):
    """A PET in counts, 0 to 209."""
    return series(tmp_path / "pet", phantom(), "PT", Units="CNTS")


def test_info_says_what_is_missing_and_how_to_give_it(counts, capsys):
    assert main(["info", str(counts), "--series", "PT"]) == 0
    said = capsys.readouterr().out
    assert "0 to 209 CNTS" in said
    assert "suv_factor=... (--suv-factor)" in said


def test_info_shows_suv_with_the_factor(counts, capsys):
    assert main(["info", str(counts), "--suv-factor", "0.01"]) == 0
    assert "0 to 2.09 g/ml" in capsys.readouterr().out


def test_measure_takes_the_factor(counts, tmp_path, capsys):
    write(phantom().with_array((phantom().array > 100).astype("uint8")), tmp_path / "mask.nii.gz")
    assert main(["measure", str(tmp_path / "mask.nii.gz"), str(counts), "--suv-factor", "0.01"]) == 0
    assert "g/ml" in capsys.readouterr().out


def test_a_factor_that_gives_no_possible_suv_is_refused(counts, capsys):
    assert main(["info", str(counts), "--suv-factor", "100"]) == 2
    assert "the highest SUV would be 2.09e+04, which no patient has" in capsys.readouterr().err


def test_of_several_images_only_the_pet_takes_the_factor(counts, tmp_path):
    ct = series(tmp_path / "ct", phantom(), "CT")
    inputs = [ImageInput("ct", "CT"), ImageInput("pet", "PT")]
    files = {"ct": ImageFile(ct), "pet": ImageFile(counts)}
    images = read_images(files, inputs, suv_factor=0.01)
    assert [(image.unit, image.array.max()) for image in images.values()] == [
        ("HU", 209),
        ("g/ml", pytest.approx(2.09)),
    ]
    with pytest.raises(
        InputError, match=r"suv_factor=0\.01 \(--suv-factor\) is for PET, and none of the images is one"
    ):
        read_images({"ct": ImageFile(ct)}, inputs, suv_factor=0.01)
