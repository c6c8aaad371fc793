"""The images that the panel "Segment" takes: what the user chose stays chosen, whatever comes or is renamed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from monai_attn import Volume
from monai_attn.napari.layers.made_from import image_key
from monai_attn.napari.layers.volumes import image_layer, origin_of
from monai_attn.napari.segment.panel import SegmentWidget
from monai_attn.napari.segment.sources import likely_bundle


def add_image(viewer: Any, name: str, modality: str = "") -> Any:
    volume = Volume(np.zeros((8, 9, 10), np.float32), modality=modality)
    data, keywords, _ = image_layer(volume, name=name, path=f"{name}.nii.gz")
    return viewer.add_image(data, **keywords)


def panel_of(viewer: Any, bundle: str) -> SegmentWidget:
    panel = SegmentWidget(viewer)
    viewer.window.add_dock_widget(panel, name="Segment")
    panel.form.bundles.setCurrentText(bundle)
    panel._chosen_by_hand()
    return panel


@pytest.mark.gui
def test_an_image_stays_chosen_when_its_layer_gets_another_name(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer(show=False)
    panel = panel_of(viewer, "hippocampus_mri")
    first, second = add_image(viewer, "first"), add_image(viewer, "second")
    assert panel.form.images.chosen() == {"image": first}
    panel.form.images.combos["image"].setCurrentText("second")
    second.name = "another"
    assert panel.form.images.combos["image"].currentText() == "another"
    assert panel.form.images.chosen() == {"image": second}
    assert panel.request().name == "another"
    assert panel.request().made_from == image_key(origin_of(second)) != image_key(origin_of(first))
    viewer.layers.remove(second)
    assert panel.form.images.chosen() == {"image": first}


@pytest.mark.gui
def test_an_image_that_the_user_has_left_out_stays_out_until_the_last_image_is_closed(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer(show=False)
    panel = panel_of(viewer, "soft_tissue_sarcoma")
    ct, pet = add_image(viewer, "ct", "CT"), add_image(viewer, "pet", "PT")
    assert panel.form.images.chosen() == {"ct": ct, "pet": pet}
    panel.form.images.combos["pet"].setCurrentText("—")
    t1 = add_image(viewer, "t1", "MR")
    assert panel.form.images.chosen() == {"t1": t1, "ct": ct}
    panel.form.images.combos["pet"].setCurrentText("pet")
    viewer.add_points(np.zeros((1, 3)))
    assert panel.form.images.chosen() == {"t1": t1, "ct": ct, "pet": pet}
    panel.form.images.combos["pet"].setCurrentText("—")
    viewer.layers.clear()
    pet = add_image(viewer, "pet of the next patient", "PT")
    assert panel.form.images.chosen() == {"pet": pet}


@pytest.mark.gui
def test_a_further_image_of_unknown_modality_leaves_the_bundle_that_fits(make_napari_viewer: Any) -> None:
    viewer = make_napari_viewer(show=False)
    panel = SegmentWidget(viewer)
    viewer.window.add_dock_widget(panel, name="Segment")
    add_image(viewer, "t1")
    assert panel.bundle == "hippocampus_mri"
    ct = add_image(viewer, "ct")  # two images of the bundle for sarcomas, by their names
    assert panel.bundle == "hippocampus_mri"
    ct.name = "pet"
    assert panel.bundle == "hippocampus_mri"
    add_image(viewer, "scan", "CT")  # now it is known what there is
    assert panel.bundle == "soft_tissue_sarcoma"
    viewer.layers.clear()
    add_image(viewer, "next", "CT")
    assert panel.bundle == "head_neck_ct"


def test_images_of_known_modality_say_which_bundle_is_likely() -> None:
    viewer = ViewerModel()
    ct, *others = (add_image(viewer, name, modality) for name, modality in (("a", "CT"), ("t1", ""), ("pet", "")))
    names = ["hippocampus_mri", "head_neck_ct", "soft_tissue_sarcoma"]
    assert likely_bundle(names, [ct], [], "") == "head_neck_ct"
    assert likely_bundle(names, [ct], others, "hippocampus_mri") == "head_neck_ct"
    assert likely_bundle(names, [ct, *others], [ct], "head_neck_ct") == "head_neck_ct"
    assert likely_bundle(names[:2], [*others, ct], others, "hippocampus_mri") == "head_neck_ct"
    assert likely_bundle(names, [add_image(viewer, "ultrasound", "US")], [], "head_neck_ct") == "head_neck_ct"
