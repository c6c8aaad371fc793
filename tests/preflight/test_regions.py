"""Which parts of an image are segmented, and when a finder that is not sure is refused."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from monai_attn.bundle.locate import read_metadata, shipped
from monai_attn.cases import ImageInput
from monai_attn.errors import InputError
from monai_attn.finders import FinderEntry, Found, box_around, region_labels
from monai_attn.labels import LabelTable
from monai_attn.preflight import MadeFor, check_sides, plan_case, trained_size_mm
from monai_attn.volume import Box, Volume

METADATA = read_metadata(shipped()["hippocampus_mri"])
MADE_FOR = MadeFor.from_json(METADATA["made_for"])
ENTRY = FinderEntry.from_json(METADATA["finder"])
INPUTS = (ImageInput("image", "MR"),)
BOXES = {"left": Box((5, 5, 5), (45, 59, 49)), "right": Box((55, 5, 5), (95, 59, 49))}
INNER = {"left": Box((15, 15, 15), (55, 69, 59)), "right": Box((65, 15, 15), (105, 69, 59))}


def noise(size: tuple[int, int, int]) -> Volume:
    return Volume(np.random.default_rng(5).normal(100, 20, size).astype(np.float32))


def finding(*problems: str, regions=BOXES):
    """A finder that always sees the same, and counts how often it is asked."""
    asked = []

    def find(image: Volume) -> Found:
        asked.append(image)
        return Found(regions, problems)

    return SimpleNamespace(entry=ENTRY, find=find, asked=asked)


def plan(image: Volume, finder=None, **options):
    return plan_case(MADE_FOR, INPUTS, {"image": [image]}, finder=finder, **options)


def test_a_crop_is_segmented_as_a_whole_and_the_finder_is_not_asked():
    finder, crop = finding(), noise((36, 50, 36))
    found = plan(crop, finder)
    assert list(found.parts) == [""]
    assert found.parts[""].images["image"][0] is crop
    assert not finder.asked
    assert not found.joins


def test_a_large_image_is_cut_to_the_regions_that_the_finder_sees():
    found = plan(noise((120, 70, 60)), finding())
    assert found.boxes == BOXES
    assert found.joins
    assert [part.images["image"][0].shape for part in found.parts.values()] == [(41, 55, 45)] * 2
    assert found.about()["finder"]["regions_mm"]["left"] == [[5, 5, 5], [45, 59, 49]]


def test_a_finder_that_is_not_sure_is_refused_and_forced_it_is_a_warning():
    finder = finding("The head is odd.")
    with pytest.raises(InputError, match=r"not found for certain\. The head is odd\. Choose a region .*--force"):
        plan(noise((120, 70, 60)), finder)
    warnings = plan(noise((120, 70, 60)), finder, force=True).warnings
    assert warnings[0].startswith("The regions left, right were not found for certain. The head is odd.")


def test_forced_an_image_in_which_a_region_does_not_lie_is_segmented_as_a_whole():
    finder = finding("The region 'right' lies beside it.", regions={"left": BOXES["left"]})
    with pytest.raises(InputError, match=r"lies beside it\. Choose a region"):
        plan(noise((120, 70, 60)), finder)
    found = plan(noise((120, 70, 60)), finder, force=True)
    assert list(found.parts) == [""]
    assert found.about() == {}
    assert "lies beside it" in found.warnings[0]
    assert found.warnings[1].startswith("The image measures 120 x 70 x 60 mm")


def test_a_blank_image_is_refused_before_the_finder_is_asked():
    finder = finding()
    with pytest.raises(InputError, match="The image is blank"):
        plan(Volume(np.zeros((120, 70, 60), np.float32)), finder)
    assert not finder.asked


def test_boxes_of_the_user_come_before_the_finder_and_need_names():
    finder = finding()
    found = plan(noise((120, 70, 60)), finder, region={"left": BOXES["left"], "cyst": BOXES["right"]})
    assert list(found.parts) == ["left", "cyst"]
    assert not finder.asked
    single = plan(noise((120, 70, 60)), finder, region=BOXES["left"])
    assert list(single.parts) == [""]
    for wrong in ({}, {"": BOXES["left"]}):
        with pytest.raises(InputError, match="Regions need a name each"):
            plan(noise((120, 70, 60)), finder, region=wrong)


def test_a_warning_on_one_region_names_it():
    regions = {"left": BOXES["left"], "right": Box((55, 5, 5), (65, 59, 49))}
    (warning,) = plan(noise((120, 70, 60)), region=regions).warnings
    assert warning.startswith("right: The region measures 10 x 54 x 44 mm")


def sided(left: int, right: int) -> tuple[Volume, object]:
    """A joined label map in which every structure of a side has so many voxels of 1 mm3."""
    labels = region_labels(["left", "right"], LabelTable.of_names({1: "a", 2: "b"}), ENTRY)
    array = np.zeros((4, 10_000, 1), np.uint8)
    for value, voxels in enumerate((left, left, right, right)):
        array[value, :voxels] = value + 1
    return Volume(array), labels


def test_sides_of_one_size_have_no_warning_and_far_other_sides_are_refused():
    assert check_sides(MADE_FOR, *sided(1500, 1600)) == []
    (warning,) = check_sides(MADE_FOR, *sided(800, 1600))
    assert "differ by 67 % of their mean" in warning
    with pytest.raises(InputError, match="differ by 140 % of their mean"):
        check_sides(MADE_FOR, *sided(300, 1700))
    with pytest.raises(InputError, match=r"The left anterior hippocampus has 0 ml, .* --region NAME="):
        check_sides(MADE_FOR, *sided(0, 1600))
    with pytest.raises(InputError, match="has 9 ml"):
        check_sides(MADE_FOR, *sided(9000, 9000))
    assert len(check_sides(MADE_FOR, *sided(0, 1600), force=True)) == 3


def test_a_shrunken_hippocampus_of_old_age_is_not_refused():
    assert check_sides(MADE_FOR, *sided(500, 450)) == []


def test_the_trained_size_is_that_of_the_finder_else_the_middle_of_the_training_images():
    assert trained_size_mm(MADE_FOR, finding()) == (40, 54, 44)
    assert trained_size_mm(MADE_FOR) == (37, 49.5, 36.5)
    assert box_around((0, 0, 0), trained_size_mm(MADE_FOR)).upper_mm == (18.5, 24.75, 18.25)


def centring(shift_mm, *, seen: bool = True):
    """What a network sees in a region: the structure's usual place, moved by so much."""
    asked = []

    def centroid(images):
        asked.append(images)
        middle = np.array(images["image"][0].bounds.lower_mm) + images["image"][0].bounds.upper_mm
        usual = (1.7 if middle[0] > 100 else -1.7, 1.3, -2.2)  # the right region lies above 50 mm
        return middle / 2 + usual + shift_mm if seen else None

    return centroid, asked


def test_a_region_that_is_off_is_moved_to_the_structure():
    centroid, asked = centring((3.2, 0, -6))
    found = plan(noise((120, 90, 70)), finding(regions=INNER), centroid=centroid)
    assert len(asked) == 2
    assert found.boxes["left"].lower_mm == (18, 15, 9)
    assert found.boxes["left"].upper_mm == (58, 69, 53)
    assert found.about()["finder"]["centred_by_mm"] == pytest.approx(6.7)
    assert found.parts["left"].images["image"][0].bounds.lower_mm[2] <= 9


@pytest.mark.parametrize(
    ("shift_mm", "seen", "why"),
    [((1.5, 0, -2), True, "near enough"), ((0, 17, 0), True, "too far to be believed"), ((6, 6, 6), False, "blind")],
)
def test_a_region_stays_where_it_is(shift_mm, seen, why):
    found = plan(noise((120, 90, 70)), finding(regions=INNER), centroid=centring(shift_mm, seen=seen)[0])
    assert found.boxes == INNER, why


def test_a_region_is_not_moved_out_of_the_image():
    found = plan(noise((120, 64, 60)), finding(regions=BOXES), centroid=centring((0, 0, -12))[0])
    assert found.boxes == BOXES


def test_regions_that_are_doubted_and_regions_of_a_user_are_not_moved():
    centroid, asked = centring((5, 5, 5))
    plan(noise((120, 90, 70)), finding("The image hardly resembles it."), force=True, centroid=centroid)
    plan(noise((120, 90, 70)), finding(), region=dict(INNER), centroid=centroid)
    assert not asked
