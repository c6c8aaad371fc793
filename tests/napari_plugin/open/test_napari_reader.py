"""Files to layers: images and label maps, DICOM series and structures, what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from dicom_maker import empty, save, slices_of
from napari.components import ViewerModel
from napari.layers import Image, Labels
from phantoms import phantom, signed_permutations
from segmented import with_labels

from monai_attn.cases.kinds import is_label_map, named_as_labels
from monai_attn.cases.offers import offers_in
from monai_attn.errors import FileError, GeometryError, InputError
from monai_attn.io import read, write, write_dicom_seg
from monai_attn.labels import LabelTable
from monai_attn.napari.layers.volumes import origin_of, volume_of
from monai_attn.napari.open.dicomseg import OpenImage, masks_on
from monai_attn.napari.open.notes import layer_notes, overlay_warnings
from monai_attn.napari.open.reader import get_reader
from monai_attn.napari.open.reading import read_path
from monai_attn.segmentation import Segmentation
from monai_attn.volume import Volume, same_grid

ID = "monai_attn"
TABLE = LabelTable.of_names({1: "liver", 3: "tumour"})


def mask_on(grid: Volume) -> Volume:
    array = np.zeros(grid.shape, np.uint8)
    array[1:4, 1:3], array[2:4, 3:5] = 1, 3
    return grid.with_array(array)


@pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".nrrd", ".mha", ".mhd"])
def test_an_image_file_opens_where_it_lies(model: ViewerModel, tmp_path: Path, ending: str) -> None:
    volume = phantom(signed_permutations()[17])
    write(volume, tmp_path / f"t1{ending}")
    (layer,) = model.open(tmp_path / f"t1{ending}", plugin=ID)
    assert isinstance(layer, Image)
    assert layer.name == "t1"
    back = volume_of(layer)
    assert same_grid(back, volume)
    np.testing.assert_array_equal(back.array, volume.array)
    assert origin_of(layer).path == str(tmp_path / f"t1{ending}")


def test_the_value_under_the_cursor_is_that_of_the_patient(model: ViewerModel, tmp_path: Path) -> None:
    volume = phantom(tilt=(0, 0, 0))
    write(volume, tmp_path / "t1.nii.gz")
    (layer,) = model.open(tmp_path / "t1.nii.gz", plugin=ID)
    r, a, s = volume.to_world((2, 3, 4))
    model.dims.point = (s, -a, -r)
    assert layer.get_value((s, -a, -r), world=True) == volume.array[2, 3, 4]


def test_a_mask_of_ours_opens_as_labels_with_its_names(model: ViewerModel, tmp_path: Path) -> None:
    Segmentation(mask_on(phantom()), TABLE).write(tmp_path / "liver.nii.gz")
    (layer,) = model.open(tmp_path / "liver.nii.gz", plugin=ID)
    assert isinstance(layer, Labels)
    assert list(layer.features["name"]) == ["liver", "tumour"]
    assert origin_of(layer).table == TABLE


@pytest.mark.parametrize(
    "name", ["case_017_seg", "Brain-Mask", "labels", "left.label", "sub-01_dseg", "x_segmentation"]
)
def test_names_of_label_maps_are_known(name: str) -> None:
    assert named_as_labels(name)


@pytest.mark.parametrize("name", ["segway", "unmasked", "t1", "labelled_t1", "image"])
def test_other_names_are_not(name: str) -> None:
    assert not named_as_labels(name)


def test_even_patches_are_labels_and_noise_is_an_image() -> None:
    grid = phantom(shape=(20, 21, 22))
    noise = np.random.default_rng(3).integers(0, 256, grid.shape).astype(np.uint8)
    labels = np.kron(np.arange(8).reshape(2, 2, 2), np.ones((10, 10, 10))).astype(np.int16)
    assert not is_label_map(grid.with_array(noise), "scan")
    assert is_label_map(Volume(labels), "scan")
    assert not is_label_map(Volume(labels - 1), "scan_seg")
    assert not is_label_map(Volume(labels.astype(np.float32)), "scan")
    assert is_label_map(Volume(labels.astype(np.float32)), "scan_seg")
    assert not is_label_map(Volume(labels + 0.5), "scan_seg")
    assert not is_label_map(Volume(labels, modality="CT"), "scan")
    assert not is_label_map(Volume(np.zeros((5, 5, 5), np.uint8)), "scan")
    assert is_label_map(Volume(np.zeros((5, 5, 5), np.uint8)), "empty_mask")


def test_8_bit_mr_is_an_image(shared_data: Path) -> None:
    folder = shared_data / "hippocampus"
    for part, kind in (("imagesTr", "image"), ("labelsTr", "labels")):
        paths = sorted((folder / part).glob("*.nii.gz"))[:40]
        assert paths
        assert {read_path(path)[0][2] for path in paths} == {kind}


@pytest.mark.parametrize(("count", "opened"), [(3, [0, 1, 2]), (7, [0])])
def test_a_4d_file_gives_a_layer_per_volume_when_they_are_few(tmp_path: Path, count: int, opened: list[int]) -> None:
    volume = phantom(dtype=np.float32)
    four = np.stack([volume.array * (t + 1) for t in range(count)], axis=-1)
    nibabel.save(nibabel.Nifti1Image(four, volume.affine), tmp_path / "bold.nii.gz")
    layers = read_path(tmp_path / "bold.nii.gz")
    assert [keywords["name"] for _, keywords, _ in layers] == [f"bold [{t}]" for t in opened]
    offers = offers_in(tmp_path / "bold.nii.gz")
    assert len(offers) == count
    assert ("of 7; the first is ticked" in offers[0].warning) == (count == 7)
    for t, (data, keywords, _) in zip(opened, layers, strict=True):
        assert keywords["metadata"]["monai_attn"].volume == t
        assert data.max() == volume.array.max() * (t + 1)


def test_a_dicom_folder_opens_in_the_order_of_places(model: ViewerModel, tmp_path: Path) -> None:
    volume = phantom()
    save(tmp_path / "scan", slices_of(volume))
    (layer,) = model.open(tmp_path / "scan", plugin=ID)
    assert layer.name == "MR: t1 axial"
    assert same_grid(volume_of(layer), volume)
    np.testing.assert_array_equal(volume_of(layer).array, volume.array)


def test_slices_dropped_one_by_one_open_their_series_once(tmp_path: Path) -> None:
    save(tmp_path, slices_of(phantom()))
    paths = [str(path) for path in sorted(tmp_path.iterdir())]
    reader = get_reader(paths)
    assert len(reader(paths)) == 1
    assert len(get_reader(paths[3])(paths[3])) == 1


def test_several_series_lie_over_each_other_and_keep_their_key(tmp_path: Path) -> None:
    one, other = phantom(tilt=(0, 0, 0)), phantom(tilt=(0, 0, 0), shape=(4, 9, 3), origin_mm=(3, 2, 1))
    save(tmp_path / "a", slices_of(one))
    save(tmp_path / "b", slices_of(other, modality="CT"))
    layers = read_path(tmp_path)
    origins = [keywords["metadata"]["monai_attn"] for _, keywords, _ in layers]
    for origin in origins:
        again = read(origin.path, series=origin.series)
        assert same_grid(again, origin.grid)
        assert again.modality == origin.grid.modality
    assert {origin.grid.shape for origin in origins} == {one.shape, other.shape}


def test_a_seg_beside_its_images_opens_as_labels_on_their_grid(model: ViewerModel, tmp_path: Path) -> None:
    volume = phantom()
    with_labels(tmp_path / "scan", volume)
    write_dicom_seg(
        mask_on(volume), TABLE, tmp_path / "scan", tmp_path / "liver.dcm", algorithm="test", algorithm_version="1"
    )
    assert [offer.structures for offer in offers_in(tmp_path)] == [False, True]
    image, labels = model.open(tmp_path, plugin=ID)
    assert isinstance(image, Image)
    assert isinstance(labels, Labels)
    assert list(labels.features["name"]) == ["liver", "tumour"]
    assert same_grid(volume_of(labels), volume_of(image))
    np.testing.assert_array_equal(volume_of(labels).array, mask_on(volume).array)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "IM0000").write_bytes(next((tmp_path / "scan").iterdir()).read_bytes()[:500])
    (alone,) = ViewerModel().open(tmp_path / "liver.dcm", plugin=ID)
    assert volume_of(alone).voxel_ml * (alone.data > 0).sum() == pytest.approx(
        volume.voxel_ml * (mask_on(volume).array > 0).sum()
    )


def test_a_damaged_seg_is_called_damaged_and_asks_for_no_image(tmp_path: Path) -> None:
    volume = phantom()
    with_labels(tmp_path / "scan", volume)
    (tmp_path / "far" / "alone").mkdir(parents=True)
    seg = tmp_path / "far" / "alone" / "seg.dcm"
    write_dicom_seg(mask_on(volume), TABLE, tmp_path / "scan", seg, algorithm="test", algorithm_version="1")
    dataset = pydicom.dcmread(seg)
    del dataset.SegmentationType
    dataset.save_as(seg)
    with pytest.raises(InputError, match="SegmentationType missing") as refused:
        masks_on(seg)
    assert "Open that image first" not in str(refused.value)


def test_overlapping_segments_become_a_layer_each(shared_data: Path) -> None:
    layers = read_path(shared_data / "dicom" / "seg_dcmqi" / "partial_overlaps.dcm")
    assert len(layers) > 1
    assert {kind for _, _, kind in layers} == {"labels"}
    assert "Structures overlap" in layer_notes(layers)[0]
    assert len({keywords["name"] for _, keywords, _ in layers}) == len(layers)


def test_contours_find_the_image_beside_them(shared_data: Path) -> None:
    folder = shared_data / "dicom" / "sarcoma_STS_003" / "MR_T1"
    contours = next(path for path in (folder / "mask").rglob("*") if path.is_file())
    (layer,) = read_path(contours)
    data, keywords, kind = layer
    assert kind == "labels"
    assert data.any()
    grid = keywords["metadata"]["monai_attn"].grid
    assert same_grid(grid, read_path(folder / "image")[0][1]["metadata"]["monai_attn"].grid)


def test_contours_are_put_on_the_image_they_name_even_where_another_fits(shared_data: Path) -> None:
    layers = read_path(shared_data / "dicom" / "sarcoma_STS_003")
    origins = [keywords["metadata"]["monai_attn"] for _, keywords, _ in layers]
    images = {origin.grid.shape: origin.grid.modality for origin in origins if origin.role == "image"}
    parts = {Path(origin.path).parts[-3]: images[origin.grid.shape] for origin in origins if origin.role == "labels"}
    assert parts == {"CT": "CT", "MR_T1": "MR", "PET": "PT"}


def test_contours_without_an_image_are_refused(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "dicom" / "sarcoma_STS_003" / "MR_T1"
    contours = next(path for path in (folder / "mask").rglob("*") if path.is_file())
    alone = tmp_path / "deep" / "deeper" / "rt.dcm"
    alone.parent.mkdir(parents=True)
    alone.write_bytes(contours.read_bytes())
    with pytest.raises(InputError, match=r"no grid.*Open that image first"):
        read_path(alone)


def test_notes_of_the_reader_and_the_angle_are_said(tmp_path: Path) -> None:
    volume = phantom(tilt=(0, 0, 12))
    image = nibabel.Nifti1Image(np.asarray(volume.array), volume.affine)
    image.header.set_xyzt_units("meter")
    image.header["pixdim"][1:4] /= 1000
    affine = volume.affine.copy()
    affine[:3] /= 1000
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    nibabel.save(image, tmp_path / "t1.nii")
    (note,) = layer_notes(read_path(tmp_path / "t1.nii"))
    assert note.startswith("t1: The header is in metres")
    assert note.endswith("Oblique by 12.0 degrees: drawn upright, in the planes of the scan.")


def test_other_frames_of_reference_and_angles_are_warned_of() -> None:
    one = phantom()
    here, there = (Volume(one.array, one.affine, frame_of_reference=uid) for uid in ("1.2", "1.3"))
    turned = phantom(tilt=(0, 0, 0))
    a = OpenImage("a", here)
    assert overlay_warnings([a, OpenImage("b", here), OpenImage("c", one)]) == []
    (text,) = overlay_warnings([a, OpenImage("b", there)])
    assert "b and a have different frames of reference" in text
    (text,) = overlay_warnings([OpenImage("a", one), OpenImage("b", turned)])
    assert "b and a were scanned at different angles" in text


def test_the_reader_decides_by_first_bytes(tmp_path: Path) -> None:
    save(tmp_path / "scan", slices_of(phantom()))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("nothing")
    write(phantom(), tmp_path / "T1.NII.GZ")
    file = next((tmp_path / "scan").iterdir())
    assert file.suffix == ""
    assert get_reader(str(file)) is not None
    assert get_reader(str(tmp_path / "scan")) is not None
    assert get_reader(str(tmp_path / "T1.NII.GZ")) is not None
    assert get_reader(str(tmp_path / "other")) is None
    assert get_reader(str(tmp_path / "other" / "notes.txt")) is None
    assert get_reader(str(tmp_path / "missing.dcm")) is None
    assert get_reader([str(file), str(tmp_path / "other" / "notes.txt")]) is None
    assert get_reader([]) is None


def test_bad_files_are_refused_readably(model: ViewerModel, tmp_path: Path) -> None:
    (tmp_path / "broken.nii").write_bytes(b"nothing of the kind")
    with pytest.raises(FileError, match=r"broken\.nii is not a NIfTI file"):
        model.open(tmp_path / "broken.nii", plugin=ID)
    volume = phantom(shape=(5, 6, 9))
    save(tmp_path / "gap", [ds for k, ds in enumerate(slices_of(volume)) if k != 4])
    with pytest.raises(InputError, match=r"gap: slices are .* mm apart .* 1 slice is missing"):
        model.open(tmp_path / "gap", plugin=ID)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileError, match="empty holds no DICOM images"):
        offers_in(tmp_path / "empty")
    with pytest.raises(FileError, match="does not exist"):
        offers_in(tmp_path / "missing")


def test_a_bad_file_in_a_folder_does_not_hide_the_others(tmp_path: Path) -> None:
    write(phantom(), tmp_path / "good.nii")
    (tmp_path / "broken.nii").write_bytes(b"nothing of the kind")
    broken, good = sorted(offers_in(tmp_path), key=lambda offer: offer.name)
    assert "not a NIfTI file" in broken.problem
    assert (broken.chosen, good.chosen, good.problem) == (False, True, "")
    assert [keywords["name"] for _, keywords, _ in read_path(tmp_path)] == ["good"]


def test_a_dicom_object_without_pictures_is_refused(tmp_path: Path) -> None:
    report = empty("1.2.840.10008.5.1.4.1.1.88.11", "SR")
    report.save_as(tmp_path / "report.dcm", enforce_file_format=True)
    with pytest.raises(FileError, match="holds no DICOM image"):
        read_path(tmp_path / "report.dcm")


def test_a_foreign_json_beside_an_image_is_left_alone(tmp_path: Path) -> None:
    write(phantom(), tmp_path / "t1.nii.gz")
    (tmp_path / "t1.json").write_text(json.dumps({"RepetitionTime": 2}))
    assert read_path(tmp_path / "t1.nii.gz")[0][2] == "image"
    (tmp_path / "t1.json").write_text("{broken")
    assert read_path(tmp_path / "t1.nii.gz")[0][2] == "image"


def test_contours_of_another_frame_are_refused_with_the_reason(tmp_path: Path, shared_data: Path) -> None:
    folder = shared_data / "dicom" / "sarcoma_STS_003" / "MR_T1"
    contours = next(path for path in (folder / "mask").rglob("*") if path.is_file())
    alone = tmp_path / "deep" / "deeper" / "rt.dcm"
    alone.parent.mkdir(parents=True)
    alone.write_bytes(contours.read_bytes())
    save(tmp_path / "deep" / "scan", slices_of(phantom()))
    with pytest.raises(GeometryError, match=r"another frame of reference.*No image that is open"):
        read_path(alone)


def test_opening_a_file_loads_neither_torch_nor_monai(tmp_path: Path) -> None:
    write(phantom(), tmp_path / "t1.nii.gz")
    save(tmp_path / "scan", slices_of(phantom()))
    code = (
        "import sys, monai_attn.napari.open.reader as reader\n"
        f"for path in {[str(tmp_path / 't1.nii.gz'), str(tmp_path / 'scan')]!r}:\n"
        "    assert reader.get_reader(path)(path)\n"
        "print(*sorted({'torch', 'monai', 'ignite', 'openvino'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == ""
