"""DICOM SEG: written against a series, every voxel where it was in the patient."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phantoms import phantom, signed_permutations
from pydicom import dcmread
from segmented import BY, SIDES, TABLE, TILTS, VIEWS, six_sided, with_labels

from monai_attn.io.dicomseg import read_dicom_seg, write_dicom_seg
from monai_attn.labels import Label, LabelTable
from monai_attn.volume import Volume, same_grid

ONE = LabelTable((Label(1, "lesion", "#d02020"),))


@pytest.mark.parametrize("tilt", TILTS)
@pytest.mark.parametrize("view", VIEWS)
def test_left_is_left_front_is_front_and_head_is_head_in_every_view(tmp_path, view, tilt):
    made = six_sided(VIEWS[view], TILTS[tilt])
    labels = with_labels(tmp_path / "series", made)
    write_dicom_seg(labels, TABLE, tmp_path / "series", tmp_path / "seg.dcm", **BY)
    centres = _centres_by_hand(tmp_path / "seg.dcm")
    assert set(centres) == set(SIDES)
    for name, (axis, sign) in SIDES.items():
        assert centres[name][axis] * sign > 9
        assert np.abs(np.delete(centres[name], axis)).max() < 1.5
    back = read_dicom_seg(tmp_path / "seg.dcm", like=labels)
    np.testing.assert_array_equal(back.label_map().array, labels.array)
    alone = read_dicom_seg(tmp_path / "seg.dcm").label_map()
    for label in TABLE:
        assert_close(_centre(alone, label.value), _centre(made, label.value))


def _centres_by_hand(path) -> dict[str, np.ndarray]:
    """From the file alone, by the formula of PS3.3 C.7.6.2.1.1 in DICOM's LPS+; nothing of ours is used."""
    ds = dcmread(path)
    shared = ds.SharedFunctionalGroupsSequence[0]
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
    between_rows, between_columns = (float(x) for x in shared.PixelMeasuresSequence[0].PixelSpacing)
    names = {item.SegmentNumber: item.SegmentLabel for item in ds.SegmentSequence}
    points: dict[str, list] = {}
    frames = np.reshape(ds.pixel_array, (-1, ds.Rows, ds.Columns))
    for group, pixels in zip(ds.PerFrameFunctionalGroupsSequence, frames, strict=True):
        position = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
        name = names[group.SegmentIdentificationSequence[0].ReferencedSegmentNumber]
        for row, column in np.argwhere(pixels):
            lps = position + cosines[:3] * between_columns * column + cosines[3:] * between_rows * row
            points.setdefault(name, []).append([-lps[0], -lps[1], lps[2]])
    return {name: np.mean(found, axis=0) for name, found in points.items()}


def _centre(labels: Volume, value: int) -> np.ndarray:
    return labels.to_world(np.argwhere(labels.array == value)).mean(axis=0)


def assert_close(one, other):
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_a_second_reader_finds_the_voxels_in_the_same_places(tmp_path):
    """highdicom's reader, which shares no code with ours."""
    from highdicom.seg import segread

    labels = with_labels(tmp_path / "series", six_sided(VIEWS["sagittal"], TILTS["oblique"]))
    write_dicom_seg(labels, TABLE, tmp_path / "series", tmp_path / "seg.dcm", **BY)
    volume = segread(tmp_path / "seg.dcm").get_volume(combine_segments=True)
    lps = volume.affine @ [*np.argwhere(volume.array == 1).mean(axis=0), 1]
    assert_close(lps[:3] * [-1, -1, 1], _centre(labels, 2))


def test_each_of_the_48_orientations_reads_back_to_the_same_voxels(tmp_path):
    random = np.random.default_rng(1)
    for number, axes in enumerate(signed_permutations()):
        folder = tmp_path / str(number)
        made = phantom(axes, shape=(5, 4, 3))
        made = made.with_array(random.integers(0, 2, made.shape).astype(np.int16))
        labels = with_labels(folder, made)
        write_dicom_seg(labels, ONE, folder, tmp_path / f"{number}.dcm", **BY)
        back = read_dicom_seg(tmp_path / f"{number}.dcm", like=labels)
        np.testing.assert_array_equal(back.label_map().array, labels.array)
        # Also on the grid that the labels were made on, whose axes the DICOM series has swapped and reversed.
        own = read_dicom_seg(tmp_path / f"{number}.dcm", like=Volume(made.array, made.affine))
        np.testing.assert_array_equal(own.label_map().array, made.array)


@given(
    tilt=st.tuples(*[st.floats(-180, 180)] * 3),
    spacing_mm=st.tuples(*[st.floats(0.2, 9)] * 3),
    origin_mm=st.tuples(*[st.floats(-500, 500)] * 3),
    seed=st.integers(0, 99),
)
@settings(max_examples=12, deadline=None)
def test_any_oblique_series_reads_back_to_the_same_voxels(tmp_path_factory, tilt, spacing_mm, origin_mm, seed):
    folder = tmp_path_factory.mktemp("oblique")
    made = phantom(tilt=tilt, spacing_mm=spacing_mm, origin_mm=origin_mm, shape=(3, 4, 5))
    made = made.with_array(np.random.default_rng(seed).integers(0, 2, made.shape).astype(np.int16))
    array = made.array.copy()
    array[0, 0, [0, -1]] = 1  # both ends are stored, so that the file alone knows the whole grid
    labels = with_labels(folder / "series", made.with_array(array))
    write_dicom_seg(labels, ONE, folder / "series", folder / "seg.dcm", **BY)
    alone = read_dicom_seg(folder / "seg.dcm").label_map()
    assert same_grid(alone, labels)
    np.testing.assert_array_equal(alone.array, labels.array)
