"""PET over CT, maps one at a time, and one legend without repeats."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from monai_attn.labels import Label, LabelTable
from monai_attn.napari.layers.volumes import image_layer, labels_layer
from monai_attn.napari.look.canvas import canvas_notes
from monai_attn.napari.look.fusion import FusionBox, fused_images
from monai_attn.napari.look.maps import map_text
from monai_attn.napari.look.readout import shown_image
from monai_attn.napari.look.seen import labels_seen
from monai_attn.napari.open.making import layers_of
from monai_attn.napari.open.reading import from_below
from monai_attn.napari.segment.overlays import map_layers
from monai_attn.segmentation import Segmentation
from monai_attn.volume import Volume

AFFINE = np.diag([2.0, 2.0, 3.0, 1.0])


def volume(modality: str = "", unit: str = "", shape: tuple[int, int, int] = (6, 7, 5)) -> Volume:
    return Volume(np.arange(np.prod(shape), dtype=np.float32).reshape(shape), AFFINE, modality=modality, unit=unit)


def pet_over_ct(viewer: ViewerModel) -> None:
    for name, modality, unit, look in (
        ("CT", "CT", "HU", {}),
        ("PET", "PT", "g/ml", {"blending": "additive", "colormap": "hot"}),
    ):
        data, keywords, _ = image_layer(volume(modality, unit), name=name, **look)
        viewer.add_image(data, **keywords)


def test_a_study_is_opened_with_the_pet_over_the_ct_and_the_window_is_that_of_the_ct(shared_data) -> None:
    from monai_attn.cases.offers import offers_in

    offers = offers_in(shared_data / "dicom" / "sarcoma_STS_003")
    kinds = [offer.kind for offer in from_below(offers)]
    assert kinds == ["MR", "CT", "PT", "RTSTRUCT", "RTSTRUCT", "RTSTRUCT"]
    names = [offer.name for offer in offers if offer.structures]
    assert names == ["RTstruct: GTV_Mass_CT", "RTstruct: GTV_Mass_MR_T1", "RTstruct: GTV_Mass_PET"]
    ((_, keywords, _),) = layers_of(next(offer for offer in offers if offer.kind == "RTSTRUCT"))
    assert keywords["name"] == "GTV_Mass_CT on CT: IBSI_1_STS_003_CT_image"


def test_the_window_applies_to_the_image_below_the_pet() -> None:
    viewer = ViewerModel()
    pet_over_ct(viewer)
    viewer.layers.selection.clear()
    assert shown_image(viewer.layers) is viewer.layers["CT"]
    viewer.layers["CT"].visible = False
    assert shown_image(viewer.layers) is viewer.layers["PET"]
    assert fused_images(viewer.layers) is None


@pytest.mark.gui
def test_one_slider_fades_the_pet_and_follows_the_layer(qapp) -> None:
    viewer = ViewerModel()
    box = FusionBox(viewer)
    box.follow()
    assert box.isHidden()
    pet_over_ct(viewer)
    assert not box.isHidden()
    assert box.said.text() == "PET over CT"
    assert box.slider.value() == 100
    box.slider.setValue(40)
    assert viewer.layers["PET"].opacity == pytest.approx(0.4)
    viewer.layers["PET"].opacity = 0.75
    assert box.slider.value() == 75
    viewer.layers.remove("CT")
    assert box.isHidden()
    box.release()


def test_of_several_maps_one_is_seen_with_its_colour_bar_and_its_meaning() -> None:
    viewer = ViewerModel()
    canvas_notes(viewer)
    grid = volume()
    labels = grid.with_array(np.ones(grid.shape, np.uint8))
    maps = {name: grid.with_array(np.zeros(grid.shape, np.float32)) for name in ("attention_1", "entropy")}
    made = Segmentation(labels, LabelTable.of_names({1: "tumour"}), {}, maps=maps)
    for data, keywords, _ in map_layers(made, name="run"):
        viewer.add_image(data, **keywords)
    attention, entropy = viewer.layers
    assert [layer.visible for layer in viewer.layers] == [True, False]
    assert attention.colorbar.visible
    entropy.visible = True
    assert [layer.visible for layer in viewer.layers] == [False, True]
    assert map_text(viewer.layers).startswith("run entropy\n0: one class is certain")
    assert canvas_notes(viewer).text("map") == map_text(viewer.layers)
    entropy.visible = False
    assert map_text(viewer.layers) == ""


def test_one_name_in_two_colours_says_whose_it_is_and_is_named_once_otherwise() -> None:
    viewer = ViewerModel()
    for name, colour in (("drawn", "#ff0000"), ("computed", "#00ff00"), ("copy", "#00ff00")):
        table = LabelTable((Label(1, "liver", colour),))
        data, keywords, _ = labels_layer(Volume(np.ones((3, 4, 5), np.uint8)), name=name, table=table)
        viewer.add_labels(data, **keywords)
    assert [label.name for label in labels_seen(viewer)] == ["liver (copy)", "liver (drawn)"]
    viewer.layers["drawn"].visible = False
    assert [label.name for label in labels_seen(viewer)] == ["liver"]
