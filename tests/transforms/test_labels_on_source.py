"""Labels on the source grid are those of MONAI's `Invertd` on logits and an argmax, except at ties."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.data import MetaTensor
from monai.transforms import (
    AsDiscreted,
    CenterSpatialCropd,
    Compose,
    CropForegroundd,
    DivisiblePadd,
    Flipd,
    Invertd,
    Orientationd,
    Resized,
    ResizeWithPadOrCropd,
    Rotated,
    ScaleIntensityd,
    Spacingd,
    SpatialPadd,
)
from scipy.spatial.transform import Rotation

from monai_attn.errors import BundleError, GeometryError, InputError
from monai_attn.transforms import LabelsOnSourced, LoadVolumed, SourceLabels, label_kernels
from monai_attn.volume import Volume

TIE = 1e-4
"""Logits here are of size 1, and float32 rounds them to 1e-7, coordinates of a resampling to 1e-6."""

ORIENTATIONS = [
    "".join(letters)
    for order in itertools.permutations(("LR", "AP", "IS"))
    for letters in itertools.product(*order)
]  # fmt: skip


def phantom(shape=(14, 17, 11), spacing_mm=(0.8, 0.9, 2.5), orientation="LPS", angles=(0, 0, 0)) -> Volume:
    """A bright box in noise, on a grid of any orientation, oblique by `angles` (degrees)."""
    array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    array[tuple(slice(size // 4, size // 4 + size // 2) for size in shape)] += 30
    axes = np.zeros((3, 3))
    for column, letter in enumerate(orientation):
        row = next(number for number, pair in enumerate(("LR", "PA", "IS")) if letter in pair)
        axes[row, column] = 1 if letter in "RAS" else -1
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ axes * np.array(spacing_mm)
    affine[:3, 3] = 5, -7, 11
    return Volume(array, affine)


def prepared(volume: Volume, *steps) -> tuple[Compose, MetaTensor]:
    preprocessing = Compose([LoadVolumed("image", ensure_channel_first=True), *steps])
    return preprocessing, preprocessing({"image": volume})["image"]


def logits_for(image: MetaTensor, classes: int, seed: int, noise: float = 0.3) -> MetaTensor:
    """Structures of some voxels with ragged borders."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(1, classes, 3, 3, 3, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=image.shape[1:], mode="trilinear")[0]
    return MetaTensor(smooth + noise * torch.randn(smooth.shape, generator=generator)).copy_meta_from(image)


def inverted(preprocessing: Compose, image: MetaTensor, logits: MetaTensor) -> torch.Tensor:
    """The float reference: `(C, *source grid)`."""
    if len(preprocessing.transforms) == 1:  # MONAI warns that there is nothing to invert
        return logits.as_tensor()
    case = {"image": image.clone(), "pred": logits.clone()}
    invert = Invertd("pred", transform=preprocessing, orig_keys="image", nearest_interp=False, to_tensor=True)
    return invert(case)["pred"].as_tensor()


def check(volume: Volume, steps: list, classes: int, seed: int) -> None:
    preprocessing, image = prepared(volume, *steps)
    logits = logits_for(image, classes, seed)
    reference = inverted(preprocessing, image, logits)
    labels = LabelsOnSourced("pred")({"image": image, "pred": logits})["pred"]
    assert labels.shape == (1, *volume.shape)
    assert np.allclose(labels.affine, volume.affine)
    best = reference.amax(dim=0)
    chosen = torch.gather(reference, 0, labels.as_tensor().long())[0]
    assert (best - chosen).max() < TIE
    clear = reference.topk(2, dim=0).values.diff(dim=0)[0] < -TIE
    assert torch.equal(labels[0][clear].long(), reference.argmax(dim=0)[clear])
    assert clear.float().mean() > 0.1


def ras(mm: tuple[float, float, float] = (1.5, 1.5, 1.5), **options) -> list:
    return [Orientationd("image", "RAS", labels=None), Spacingd("image", mm, mode="bilinear", **options)]


def bright(image):
    return image > 15


PREPROCESSING = {
    "nothing": [],
    "flip": [Flipd("image", [0, 2])],
    "finer": ras((0.5, 0.7, 0.6)),
    "padded": [*ras(), SpatialPadd("image", (16, 16, 40)), DivisiblePadd("image", 4)],
    "cropped": [*ras(), CropForegroundd("image", source_key="image", select_fn=bright)],
    "cropped before": [CropForegroundd("image", source_key="image", select_fn=bright, margin=2), *ras()],
    "cropped and flipped": [*ras(), CenterSpatialCropd("image", (7, 6, 9)), Flipd("image", 1)],
    "cropped and padded": [*ras(), ResizeWithPadOrCropd("image", (6, 40, 9)), ScaleIntensityd("image")],
    "cropped, spaced, padded": [CenterSpatialCropd("image", (9, 9, 9)), *ras(), SpatialPadd("image", (20, 20, 20))],
    "zeros beyond": ras(padding_mode="zeros"),
    "onto the patient's axes": ras(diagonal=True),
    "one voxel thick": ras((30, 1.5, 1.5)),
    "a size": [Resized("image", (10, 9, 20), mode="trilinear")],
    "a size, by corners": [Resized("image", (10, 9, 20), mode="trilinear", align_corners=True)],
}


@pytest.mark.parametrize("angles", [(0, 0, 0), (10, 20, 30)], ids=["straight", "oblique"])
@pytest.mark.parametrize("name", PREPROCESSING)
def test_labels_are_those_of_the_float_reference(name, angles):
    check(phantom(angles=angles), PREPROCESSING[name], classes=4, seed=1)


@settings(max_examples=50, deadline=None)
@given(
    orientation=st.sampled_from(ORIENTATIONS),
    axcodes=st.sampled_from(ORIENTATIONS),
    shape=st.tuples(*[st.integers(4, 16)] * 3),
    spacing_mm=st.tuples(*[st.floats(0.5, 3)] * 3),
    to_mm=st.tuples(*[st.floats(0.6, 3)] * 3),
    angles=st.sampled_from([(0, 0, 0), (0, 0, 0), (25, -10, 5)]),
    diagonal=st.booleans(),
    classes=st.integers(2, 9),
    seed=st.integers(0, 99),
)
def test_every_orientation_spacing_and_number_of_classes(
    orientation, axcodes, shape, spacing_mm, to_mm, angles, diagonal, classes, seed
):
    steps = [
        Orientationd("image", axcodes, labels=None),
        Spacingd("image", to_mm, mode="bilinear", diagonal=diagonal),
    ]
    check(phantom(shape, spacing_mm, orientation, angles), steps, classes, seed)


@settings(max_examples=20, deadline=None)
@given(axis=st.integers(0, 2), edges=st.sets(st.integers(1, 12)), oblique=st.booleans(), seed=st.integers(0, 9))
def test_slabs_give_what_the_whole_gives(axis, edges, oblique, seed):
    _, image = prepared(phantom(angles=(10, 20, 30)), *ras(diagonal=oblique), SpatialPadd("image", (9, 30, 14)))
    logits = logits_for(image, 5, seed)
    whole = SourceLabels().begin(image)
    whole.add(logits, 0)
    boxes = []
    slabs = SourceLabels().begin(image, axis, lambda _, box: boxes.append(box))
    ends = [*sorted(edge for edge in edges if edge < image.shape[1 + axis]), image.shape[1 + axis]]
    for first, last in itertools.pairwise([0, *ends]):
        slabs.add(logits.narrow(1 + axis, max(first - 1, 0), last - max(first - 1, 0)), max(first - 1, 0))
    assert torch.equal(slabs.finish(), whole.finish())
    times = np.zeros(phantom().shape, int)
    for box in boxes:
        times[box] += 1
    assert (times == (len(boxes) if oblique else 1)).all()


def test_regions_are_the_sign_and_the_last_covers_the_others():
    preprocessing, image = prepared(phantom(), *ras(), CenterSpatialCropd("image", (7, 6, 9)))
    logits = logits_for(image, 3, 2)
    values = [4, 300, 2]
    reference = inverted(preprocessing, image, logits)
    expected = torch.zeros(reference.shape[1:], dtype=torch.int32)
    for value, channel in zip(values, reference, strict=True):
        expected[channel > 0] = value
    labels = LabelsOnSourced("pred", regions=values)({"image": image, "pred": logits})["pred"]
    clear = (reference.abs() > TIE).all(dim=0)
    assert torch.equal(labels[0][clear].int(), expected[clear])
    assert {int(value) for value in labels.unique()} == {0, *values}
    outside = (reference == 0).all(dim=0)
    assert outside.any()
    assert not labels[0][outside].any()


def test_a_cell_whose_corners_differ_can_hold_a_class_that_no_corner_shows():
    """Three corners' winners, and one class that is second everywhere and so wins in the middle."""
    affine = torch.diag(torch.tensor([2.0, 2, 2, 1], dtype=torch.float64))
    meta = {"original_affine": np.eye(4), "spatial_shape": np.array([3, 3, 3])}
    image = MetaTensor(torch.zeros(1, 2, 2, 2), affine=affine, meta=meta)
    logits = torch.zeros(3, 2, 2, 2)
    logits[0, 0], logits[1, 1], logits[2] = 4, 4, 2.5
    labels = LabelsOnSourced("pred")({"image": image, "pred": logits})["pred"]
    assert [int(plane.unique()) for plane in labels[0]] == [0, 2, 1]


def test_equal_logits_give_the_first_class():
    _, image = prepared(phantom(), *ras())
    labels = LabelsOnSourced("pred")({"image": image, "pred": torch.zeros(4, *image.shape[1:])})["pred"]
    assert not labels.any()


def test_whole_numbers_are_labels_already():
    labels = torch.ones(1, 3, 3, 3, dtype=torch.uint8)
    assert LabelsOnSourced("pred")({"pred": labels, "image": None})["pred"] is labels


def test_more_than_255_classes():
    preprocessing, image = prepared(phantom((5, 5, 5)), *ras())
    logits = logits_for(image, 300, 1)
    labels = LabelsOnSourced("pred")({"image": image, "pred": logits})["pred"]
    assert torch.equal(labels[0].long(), inverted(preprocessing, image, logits).argmax(dim=0))
    assert labels.max() > 255


def test_it_takes_the_place_of_two_transforms_in_a_pipeline():
    preprocessing, image = prepared(phantom(), *ras())
    logits = logits_for(image, 3, 5)
    usual = Compose(
        [
            Invertd("pred", transform=preprocessing, orig_keys="image", nearest_interp=False),
            AsDiscreted("pred", argmax=True),
        ]
    )
    case = {"image": image, "pred": logits}
    assert torch.equal(usual(dict(case))["pred"], LabelsOnSourced("pred")(case)["pred"].float())


@pytest.mark.parametrize(
    ("steps", "error", "sentence"),
    [
        ([*ras(), *ras((3, 3, 3))], BundleError, "undoes one resampling"),
        ([*ras(padding_mode="reflection")], BundleError, "padding_mode reflection"),
        ([Rotated("image", [0.1, 0, 0])], BundleError, "Rotate moves the image in a way"),
    ],
)
def test_what_cannot_be_undone_exactly_is_refused(steps, error, sentence):
    _, image = prepared(phantom(), *steps)
    with pytest.raises(error, match=sentence):
        SourceLabels().begin(image)


def test_a_cut_without_a_record_is_refused_and_an_unrecorded_resampling_is_not():
    preprocessing, image = prepared(phantom(), *ras())
    logits = logits_for(image, 3, 1)
    bare = MetaTensor(image.as_tensor(), meta=dict(image.meta))  # as AlignImagesd leaves it
    labels = LabelsOnSourced("pred")({"image": bare, "pred": logits})["pred"]
    assert torch.equal(labels[0].long(), inverted(preprocessing, image, logits).argmax(dim=0))
    cut = MetaTensor(bare.as_tensor()[..., 3:], meta=dict(image.meta))
    with pytest.raises(GeometryError, match="no transform is recorded that cut it"):
        SourceLabels().begin(cut)
    with pytest.raises(GeometryError, match="does not say which grid"):
        SourceLabels().begin(MetaTensor(torch.zeros(1, 3, 3, 3)))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_logits_that_are_not_finite_are_refused(bad):
    _, image = prepared(phantom(), *ras())
    logits = logits_for(image, 3, 1)
    logits[1, 2, 3, 4] = bad
    with pytest.raises(BundleError, match="not finite"):
        LabelsOnSourced("pred")({"image": image, "pred": logits})


def test_wrong_numbers_are_refused():
    _, image = prepared(phantom(), *ras())
    with pytest.raises(InputError, match="regions are one label value"):
        SourceLabels(regions=[0, 1])
    with pytest.raises(BundleError, match="3 channels, and regions names 2"):
        SourceLabels(regions=[1, 2]).begin(image).add(logits_for(image, 3, 1), 0)
    with pytest.raises(BundleError, match="on the grid of the input"):
        SourceLabels().begin(image).add(torch.zeros(3, 4, 4, 4), 0)
    slabs = SourceLabels().begin(image)
    slabs.add(logits_for(image, 3, 1)[:, :4], 0)
    with pytest.raises(InputError, match="begins at plane 3, not at 4"):
        slabs.add(logits_for(image, 3, 1)[:, 4:], 4)
    with pytest.raises(InputError, match="not complete: 4 of"):
        slabs.finish()
    with pytest.raises(InputError, match="one orig_key"):
        LabelsOnSourced(["a", "b", "c"], orig_keys=["a", "b"])


def test_where_nothing_can_be_cached_the_loops_are_compiled_all_the_same(monkeypatch):
    real = label_kernels.numba.njit

    def njit(**options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return real(**options)

    monkeypatch.setattr(label_kernels.numba, "njit", njit)
    assert label_kernels.compiled(lambda x: x + 1)(2) == 3
