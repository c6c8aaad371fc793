"""Overlays of maps, and the way to what a network is least sure of."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from monai_attn import LabelTable, Segmentation, Volume
from monai_attn.errors import InputError
from monai_attn.napari.layers.volumes import displayed_point, labels_layer, origin_of
from monai_attn.napari.segment.overlays import map_layers, map_meaning
from monai_attn.napari.segment.uncertain import jump_to_uncertain, uncertain_lesions, uncertainty_layers

AFFINE = np.array([[0.0, -1.2, 0.3, 20], [0.9, 0.0, 0.0, -5], [0.1, 0.4, 2.5, 7], [0, 0, 0, 1]])
TABLE = LabelTable.of_names({1: "tumour", 2: "organ"})


def case() -> tuple[Volume, Volume]:
    """Two tumours, the smaller less certain, and a certain organ; a map of uncertainty on the same oblique grid."""
    labels, unsure = np.zeros((20, 22, 12), np.uint8), np.zeros((20, 22, 12), np.float32)
    labels[2:8, 2:8, 2:8], unsure[2:8, 2:8, 2:8] = 1, 0.1
    labels[12:15, 12:15, 4:7], unsure[12:15, 12:15, 4:7] = 1, 0.5
    unsure[13, 14, 5] = 0.9
    labels[16:19, 2:6, 2:6], unsure[16:19, 2:6, 2:6] = 2, 0.05
    return Volume(labels, AFFINE), Volume(unsure, AFFINE)


def test_the_least_certain_lesion_comes_first_with_its_most_uncertain_point():
    labels, unsure = case()
    found = uncertain_lesions(labels, TABLE, unsure)
    assert [(one.name, one.number) for one in found] == [("tumour", 2), ("tumour", 1), ("organ", 1)]
    assert found[0].uncertainty == pytest.approx((26 * 0.5 + 0.9) / 27)
    np.testing.assert_allclose(found[0].point_mm, labels.to_world((13, 14, 5)))
    assert found[0].volume_ml == pytest.approx(27 * labels.voxel_ml)
    large = uncertain_lesions(labels, TABLE, unsure, min_ml=30 * labels.voxel_ml)
    assert [(one.name, one.number) for one in large] == [("tumour", 1), ("organ", 1)]


def test_a_map_of_another_grid_is_refused():
    labels, _ = case()
    with pytest.raises(InputError, match="Choose the map of this mask"):
        uncertain_lesions(labels, TABLE, Volume(np.zeros((3, 3, 3))))


def add(viewer, layers):
    return [
        (viewer.add_labels if kind == "labels" else viewer.add_image)(data, **keywords)
        for data, keywords, kind in layers
    ]


def test_the_maps_of_probabilities_have_the_names_of_structures_also_for_the_background_and_for_regions():
    labels, unsure = case()
    named = ["background", "tumour", "organ", "channel 3"]
    for channels, expected in ((3, named[:3]), (2, named[1:3]), (4, named)):
        maps = {f"probability_{n}": unsure for n in range(channels)}
        layers = map_layers(Segmentation(labels, TABLE, {}, maps), name="mask")
        assert [keywords["name"] for _, keywords, _ in layers] == [f"mask probability of {name}" for name in expected]


def test_overlays_lie_on_the_mask_run_from_0_to_1_and_explain_themselves():
    labels, unsure = case()
    maps = {"attention_2": unsure, "entropy": unsure, "flip_variance": unsure, "probability_1": unsure}
    segmentation = Segmentation(labels, TABLE, {}, maps)
    viewer = ViewerModel()
    mask, *overlays = add(
        viewer, [labels_layer(labels, name="mask", table=TABLE), *map_layers(segmentation, name="mask")]
    )
    assert [layer.name for layer in overlays] == [
        "mask attention level 2",
        "mask entropy",
        "mask difference of mirror images",
        "mask probability of tumour",
    ]
    assert [layer.visible for layer in overlays] == [True, False, False, False]
    for layer in overlays:
        assert tuple(layer.contrast_limits) == (0, 1)
        np.testing.assert_array_equal(layer.scale, mask.scale)
        np.testing.assert_array_equal(layer.translate, mask.translate)
        assert layer.data.shape == mask.data.shape
        assert "0" in layer.metadata["legend"]
        alpha = layer.colormap.map(np.array([0.0, 0.25, 0.5, 1.0]))[:, 3]
        np.testing.assert_allclose(alpha, [0, 0.5, 1, 1], atol=0.01)
    assert [origin_of(layer).role for layer in overlays] == ["attention", "uncertainty", "uncertainty", "probability"]
    assert uncertainty_layers(list(viewer.layers)) == overlays[1:3]
    assert "not why" in map_meaning("attention_1")
    with pytest.raises(InputError, match="Unknown map 'saliency'"):
        map_meaning("saliency")


def test_the_jump_goes_to_the_least_certain_then_to_the_next_and_round():
    labels, unsure = case()
    viewer = ViewerModel()
    segmentation = Segmentation(labels, TABLE, {}, {"entropy": unsure})
    mask, overlay = add(
        viewer, [labels_layer(labels, name="mask", table=TABLE), *map_layers(segmentation, name="mask")]
    )
    one = jump_to_uncertain(viewer, mask, overlay)
    shown = displayed_point(labels, labels.to_world((13, 14, 5)))
    assert np.abs(np.subtract(viewer.dims.point, shown)).max() <= max(mask.scale) / 2 + 1e-6
    assert (one.name, mask.selected_label) == ("tumour", 1)
    assert jump_to_uncertain(viewer, mask, overlay, rank=2).name == "organ"
    assert mask.selected_label == 2
    assert jump_to_uncertain(viewer, mask, overlay, rank=3) == one
    mask.data = np.zeros_like(mask.data)
    with pytest.raises(InputError, match="is empty; there is nothing to fly to"):
        jump_to_uncertain(viewer, mask, overlay)
