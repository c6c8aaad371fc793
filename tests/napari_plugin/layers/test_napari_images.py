"""Which image the panels choose by themselves: the same in all of them, and never a map of a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from corrected import TABLE, opened, phantom
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer

from monai_attn.napari.correct.panel import CorrectWidget
from monai_attn.napari.layers.images import by_preference, suggested
from monai_attn.napari.layers.volumes import image_layer, labels_layer
from monai_attn.napari.save.panel import SaveAllWidget
from monai_attn.napari.structures.panel import StructuresWidget

Panels = tuple[StructuresWidget, SaveAllWidget, CorrectWidget]


def panels_of(viewer: Any, qtbot: Any) -> Panels:
    """The panels that measure, save and correct, without a window."""
    panels = StructuresWidget(viewer), SaveAllWidget(viewer), CorrectWidget(viewer)
    for panel in panels:
        qtbot.addWidget(panel)
    return panels


def chosen(panels: Panels) -> list[Layer | None]:
    """The image that each of the panels has chosen."""
    structures, save, correct = panels
    return [structures.images.layer, save.image.currentData(), correct.range.image.currentData()]


def add_image(viewer: ViewerModel, name: str, **about: str) -> Image:
    """An image on the grid of the mask."""
    mask = phantom()
    made = image_layer(mask.with_array(np.full(mask.shape, 0.25, np.float32)), name=name, **about)
    layer = viewer.add_layer(Layer.create(*made))
    assert isinstance(layer, Image)
    return layer


def add_mask(viewer: ViewerModel) -> Labels:
    layer = viewer.add_layer(Layer.create(*labels_layer(phantom(), name="mask", table=TABLE)))
    assert isinstance(layer, Labels)
    return layer


@pytest.mark.gui
def test_a_map_is_not_taken_for_the_image_when_the_image_is_closed_and_opened_again(qtbot: Any) -> None:
    viewer, image, mask = opened(phantom())
    panels = panels_of(viewer, qtbot)
    save = panels[1]
    entropy = add_image(viewer, "entropy", role="uncertainty")
    assert viewer.layers.selection.active is entropy
    assert chosen(panels) == [image] * 3
    viewer.layers.remove(image)
    assert chosen(panels) == [None] * 3
    assert not save.save.isEnabled()
    assert save.target.text() == "Open the image that mask belongs to."
    image = add_image(viewer, "ct", path="case_7.nii.gz")
    viewer.layers.selection.active = mask
    assert chosen(panels) == [image] * 3
    assert save.case.text() == "case_7"
    viewer.layers.remove(image)
    save.image.setCurrentIndex(save.image.findText("entropy"))  # the user may want it
    assert save.image.currentData() is entropy
    assert save.save.isEnabled()


@pytest.mark.gui
def test_an_image_that_was_chosen_by_hand_and_is_opened_again_is_chosen(qtbot: Any) -> None:
    viewer, image, _ = opened(phantom())
    structures = panels_of(viewer, qtbot)[0]
    structures.images.choose(image)
    viewer.layers.remove(image)
    assert structures.images.layer is None
    add_image(viewer, "entropy", role="uncertainty")
    assert structures.images.layer is None
    image = add_image(viewer, "ct")
    assert structures.images.layer is image
    structures.images.choose(None)
    add_image(viewer, "another")
    assert structures.images.layer is None


def test_of_maps_alone_none_is_suggested() -> None:
    viewer = ViewerModel()
    entropy = add_image(viewer, "entropy", role="uncertainty")
    assert suggested([entropy]) is None
    assert suggested([]) is None
    reference = add_image(viewer, "reference", role="reference")
    assert suggested([entropy, reference]) is reference


@pytest.mark.gui
@pytest.mark.parametrize("hidden", [None, "t2", "both"])
def test_of_two_images_on_one_grid_all_panels_take_the_topmost_that_is_seen(qtbot: Any, hidden: str | None) -> None:
    viewer = ViewerModel()
    t1, t2 = add_image(viewer, "t1"), add_image(viewer, "t2")
    t1.visible, t2.visible = hidden != "both", hidden is None
    panels = panels_of(viewer, qtbot)
    mask = add_mask(viewer)
    viewer.layers.selection.active = mask
    expected = t1 if hidden == "t2" else t2
    assert chosen(panels) == [expected] * 3
    viewer.layers.remove(expected)
    assert chosen(panels) == [t2 if expected is t1 else t1] * 3


def test_an_image_as_it_was_read_is_suggested_before_one_that_has_no_place() -> None:
    viewer = ViewerModel()
    image = add_image(viewer, "ct")
    smoothed = viewer.add_image(np.zeros(image.data.shape), name="smoothed")
    image.visible = False
    assert by_preference(viewer.layers) == [image, smoothed]
