"""The samples: their volumes are known, and they open where they lie."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from monai_attn.io.phantom import BODIES, GRIDS, TABLE, ct_phantom, true_ml
from monai_attn.measure import measure_lesions, measure_structures
from monai_attn.napari.keep import keeper
from monai_attn.napari.layers.volumes import oblique_degrees, origin_of, volume_of, world_of
from monai_attn.napari.look.notes_overlay import NOTES_KEY
from monai_attn.volume import same_grid

ORGAN_SHARE = 0.01
"""Centres of voxels counted, an organ's volume is within 1 % of the formula on all three grids."""

LESION_SHARE = 0.12
"""A lesion of 6 mm has two or three slices of 5 mm: counted voxels are off by up to an eighth."""


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_the_organs_of_the_phantom_measure_as_they_were_made(grid) -> None:
    image, labels = ct_phantom(*grid)
    measured = measure_structures(labels, TABLE, image)
    made = true_ml()
    for structure in measured:
        share = LESION_SHARE if structure.name == "lesion" else ORGAN_SHARE
        assert structure.volume_ml == pytest.approx(made[structure.value], rel=share), structure.name
        assert not structure.touches_border
    hu = {body.value: body.hu for body in BODIES}
    for structure in measured:
        if structure.name != "lesion":
            assert structure.intensity.mean == pytest.approx(hu[structure.value], abs=0.5)
    assert [structure.centroid_mm[0] > 0 for structure in measured[1:4]] == [False, True, False]  # spleen left


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_its_four_lesions_are_found_where_they_were_put(grid) -> None:
    _, labels = ct_phantom(*grid)
    made = sorted((body for body in BODIES if body.inside), key=lambda body: -body.ml)
    found = measure_lesions(labels, 6)
    assert len(found) == len(made)
    for lesion, body in zip(found, made, strict=True):
        assert lesion.volume_ml == pytest.approx(body.ml, rel=LESION_SHARE)
        assert lesion.centroid_mm == pytest.approx(body.centre_mm, abs=0.5)


def test_lesions_lie_within_their_organs() -> None:
    for lesion in (body for body in BODIES if body.inside):
        organ = next(body for body in BODIES if body.value == lesion.inside)
        away = np.abs(np.subtract(lesion.centre_mm, organ.centre_mm)) + lesion.half_mm
        assert ((away / organ.half_mm) ** 2).sum() < 1.35  # the corner of its box; the ellipsoid itself is inside
        surface = np.random.default_rng(0).normal(size=(2000, 3))
        surface /= np.linalg.norm(surface, axis=1, keepdims=True)
        points = np.add(lesion.centre_mm, surface * lesion.half_mm)
        assert (((points - organ.centre_mm) / organ.half_mm) ** 2).sum(axis=1).max() < 1


@pytest.mark.parametrize(("key", "angle"), [("phantom", 0), ("phantom_anisotropic", 0), ("phantom_oblique", 20.4)])
def test_a_phantom_opens_with_its_labels(model: ViewerModel, key: str, angle: float) -> None:
    image, labels = model.open_sample("monai_attn", key)
    assert same_grid(volume_of(image), volume_of(labels))
    assert list(labels.features["name"]) == [label.name for label in TABLE]
    assert oblique_degrees(origin_of(image).grid) == pytest.approx(angle, abs=0.1)
    assert image.contrast_limits == [-160, 240]


def test_the_brain_opens_upright(model: ViewerModel) -> None:
    pytest.importorskip("nilearn")
    (layer,) = model.open_sample("monai_attn", "mni152")
    assert layer.scale == pytest.approx([1, 1, 1])
    assert layer.name == "mni152_t1"
    brain = origin_of(layer).grid
    left_putamen = (-25.0, 4.0, 2.0)  # RAS+ mm
    model.dims.point = world_of(left_putamen)
    inside = layer.get_value(world_of(left_putamen), world=True)
    assert inside == brain.array[tuple(np.rint(brain.to_index(left_putamen)).astype(int))]
    assert inside > 0


def test_a_sample_in_a_second_window_has_our_text_and_is_kept(
    model: ViewerModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.open_sample("monai_attn", "phantom")  # the plugin is active from now on
    other = ViewerModel()
    monkeypatch.setattr("napari.current_viewer", lambda: other)
    other.open_sample("monai_attn", "phantom")
    assert NOTES_KEY in other.canvas.overlays
    assert id(other) in keeper._keepers
