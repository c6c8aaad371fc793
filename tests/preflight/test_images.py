"""Images that a bundle was not made for: refused where no mask can make sense, else a warning."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from monai_attn.cases import ImageInput
from monai_attn.errors import InputError
from monai_attn.preflight import ImageRange, MadeFor, StructureRange, check_case
from monai_attn.volume import Box, Volume

SIZE = ((30.0, 40.0, 24.0), (44.0, 60.0, 48.0))
PERCENTILES = {"p1": (0.0, 0.01), "p50": (0.1, 0.7), "p99": (1.5, 17.0)}
HU = {"p1": (-1000.0, -936.0), "p50": (-438.0, 36.0), "p99": (78.0, 1322.0)}

HEAD = MadeFor(150, {"image": ImageRange(SIZE, (1.0, 1.0))}, {1: StructureRange((1.0, 2.6), (1.0, 1.0), (0.0, 0.0))})
TRUNK = MadeFor(
    41,
    {
        "t1": ImageRange(SIZE, (1.0, 3.0)),
        "ct": ImageRange(SIZE, (1.0, 3.0), HU),
        "pet": ImageRange(SIZE, (3.0, 5.5), PERCENTILES),
    },
    {},
)
ONE = (ImageInput("image", "MR"),)
SEVERAL = (ImageInput("t1", "MR"), ImageInput("ct", "CT", unit="HU"), ImageInput("pet", "PT", unit="g/ml"))


def noise(size=(36, 50, 36), mean=100.0, sd=20.0, spacing=1.0) -> Volume:
    values = np.random.default_rng(3).normal(mean, sd, size).astype(np.float32)
    return Volume(values, np.diag([spacing, spacing, spacing, 1.0]))


def head(image: Volume, *, region: Box | None = None, force: bool = False) -> list[str]:
    return check_case(HEAD, ONE, {"image": [image]}, region=region, force=force)[0]


def trunk(**images: Volume) -> tuple[list[str], list[str]]:
    return check_case(TRUNK, SEVERAL, {name: [image] for name, image in images.items()})


def test_an_image_as_in_training_gives_neither_warning_nor_note():
    assert check_case(HEAD, ONE, {"image": [noise()]}) == ([], [])


def test_a_bundle_that_does_not_say_what_it_was_made_for_takes_any_image():
    assert check_case(None, ONE, {"image": [noise((4, 4, 300)).with_array(np.zeros((4, 4, 300)))]}) == ([], [])


@pytest.mark.parametrize("value", [0, 17])
def test_a_blank_image_is_refused(value):
    image = noise()
    with pytest.raises(InputError, match=f"The image is blank: 100 % of the voxels have the value {value}"):
        head(image.with_array(np.full(image.shape, value, np.int16)))


def test_an_image_of_a_few_specks_is_blank_and_a_mask_is_not():
    image = noise()
    specks, body = np.zeros(image.shape, np.int16), np.zeros(image.shape, np.int16)
    specks[10:13, 10:13, 10:13] = 500
    body[10:30, 10:30, 10:30] = 500
    with pytest.raises(InputError, match="The image is blank in the region"):
        head(image.with_array(specks), region=image.bounds)
    assert head(image.with_array(body)) == []


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused_with_their_count(value):
    image = noise()
    values = np.array(image.array)
    values[0, 0, :3] = value
    with pytest.raises(InputError, match="has 3 voxels that are no finite numbers"):
        head(image.with_array(values))


def test_a_whole_head_is_refused_and_the_region_named():
    with pytest.raises(InputError) as refusal:
        head(noise((180, 216, 180)))
    for words in ("180 x 216 x 180 mm", "30-44 x 40-60 x 24-48 mm", "--region", "--force"):
        assert words in str(refusal.value)


def test_a_far_too_large_region_is_refused_and_a_smaller_one_named():
    with pytest.raises(InputError, match=r"The region measures 100 x 50 x 36 mm.* Choose a smaller region"):
        head(noise((101, 51, 37)), region=noise((101, 51, 37)).bounds)


def test_with_force_what_would_be_refused_is_a_warning():
    assert "The image measures 180 x 216 x 180 mm" in head(noise((180, 216, 180)), force=True)[0]


def test_sizes_a_little_outside_the_training_are_warnings():
    assert "In a larger image" in head(noise((60, 50, 36)))[0]
    assert "In a smaller image" in head(noise((15, 50, 36)))[0]
    assert "one voxel thick" in head(noise((36, 50, 1)))[0]
    assert head(noise((50, 62, 36))) == []


def test_the_size_is_compared_along_the_patient_axes_whatever_the_orientation():
    image = noise((36, 30, 62))  # 62 mm from front to back, in the third axis
    turned = np.array([[1.0, 0, 0, 0], [0, 0, -1.0, 0], [0, 1.0, 0, 0], [0, 0, 0, 1]])
    assert head(replace(image, affine=turned)) == []
    assert head(replace(noise((36, 30, 62)), affine=np.eye(4))) != []


def test_a_tilted_image_is_not_larger():
    tilt = np.deg2rad(30)
    turn = np.array(
        [[np.cos(tilt), -np.sin(tilt), 0, 0], [np.sin(tilt), np.cos(tilt), 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    )
    assert head(replace(noise((44, 60, 48)), affine=turn)) == []


def test_a_region_of_the_right_size_suits_in_an_oblique_image_too():
    tilt = np.deg2rad(35)
    turned = np.eye(4)
    turned[1:3, 1:3] = [[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]]
    whole = replace(noise((120, 120, 120)), affine=turned)
    region = Box.around(tuple(whole.to_world((60, 60, 60))), (36, 52, 40))
    part = whole.crop(whole.slices_of(region))
    assert max(part.shape) > 64
    assert head(part, region=region) == []
    assert head(part) != []


def test_coarse_voxels_are_a_warning():
    assert "voxels of 2.5 mm" in head(noise((15, 20, 14), spacing=2.5))[0]


def test_only_the_reference_image_is_compared_in_size():
    warnings, _ = trunk(t1=noise(), pet=noise((100, 100, 100), 0.4, 1.0))
    assert warnings == []


def test_a_pet_without_a_unit_is_noted_and_one_in_bq_per_ml_refused_by_its_values():
    warnings, notes = trunk(pet=noise(mean=0.4, sd=2.0))
    assert warnings == []
    assert notes == ["The image 'pet': the file does not say the unit of the values; they are taken as g/ml."]
    with pytest.raises(InputError, match=r"should be in g/ml. .*values of another unit"):
        trunk(pet=noise(mean=2000.0, sd=9000.0))


def test_a_pet_that_says_its_unit_has_no_note():
    assert trunk(pet=replace(noise(mean=0.4, sd=2.0), unit="g/ml", modality="PT")) == ([], [])


def test_a_ct_to_which_1024_was_added_is_a_warning():
    warnings, _ = trunk(ct=noise(mean=1024.0, sd=200.0))
    assert "hardly a value below 0" in warnings[0]
    assert trunk(ct=noise(mean=0.0, sd=400.0))[0] == []


def test_a_ct_for_an_mri_is_a_warning_where_the_file_does_not_say():
    assert "as CT has them in air" in head(noise(mean=-200.0, sd=400.0))[0]


def test_blankness_is_that_of_each_image():
    with pytest.raises(InputError, match="The image 'ct' is blank"):
        trunk(t1=noise(), ct=noise(mean=-1000.0, sd=0.0))


def test_a_ct_whose_values_all_lie_below_0_as_those_of_the_training_passes():
    lung = MadeFor(9, {"ct": ImageRange(SIZE, (1.0, 3.0), {**HU, "p99": (-100.0, -50.0)})}, {})
    image = noise(mean=-500.0, sd=185.0)
    assert -100 < np.percentile(image.array, 99) < -50
    assert check_case(lung, SEVERAL[1:2], {"ct": [replace(image, unit="HU", modality="CT")]}) == ([], [])
