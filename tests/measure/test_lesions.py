from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from bodies import CENTRE_MM, draw, grid, sphere
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from monai_attn.errors import GeometryError, InputError, LabelError
from monai_attn.labels import LabelTable
from monai_attn.measure import measure_lesions
from monai_attn.measure.components import CONNECTIVITY, components
from monai_attn.volume import Volume

TABLE = LabelTable.of_names({1: "liver", 2: "tumour", 3: "spleen"})


def test_two_balls_are_two_lesions_the_larger_first():
    on = grid((1, 1, 2), turn_deg=(5, 10, 15))
    body = draw(sphere(6, (-6, 0, 0)), draw(sphere(4, (7, 0, 0)), on))
    large, small = measure_lesions(body, 1)
    assert (large.number, small.number, large.name) == (1, 2, "lesion 1")
    assert large.volume_ml == pytest.approx(0.905, rel=0.03)
    assert small.volume_ml == pytest.approx(0.268, rel=0.05)
    assert np.array(small.centroid_mm) - CENTRE_MM == pytest.approx(np.array([7, 0, 0]), abs=0.2)
    assert large.axial_diameter_mm == pytest.approx(12, abs=0.8)
    assert large.slice_tilt_deg == pytest.approx(np.degrees(np.arccos(np.cos(np.radians(5)) * np.cos(np.radians(10)))))
    assert large.who_product_mm2 == large.axial_diameter_mm * large.perpendicular_diameter_mm


def test_the_largest_section_is_the_slice_through_the_centre():
    (lesion,) = measure_lesions(draw(sphere(9), on := grid((0.8, 0.8, 2.0))), 1)
    assert lesion.slice_axis == 2
    assert lesion.largest_slice == round(on.to_index(CENTRE_MM)[2])
    assert lesion.largest_section_mm2 == pytest.approx(np.pi * 81, rel=0.02)
    assert lesion.diameter_slice == pytest.approx(lesion.largest_slice, abs=1)


def test_the_diameters_run_between_points_in_patient_space():
    (lesion,) = measure_lesions(draw(sphere(9), grid((0.8, 0.8, 2.0), turn_deg=(10, 0, 30))), 1)
    one, other = (np.array(point) for point in lesion.axial_ends_mm)
    assert np.linalg.norm(one - other) == pytest.approx(lesion.axial_diameter_mm)
    assert np.linalg.norm((one + other) / 2 - CENTRE_MM) < 2


@pytest.mark.parametrize(("connectivity", "lesions"), [(6, 3), (18, 2), (26, 1)])
def test_voxels_that_touch_by_an_edge_or_a_corner_are_one_lesion_when_told(connectivity, lesions):
    array = np.zeros((4, 4, 4), np.uint8)
    array[0, 0, 0] = array[1, 1, 0] = array[2, 2, 1] = 1
    assert len(measure_lesions(Volume(array), 1, connectivity=connectivity)) == lesions


def test_lesions_below_the_smallest_size_are_left_out_and_one_of_exactly_that_size_is_kept():
    array = np.zeros((9, 3, 3), np.uint8)
    array[0:2, 0, 0], array[4:7, 0, 0] = 1, 1
    labels = Volume(array)  # 2 and 3 voxels of 0.001 ml
    assert [lesion.voxels for lesion in measure_lesions(labels, 1, min_ml=0.003)] == [3]
    assert [lesion.voxels for lesion in measure_lesions(labels, 1, min_ml=0.0021)] == [3]
    assert [lesion.voxels for lesion in measure_lesions(labels, 1, min_ml=0.002)] == [3, 2]


def test_no_lesion_is_an_empty_list():
    assert measure_lesions(Volume(np.zeros((3, 3, 3), np.uint8)), 1) == []


def test_intensities_of_each_lesion_are_its_own():
    array = np.zeros((9, 3, 3), np.uint8)
    array[0:3, 0, 0] = array[5:7, 0, 0] = 1
    suv = Volume(np.where(np.arange(9)[:, None, None] < 4, 2.0, 7.0) * np.ones((9, 3, 3)), unit="g/ml")
    first, second = measure_lesions(Volume(array), 1, image=suv)
    assert first.intensity is not None
    assert second.intensity is not None
    assert (first.intensity.mean, second.intensity.mean, second.intensity.unit) == (2.0, 7.0, "g/ml")


@pytest.mark.parametrize("at", [(6, 6, 6), (0, 0, 0), (11, 11, 11)])
def test_a_tumour_in_its_own_label_lies_in_the_organ_around_it(at):
    array = np.ones((12, 12, 12), np.uint8)
    array[at] = 2
    labels = Volume(array)
    read_again = labels.with_array(labels.array.copy())  # as when a command is given one file twice
    (again,) = measure_lesions(labels, 2, organs=SimpleNamespace(labels=read_again, table=TABLE))
    (lesion,) = measure_lesions(labels, 2, organs=SimpleNamespace(labels=labels, table=TABLE))
    assert again.organ == lesion.organ
    assert lesion.organ == "liver"


def test_a_tumour_in_another_map_lies_in_the_organ_under_it_even_when_the_numbers_are_the_same():
    tumour, organs = np.zeros((9, 9, 9), np.uint8), np.zeros((9, 9, 9), np.uint8)
    tumour[3:6, 3:6, 3:6] = 1
    organs[:, :, :4], organs[:, :, 4:] = 3, 1
    (lesion,) = measure_lesions(Volume(tumour), 1, organs=SimpleNamespace(labels=Volume(organs), table=TABLE))
    assert lesion.organ == "liver"


def test_a_tumour_in_no_organ_has_none():
    tumour = np.zeros((5, 5, 5), np.uint8)
    tumour[2, 2, 2] = 1
    labels = Volume(tumour)
    organs = SimpleNamespace(labels=labels.with_array(np.zeros_like(tumour)), table=TABLE)
    assert [lesion.organ for lesion in measure_lesions(labels, 1, organs=organs)] == [""]
    assert [lesion.organ for lesion in measure_lesions(labels, 1)] == [""]


def test_what_cannot_be_measured_is_refused_with_the_value():
    labels = Volume(np.ones((3, 3, 3), np.uint8))
    with pytest.raises(InputError, match="Connectivity is one of 6, 18, 26 neighbours, not 8"):
        measure_lesions(labels, 1, connectivity=8)
    with pytest.raises(LabelError, match="A lesion label is 1 or more; this one is 0"):
        measure_lesions(labels, 0)
    with pytest.raises(InputError, match="smallest lesion to count has 0 ml or more, not nan"):
        measure_lesions(labels, 1, min_ml=float("nan"))
    with pytest.raises(GeometryError, match="The label map and the image lie on different grids"):
        measure_lesions(labels, 1, image=Volume(np.ones((3, 3, 4))))


@pytest.mark.parametrize("other", [(8, 8, 8), (8, 8, 7), (8, 6, 8), (8, 7, 7)])
def test_a_lesion_that_goes_on_in_the_next_cell_is_one(other):
    array = np.zeros((20, 20, 20), np.uint8)
    array[7, 7, 7] = array[other] = 1
    assert len(components(array, 1)) == 1


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    share=st.sampled_from([0.005, 0.03, 0.2]),
    connectivity=st.sampled_from([6, 18, 26]),
    order=st.sampled_from("CF"),
)
def test_components_found_through_cells_are_those_of_one_pass_over_the_whole_volume(seed, share, connectivity, order):
    generator = np.random.default_rng(seed)
    shape = generator.integers(3, 40, size=3)
    array = np.asarray(generator.random(shape) < share, np.uint8, order=order) * np.uint8(7)
    whole, count = ndimage.label(array == 7, CONNECTIVITY[connectivity])
    found = components(array, 7, connectivity=connectivity)
    assert len(found) == count
    again = np.zeros(array.shape, int)
    for block, mask in found:
        numbers = np.unique(whole[block][mask])
        assert numbers.size == 1
        assert mask.sum() == (whole == numbers[0]).sum()
        again[block] += mask
    assert (again == (array == 7)).all()
