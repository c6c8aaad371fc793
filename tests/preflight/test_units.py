"""A unit that is known is enforced as a modality is."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tiny_bundle import make_bundle_of_several

from monai_attn.bundle.case import check_kinds
from monai_attn.cases import ImageInput
from monai_attn.errors import InputError
from monai_attn.io.dicom.suv import GIVE_FACTOR
from monai_attn.volume import Volume

PET = ImageInput("pet", "PT", unit="g/ml")
CT = ImageInput("ct", "CT", unit="HU")


def check(*inputs: ImageInput, **images: Volume) -> None:
    check_kinds({name: [image] for name, image in images.items()}, inputs, bundle="sarcoma", partial=True)


def image(unit: str, modality: str = "", notes: tuple[str, ...] = ()) -> Volume:
    return Volume(np.zeros((4, 4, 4), np.float32), modality=modality, unit=unit, notes=notes)


@pytest.mark.parametrize("unit", ["Bq/ml", "CNTS", "cm2/ml"])
def test_a_pet_in_another_unit_than_suv_is_refused_with_what_is_missing_and_the_way_out(unit):
    pet = image(unit, "PT", ("SUV cannot be derived: PatientWeight is missing.",))
    with pytest.raises(InputError) as refusal:
        check(PET, pet=pet)
    for words in ("g/ml (SUV by body weight)", f"values in {unit}", "PatientWeight is missing", "--suv-factor"):
        assert words in str(refusal.value)


def test_the_way_to_suv_is_said_once():
    pet = image("Bq/ml", "PT", (f"SUV cannot be derived: PatientWeight is missing. {GIVE_FACTOR}",))
    with pytest.raises(InputError) as refusal:
        check(PET, pet=pet)
    assert str(refusal.value).count("--suv-factor") == 1


def test_one_of_several_images_in_another_unit_is_named():
    with pytest.raises(InputError, match="The image 'pet' of the bundle sarcoma needs values in g/ml"):
        check(CT, PET, ct=image("HU", "CT"), pet=image("Bq/ml", "PT"))


def test_a_ct_in_another_unit_than_hu_is_refused():
    with pytest.raises(InputError, match=r"needs values in HU .Hounsfield units., and this image has values in US"):
        check(CT, ct=image("US", "CT"))


@pytest.mark.parametrize("unit", ["", "g/ml", "G/ML"])
def test_the_right_unit_and_an_unknown_one_pass(unit):
    check(PET, pet=image(unit, "PT"))


def test_a_bundle_that_names_no_unit_takes_any():
    check(ImageInput("pet", "PT"), pet=image("Bq/ml", "PT"))


def test_a_segmenter_refuses_the_wrong_unit_before_it_computes(tmp_path):
    from monai_attn.segmenter import Segmenter

    bundle = make_bundle_of_several(tmp_path / "sums")
    metadata = bundle / "configs" / "metadata.json"
    content = json.loads(metadata.read_text())
    content["images"][2]["unit"] = "g/ml"
    metadata.write_text(json.dumps(content))
    segmenter = Segmenter.from_bundle(bundle, trust=True)
    with pytest.raises(InputError, match="needs values in g/ml"):
        segmenter({"pet": image("Bq/ml", "PT")})
