"""Masks over each other are told apart by colour and outline."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel

from monai_attn.labels import Label, LabelTable
from monai_attn.napari.layers.apart import set_apart
from monai_attn.napari.layers.styles import layer_table
from monai_attn.napari.layers.volumes import labels_layer
from monai_attn.volume import Volume


def test_a_second_mask_gets_colours_of_its_own_and_both_become_outlines() -> None:
    model = ViewerModel()
    table = LabelTable((Label(1, "tumour", "#e5484d"), Label(2, "vein", "#3d7ff2")))
    layers = []
    for name in ("drawn", "computed"):
        data, keywords, _ = labels_layer(Volume(np.ones((3, 4, 5), np.uint8)), name=name, table=table)
        layers.append(model.add_labels(data, **keywords))
        contour_alone = layers[0].contour
        set_apart(layers[-1], model.layers)
        if name == "drawn":
            assert layers[0].contour == contour_alone == 0
    first, second = ([label.colour for label in layer_table(layer)] for layer in layers)
    assert first == ["#e5484d", "#3d7ff2"]
    assert len({*first, *second}) == 4
    assert [layer.contour for layer in layers] == [2, 2]
