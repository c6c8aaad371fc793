"""Masks over each other are told apart by colour and outline."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel

from monai_attn.labels import Label, LabelTable, default_colour
from monai_attn.measure import ERRORS
from monai_attn.napari.layers.apart import coloured_apart, set_apart
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


def test_two_reds_count_as_one_colour_and_thick_voxels_get_thin_outlines() -> None:
    model = ViewerModel()
    for name, colour, edge_mm in (("drawn", "#ff0000", 1.0), ("computed", "#e5484d", 5.0)):
        affine = np.diag([edge_mm, edge_mm, edge_mm, 1.0])
        table = LabelTable((Label(1, "tumour", colour),))
        data, keywords, _ = labels_layer(Volume(np.ones((3, 4, 5), np.uint8), affine), name=name, table=table)
        set_apart(model.add_labels(data, **keywords), model.layers)
    drawn, computed = model.layers
    assert layer_table(drawn)[1].colour == "#ff0000"
    assert layer_table(computed)[1].colour not in ("#ff0000", "#e5484d")
    assert (drawn.contour, computed.contour) == (2, 1)


def test_colours_are_found_however_many_are_used() -> None:
    used = [default_colour(number) for number in range(1, 200)]
    table = coloured_apart(ERRORS, used)
    assert [label.name for label in table] == [label.name for label in ERRORS]
    near = coloured_apart(ERRORS, ["#d62728"])
    assert [label.colour == other.colour for label, other in zip(near, ERRORS, strict=True)] == [
        True, False, True, True,
    ]  # fmt: skip
