"""Labels to files: on the exact grid of the image, however it lies, also for a layer made in napari."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from dicom_maker import save, slices_of
from napari.components import ViewerModel
from napari.layers import Labels
from phantoms import phantom, signed_permutations
from segmented import with_labels

from monai_attn.cases.offers import offers_in
from monai_attn.errors import AttnError
from monai_attn.io import read, read_dicom_seg, write
from monai_attn.io.dicomseg.described import described
from monai_attn.labels import LabelTable
from monai_attn.napari.layers.made_from import MADE_FROM, image_key
from monai_attn.napari.layers.volumes import origin_of, volume_of
from monai_attn.napari.open.opening import add_layers, read_steps
from monai_attn.napari.open.reslice import resliced_layer
from monai_attn.napari.save.writer import write_label_map
from monai_attn.segmentation import Segmentation
from monai_attn.volume import Volume, same_grid

ID = "monai_attn"
TABLE = LabelTable.of_names({1: "liver", 3: "tumour"})

PLACES = {
    "axial": phantom(signed_permutations()[47], tilt=(0, 0, 0)),
    "sagittal": phantom(signed_permutations()[20], tilt=(0, 0, 0)),
    "coronal and oblique": phantom(signed_permutations()[13]),
    "oblique": phantom(),
}


@pytest.fixture
def open_layers(monkeypatch: pytest.MonkeyPatch, model: ViewerModel) -> ViewerModel:
    """A viewer model that napari takes for the current one."""
    monkeypatch.setattr("napari.current_viewer", lambda: model)
    return model


def paint_new_labels(model: ViewerModel) -> Labels:
    model._new_labels()
    layer = model.layers[-1]
    layer.data[1:4, 2:4, 1:3], layer.data[0, 0, 0] = 1, 3
    return layer


@pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".nrrd", ".mha"])
@pytest.mark.parametrize("volume", PLACES.values(), ids=PLACES)
def test_a_fresh_labels_layer_is_saved_on_the_grid_of_its_image(
    open_layers: ViewerModel, tmp_path: Path, volume: Volume, ending: str
) -> None:
    write(volume, tmp_path / "t1.nii")
    open_layers.open(tmp_path / "t1.nii", plugin=ID)
    layer = paint_new_labels(open_layers)
    mask, record = layer.save(str(tmp_path / f"mask{ending}"), plugin=ID)
    assert (Path(mask).name, Path(record).name) == (f"mask{ending}", "mask.json")
    back = Segmentation.load(mask)
    assert same_grid(back.labels, read(tmp_path / "t1.nii"))
    np.testing.assert_array_equal(back.labels.array, volume_of(layer, open_layers.layers).array)
    assert [label.name for label in back.table] == ["label 1", "label 3"]
    (again,) = ViewerModel().open(mask, plugin=ID)
    np.testing.assert_array_equal(again.data, layer.data)


def test_labels_of_one_volume_of_a_4d_image_are_saved_in_3d(open_layers: ViewerModel, tmp_path: Path) -> None:
    volume = phantom(dtype=np.float32)
    four = np.stack([volume.array] * 3, axis=-1)
    nibabel.save(nibabel.Nifti1Image(four, volume.affine), tmp_path / "bold.nii.gz")
    open_layers.open(tmp_path / "bold.nii.gz", plugin=ID)
    layer = paint_new_labels(open_layers)
    layer.save(str(tmp_path / "mask.nii.gz"), plugin=ID)
    back = read(tmp_path / "mask.nii.gz")
    assert same_grid(back, read(tmp_path / "bold.nii.gz", volume=1))


def test_names_colours_and_provenance_are_kept(model: ViewerModel, tmp_path: Path) -> None:
    grid = phantom()
    mask = grid.with_array((grid.array % 2 * 3).astype(np.uint8))
    Segmentation(mask, TABLE, {"bundle": "mine", "bundle_version": "2"}).write(tmp_path / "a_seg.nii.gz")
    (layer,) = model.open(tmp_path / "a_seg.nii.gz", plugin=ID)
    layer.save(str(tmp_path / "b_seg.nii.gz"), plugin=ID)
    back = Segmentation.load(tmp_path / "b_seg.nii.gz")
    assert back.table == TABLE
    assert back.provenance == {"bundle": "mine", "bundle_version": "2"}


def test_a_painted_value_without_a_name_gets_one(model: ViewerModel, tmp_path: Path) -> None:
    grid = phantom()
    Segmentation(grid.with_array((grid.array > 40).astype(np.uint8)), TABLE).write(tmp_path / "a_seg.nii.gz")
    (layer,) = model.open(tmp_path / "a_seg.nii.gz", plugin=ID)
    layer.data[0, 0, 0] = 9
    layer.save(str(tmp_path / "b.nii.gz"), plugin=ID)
    rows = json.loads((tmp_path / "b.json").read_text())["labels"]
    assert [(row["value"], row["name"]) for row in rows] == [(1, "liver"), (3, "tumour"), (9, "label 9")]


@pytest.mark.parametrize("volume", PLACES.values(), ids=PLACES)
def test_a_dicom_seg_is_written_against_the_series_it_was_drawn_on(
    open_layers: ViewerModel, tmp_path: Path, volume: Volume
) -> None:
    with_labels(tmp_path / "study" / "scan", volume)
    save(tmp_path / "study" / "other", slices_of(phantom(tilt=(0, 0, 30), shape=(4, 4, 4))))
    layers, _ = result_of(read_steps(offers_in(tmp_path / "study"), [], reslice=False))
    add_layers(open_layers, layers)
    image = next(layer for layer in open_layers.layers if layer.data.size == volume.array.size)
    open_layers.layers.selection.active = image
    layer = paint_new_labels(open_layers)
    (written,) = layer.save(str(tmp_path / "mask.dcm"), plugin=ID)
    masks = read_dicom_seg(written, like=read(tmp_path / "study" / "scan"))
    np.testing.assert_array_equal(masks.label_map().array, volume_of(layer, open_layers.layers).array)
    (again,) = ViewerModel().open(written, plugin=ID)
    assert list(again.features["name"]) == ["label 1", "label 3"]


def result_of(steps):
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def test_a_dicom_seg_of_something_else_is_refused(open_layers: ViewerModel, tmp_path: Path) -> None:
    write(phantom(), tmp_path / "t1.nii")
    open_layers.open(tmp_path / "t1.nii", plugin=ID)
    layer = paint_new_labels(open_layers)
    with pytest.raises(AttnError, match=r"lies on no DICOM series that is open.*save as \.nii\.gz"):
        layer.save(str(tmp_path / "mask.dcm"), plugin=ID)
    assert not (tmp_path / "mask.dcm").exists()


def test_a_layer_without_a_place_is_refused_and_nothing_written(open_layers: ViewerModel, tmp_path: Path) -> None:
    layer = Labels(np.ones((4, 5, 6), np.uint8), name="stray")
    open_layers.add_layer(layer)
    with pytest.raises(AttnError, match="'stray' was not opened with monai-attn"):
        layer.save(str(tmp_path / "mask.nii.gz"), plugin=ID)
    assert list(tmp_path.iterdir()) == []


def test_a_resliced_layer_is_refused(model: ViewerModel, tmp_path: Path) -> None:
    grid = phantom()
    Segmentation(grid.with_array((grid.array > 40).astype(np.uint8)), TABLE).write(tmp_path / "a_seg.nii.gz")
    layers, _ = result_of(read_steps(offers_in(tmp_path / "a_seg.nii.gz"), [], reslice=True))
    assert resliced_layer(layers[0]) is layers[0]
    add_layers(model, layers)
    with pytest.raises(AttnError, match=r"resliced for display.*without reslicing"):
        model.layers[0].save(str(tmp_path / "b.nii.gz"), plugin=ID)


def test_a_sheared_grid_is_saved_as_nifti_and_refused_by_the_others(open_layers: ViewerModel, tmp_path: Path) -> None:
    volume = phantom(tilt=(0, 0, 0))
    affine = volume.affine.copy()
    affine[:3, 2] += 0.2 * affine[:3, 1]
    write(Volume(volume.array, affine), tmp_path / "t1.nii")
    open_layers.open(tmp_path / "t1.nii", plugin=ID)
    layer = paint_new_labels(open_layers)
    layer.save(str(tmp_path / "mask.nii.gz"), plugin=ID)
    assert same_grid(read(tmp_path / "mask.nii.gz"), read(tmp_path / "t1.nii"))
    with pytest.raises(AttnError, match="not at right angles"):
        layer.save(str(tmp_path / "other.nrrd"), plugin=ID)


def test_an_empty_mask_is_saved_as_a_label_map_but_not_as_a_seg(open_layers: ViewerModel, tmp_path: Path) -> None:
    with_labels(tmp_path / "scan", phantom())
    open_layers.open(tmp_path / "scan", plugin=ID)
    open_layers._new_labels()
    open_layers.layers[-1].save(str(tmp_path / "mask.nii.gz"), plugin=ID)
    assert not read(tmp_path / "mask.nii.gz").array.any()
    with pytest.raises(AttnError, match="No voxel is labelled"):
        open_layers.layers[-1].save(str(tmp_path / "mask.dcm"), plugin=ID)


def test_a_file_that_reads_back_differently_is_not_kept(
    open_layers: ViewerModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(phantom(), tmp_path / "t1.nii")
    open_layers.open(tmp_path / "t1.nii", plugin=ID)
    layer = paint_new_labels(open_layers)
    (tmp_path / "mask.nii.gz").write_bytes(b"the old one")
    monkeypatch.setattr("monai_attn.io.writing.read", lambda _: phantom(shape=(1, 2, 3)))
    with pytest.raises(AttnError, match="read back differs"):
        layer.save(str(tmp_path / "mask.nii.gz"), plugin=ID)
    assert (tmp_path / "mask.nii.gz").read_bytes() == b"the old one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mask.nii.gz", "t1.nii"]


def test_a_path_without_an_ending_becomes_nifti(open_layers: ViewerModel, tmp_path: Path) -> None:
    write(phantom(), tmp_path / "t1.nii")
    open_layers.open(tmp_path / "t1.nii", plugin=ID)
    written = paint_new_labels(open_layers).save(str(tmp_path / "mask"), plugin=ID)
    assert Path(written[0]).name == "mask.nii.gz"


def test_a_name_without_an_ending_replaces_no_mask(open_layers: ViewerModel, tmp_path: Path) -> None:
    write(phantom(), tmp_path / "t1.nii")
    open_layers.open(tmp_path / "t1.nii", plugin=ID)
    layer = paint_new_labels(open_layers)
    (tmp_path / "mask.nii.gz").write_bytes(b"an older one")
    with pytest.raises(AttnError, match=r"mask\.nii\.gz exists already\. To replace it, type the whole name"):
        write_label_map(str(tmp_path / "mask"), *layer.as_layer_data_tuple()[:2])  # as File > Save calls it
    assert (tmp_path / "mask.nii.gz").read_bytes() == b"an older one"
    layer.save(str(tmp_path / "mask.nii.gz"), plugin=ID)
    assert Segmentation.load(tmp_path / "mask.nii.gz").labels.array.any()


def test_the_json_of_another_program_is_not_replaced_by_the_record_of_a_mask(
    open_layers: ViewerModel, tmp_path: Path
) -> None:
    write(phantom(), tmp_path / "t1.nii")
    open_layers.open(tmp_path / "t1.nii", plugin=ID)
    layer = paint_new_labels(open_layers)
    (tmp_path / "case7.json").write_text('{"RepetitionTime": 2}')
    with pytest.raises(AttnError, match=r"case7\.json is no record of a mask.*another name"):
        layer.save(str(tmp_path / "case7.nii.gz"), plugin=ID)
    assert (tmp_path / "case7.json").read_text() == '{"RepetitionTime": 2}'
    assert not (tmp_path / "case7.nii.gz").exists()
    for _ in range(2):  # a record of ours is replaced with its mask
        layer.save(str(tmp_path / "case8.nii.gz"), plugin=ID)


def test_a_dicom_seg_belongs_to_the_series_that_the_mask_was_made_from(
    open_layers: ViewerModel, tmp_path: Path
) -> None:
    for name in ("native", "contrast"):
        with_labels(tmp_path / "study" / name, phantom(), SeriesDescription=name, StudyInstanceUID="1.2.3")
    layers, _ = result_of(read_steps(offers_in(tmp_path / "study"), [], reslice=False))
    add_layers(open_layers, layers)
    first, second = open_layers.layers
    open_layers.layers.selection.active = second
    mask = paint_new_labels(open_layers)
    with pytest.raises(AttnError, match=r"lies on several DICOM series that are open \(.*native.*'Save all'"):
        mask.save(str(tmp_path / "mask.dcm"), plugin=ID)
    assert not (tmp_path / "mask.dcm").exists()
    for image in (first, second):
        origin = origin_of(image)
        assert origin is not None
        mask.metadata[MADE_FROM] = image_key(origin)
        (written,) = mask.save(str(tmp_path / f"{image.name[-6:]}.dcm"), plugin=ID)
        assert described(Path(written)).series == {origin.series}
        (again,) = open_layers.open(written, plugin=ID)
        assert again.metadata[MADE_FROM] == image_key(origin)
        open_layers.layers.remove(again)
    open_layers.layers.remove(second)
    with pytest.raises(AttnError, match="lies on no DICOM series that is open"):
        mask.save(str(tmp_path / "mask.dcm"), plugin=ID)
