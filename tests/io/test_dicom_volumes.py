"""Series that hold several volumes: diffusion, time series, slabs. What tells them apart, and what is said."""

from __future__ import annotations

import re

import numpy as np
import pytest
from dicom_maker import enhanced, item, save, slices_of
from phantoms import assert_same_in_patient, phantom
from pydicom import dcmread
from pydicom.uid import generate_uid

from monai_attn.errors import GeometryError, InputError
from monai_attn.io import list_series, read
from monai_attn.volume import Volume

GRADIENTS = [None, [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.6, 0.8], None]
"""Of five volumes: one without diffusion weighting, three directions, and their average."""

B_VALUES = [0, 1000, 1000, 1000, 1000]


def several(count: int):
    return [phantom().with_array(phantom().array + 1000 * n) for n in range(count)]


def classic(folder, volumes, tell, series_uid=""):
    """Volume n is told by `tell(dataset, n, k)`."""
    uid, datasets = series_uid or generate_uid(), []
    for n, volume in enumerate(volumes):
        for k, ds in enumerate(slices_of(volume, series_uid=uid)):
            tell(ds, n, k)
            datasets.append(ds)
    return save(folder, datasets)


def assert_volumes(folder, volumes, told_by, order=None):
    (listed,) = list_series(folder)
    assert (listed.volumes, listed.problem) == (len(volumes), "")
    with pytest.raises(InputError, match=rf"{len(volumes)} volumes at the same places, told apart by {told_by}\."):
        read(folder)
    for place, n in enumerate(order or range(len(volumes))):
        back = read(folder, volume=place)
        assert_same_in_patient(back, volumes[n])
        assert back.notes == (f"Volume {place} of {len(volumes)}, told apart by {told_by}.",)


def diffusion(n):
    group = item(DiffusionBValue=float(B_VALUES[n]), DiffusionDirectionality="DIRECTIONAL" if GRADIENTS[n] else "NONE")
    if n == 4:
        group.DiffusionDirectionality = "ISOTROPIC"
    if GRADIENTS[n]:
        group.DiffusionGradientDirectionSequence = [item(DiffusionGradientOrientation=GRADIENTS[n])]
    return group


def enhanced_diffusion(tell):
    """Five volumes in one enhanced object without a time index; `tell(group, volume)` completes each frame."""
    ds = enhanced(several(5))
    slices = phantom().shape[2]
    for number, group in enumerate(ds.PerFrameFunctionalGroupsSequence):
        del group.FrameContentSequence[0].TemporalPositionIndex
        tell(group, number // slices, number % slices)
    return ds


def test_philips_enhanced_diffusion_is_told_apart_by_b_value_and_gradient(tmp_path):
    def tell(group, n, _):
        group.MRDiffusionSequence = [diffusion(n)]

    folder = save(tmp_path / "x", [enhanced_diffusion(tell)])
    told = "DiffusionBValue and DiffusionGradientOrientation"
    assert_volumes(folder, several(5), told, order=[0, 4, 3, 2, 1])


def test_dimension_indices_tell_apart_what_nothing_else_does(tmp_path):
    def tell(group, n, k):
        group.FrameContentSequence[0].DimensionIndexValues = [1, k + 1, n + 1]

    assert_volumes(save(tmp_path / "x", [enhanced_diffusion(tell)]), several(5), "DimensionIndexValues 3")


def test_dimension_indices_tell_volumes_apart_in_pairs(tmp_path):
    def tell(group, n, k):
        group.FrameContentSequence[0].DimensionIndexValues = [1, k + 1, 1 if n == 0 else 2, max(1, n)]

    folder = save(tmp_path / "x", [enhanced_diffusion(tell)])
    assert_volumes(folder, several(5), "DimensionIndexValues 3 and DimensionIndexValues 4")


def test_classic_diffusion_is_told_apart_by_public_tags(tmp_path):
    def tell(ds, n, k):
        ds.DiffusionBValue = float(B_VALUES[n])
        if GRADIENTS[n]:
            ds.DiffusionGradientOrientation = GRADIENTS[n]

    folder = classic(tmp_path / "x", several(4), tell)
    told = "DiffusionGradientOrientation"
    assert_volumes(folder, several(4), told, order=[0, 3, 2, 1])


def ge(ds, n, k):
    ds.add_new((0x0043, 0x0010), "LO", "GEMS_PARM_01")
    ds.add_new((0x0043, 0x1039), "IS", [1000000000 + B_VALUES[n], 8, 0, 0])
    ds.add_new((0x0019, 0x0010), "LO", "GEMS_ACQU_01")
    for element, value in zip((0xBB, 0xBC, 0xBD), GRADIENTS[n] or [0, 0, 0], strict=True):
        ds.add_new((0x0019, 0x1000 | element), "DS", str(value))


def philips(ds, n, k):
    ds.add_new((0x2001, 0x0010), "LO", "Philips Imaging DD 001")
    ds.add_new((0x2001, 0x1003), "FL", float(B_VALUES[n]))
    ds.add_new((0x2005, 0x0010), "LO", "Philips MR Imaging DD 001")
    for element, value in zip((0xB0, 0xB1, 0xB2), GRADIENTS[n] or [0, 0, 0], strict=True):
        ds.add_new((0x2005, 0x1000 | element), "FL", float(value))


def siemens(ds, n, k):
    ds.add_new((0x0019, 0x0010), "LO", "SIEMENS MR HEADER")
    ds.add_new((0x0019, 0x100C), "IS", str(B_VALUES[n]))
    if GRADIENTS[n]:
        ds.add_new((0x0019, 0x100E), "FD", GRADIENTS[n])


@pytest.mark.parametrize("vendor", [ge, philips, siemens])
def test_private_b_values_and_gradients_tell_classic_diffusion_apart(tmp_path, vendor):
    folder = classic(tmp_path / "x", several(4), vendor)
    (listed,) = list_series(folder)
    assert (listed.volumes, listed.problem) == (4, "")
    found = [int(read(folder, volume=n).array[0, 0, 0]) // 1000 for n in range(4)]
    assert sorted(found) == [0, 1, 2, 3]
    assert found[0] == 0


def test_fmri_is_told_apart_by_its_time_position(tmp_path):
    def tell(ds, n, k):
        ds.TemporalPositionIdentifier = n + 1
        ds.AcquisitionTime = f"1200{k:02d}"

    assert_volumes(classic(tmp_path / "x", several(5), tell), several(5), "TemporalPositionIdentifier")


@pytest.mark.parametrize("order", ["volume after volume", "place after place"])
def test_volumes_that_only_their_numbers_tell_apart(tmp_path, order):
    def tell(ds, n, k):
        ds.InstanceNumber = 1 + (n * 7 + k if order == "volume after volume" else k * 4 + n)

    assert_volumes(classic(tmp_path / "x", several(4), tell), several(4), "the order of their InstanceNumber")


def test_volumes_whose_numbers_have_no_order_are_refused(tmp_path):
    def tell(ds, n, k):
        ds.InstanceNumber = 1 + (n * 7 + (k + 3 * n) % 7 if k else k * 4 + n + 50)

    with pytest.raises(GeometryError, match="several images lie at one place"):
        read(classic(tmp_path / "x", several(4), tell))


def slabs(folder, gap_mm, overlap=0):
    lower = phantom(tilt=(0, 0, 0), origin_mm=(0, 0, 0), spacing_mm=(1, 1, 3), shape=(5, 6, 8))
    start = 8 * 3 + gap_mm - 3 * overlap
    upper = phantom(tilt=(0, 0, 0), origin_mm=(0, 0, start), spacing_mm=(1, 1, 3), shape=(5, 6, 8))
    return classic(folder, [lower, upper], lambda ds, n, _: setattr(ds, "AcquisitionNumber", n + 1))


@pytest.mark.parametrize(("gap_mm", "overlap"), [(1, 0), (0, 2), (50, 0)])
def test_slabs_beside_each_other_are_not_called_volumes_at_the_same_places(tmp_path, gap_mm, overlap):
    folder = slabs(tmp_path / "x", gap_mm, overlap)
    with pytest.raises(InputError, match="2 stacks of slices at different places, told apart by AcquisitionNumber"):
        read(folder)
    back = read(folder, volume=0)
    assert back.shape == (5, 6, 8)
    assert re.search("It holds 8 of the 16 slices; others lie at places that it does not reach", back.notes[0])


def test_slabs_that_continue_each_other_evenly_are_one_volume(tmp_path):
    back = read(slabs(tmp_path / "x", 0))
    assert back.shape == (5, 6, 16)
    assert back.notes == ()


def test_three_slabs_that_overlap_are_offered_one_by_one(tmp_path):
    volumes = [
        phantom(tilt=(0, 0, 0), origin_mm=(0, 0, 18 * n), spacing_mm=(1, 1, 3), shape=(5, 6, 8)) for n in range(3)
    ]
    folder = classic(tmp_path / "x", volumes, lambda ds, n, _: setattr(ds, "AcquisitionNumber", n + 1))
    with pytest.raises(InputError, match="3 stacks of slices at different places"):
        read(folder)
    assert "It holds 8 of the 24 slices" in read(folder, volume=1).notes[0]


def test_a_last_volume_that_was_stopped_early_says_so(tmp_path):
    def tell(ds, n, _):
        ds.TemporalPositionIdentifier = n + 1

    folder = classic(tmp_path / "x", several(3), tell)
    top = max(
        list_series(folder)[0].frames, key=lambda f: (f.telling["TemporalPositionIdentifier"], f.normal @ f.position)
    )
    top.path.unlink()
    assert "It holds 6 of the 20 slices" in read(folder, volume=2).notes[0]
    assert "It holds" not in read(folder, volume=0).notes[0]
    np.testing.assert_array_equal(read(folder, volume=1).array, several(2)[1].array)


def test_a_volume_that_ends_earlier_than_the_others_says_so(tmp_path):
    def tell(ds, n, k):
        ds.TemporalPositionIdentifier = n + 1

    volumes = [Volume(np.full((5, 6, 20), 1000 * n, np.int16), np.diag([1.0, 1, 2, 1])) for n in range(3)]
    folder = classic(tmp_path / "x", volumes, tell)
    second = [path for path in folder.iterdir() if dcmread(path).TemporalPositionIdentifier == 2]
    max(second, key=lambda path: dcmread(path).ImagePositionPatient[2]).unlink()
    assert any("It has 19 slices, and another one has 20." in note for note in read(folder, volume=1).notes)
    assert not any("another one has" in note for note in read(folder, volume=0).notes)
