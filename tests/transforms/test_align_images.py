"""Several images meet by patient coordinates, missing ones are told, and training hides some of them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import three_grids
import torch
from monai.transforms import Compose, Invertd, Lambdad

from monai_attn import Volume
from monai_attn.errors import GeometryError, InputError
from monai_attn.transforms import AlignImagesd, LabelsOnSourced, LoadVolumed, RandCutImagesd, RandDropImagesd

NAMES = ("t1", "ct", "pet")
CENTRE = (4.0, 1.0, 9.0)
"""A ball that all three images show."""


def prepare(*, pixdim=(1.5, 1.5, 1.5), **options) -> Compose:
    load = LoadVolumed(NAMES, ensure_channel_first=True, allow_missing_keys=True)
    return Compose([load, AlignImagesd(NAMES, pixdim, **options)])


def moments(channel: torch.Tensor | np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, float]:
    """The centre in mm and the volume in ml of what a channel shows."""
    values = np.asarray(channel, dtype=np.float64)
    index = np.stack(np.meshgrid(*map(np.arange, values.shape), indexing="ij"), axis=-1)
    centre = (values[..., None] * index).sum(axis=(0, 1, 2)) / values.sum()
    return affine[:3, :3] @ centre + affine[:3, 3], values.sum() * abs(np.linalg.det(affine[:3, :3])) / 1000


def test_a_ball_lies_at_its_place_in_every_channel_whatever_the_grids():
    case = {name: three_grids.image(name, CENTRE) for name in NAMES}
    assert len({volume.orientation for volume in case.values()}) == 3
    joined = prepare()(case)
    assert set(joined) == {"image", "presence"}
    image = joined["image"]
    affine = image.affine.numpy()
    expected_ml = moments(case["t1"].array, case["t1"].affine)[1]
    for channel in image:
        centre, volume_ml = moments(channel, affine)
        np.testing.assert_allclose(centre, CENTRE, atol=0.2)  # a twentieth of the coarsest voxel
        assert volume_ml == pytest.approx(expected_ml, rel=0.03)
    np.testing.assert_allclose(np.linalg.norm(affine[:3, :3], axis=0), 1.5)
    assert np.trace(affine[:3, :3]) > 4  # RAS, as far as an oblique grid can


def test_the_reference_is_the_first_image_that_is_there():
    for given, reference in ((NAMES, "t1"), (("pet", "ct"), "ct"), (("pet",), "pet")):
        image = prepare()({name: three_grids.image(name) for name in given})["image"]
        np.testing.assert_allclose(image.meta["original_affine"], three_grids.grid(reference).affine)
        assert tuple(image.meta["spatial_shape"]) == three_grids.SHAPES[reference]
        assert image.meta["images"] == ", ".join(name for name in NAMES if name in given)
        assert image.meta["missing"] == ", ".join(name for name in NAMES if name not in given)


def test_a_missing_image_is_zero_in_image_and_presence():
    joined = prepare()(three_grids.images("t1", "pet"))
    image, presence = joined["image"], joined["presence"]
    assert image.shape == presence.shape
    assert image.dtype == presence.dtype == torch.float32
    assert not image[1].any()
    assert not presence[1].any()
    assert presence[0].all()
    assert 0 < presence[2].mean() < 1


def plain(shape, spacing_mm, first_mm, value: float) -> Volume:
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = first_mm
    return Volume(np.full(shape, value, np.float32), affine)


def test_presence_ends_where_the_voxels_end_and_values_do_not_fade_there():
    t1 = plain((41, 41, 41), (1, 1, 1), (-20, -20, -20), 3.0)
    ct = plain((4, 5, 6), (3, 4, 2), (-7.2, -30, 1.3), -1000.0)  # R -8.7 to 3.3, A -32 to -12, S 0.3 to 12.3
    joined = prepare(pixdim=(1, 1, 1))({"t1": t1, "ct": ct})
    mm = np.arange(-20, 21)
    lines = {"R": joined["presence"][1, :, 5, 25], "A": joined["presence"][1, 15, :, 25]}
    lines["S"] = joined["presence"][1, 15, 5, :]
    for axis, (first, last) in {"R": (-8.7, 3.3), "A": (-32, -12), "S": (0.3, 12.3)}.items():
        np.testing.assert_array_equal(lines[axis].numpy(), (mm > first) & (mm < last), err_msg=axis)
    present = joined["presence"][1] == 1
    assert set(joined["image"][1][present].tolist()) == {-1000.0}
    assert not joined["image"][1][~present].any()


def test_what_was_not_measured_stays_zero_beside_voxels_that_are_no_number():
    ct = plain((5, 5, 5), (2, 2, 2), (0, 0, 0), np.nan)
    joined = prepare()({"t1": plain((40, 40, 40), (1, 1, 1), (-20, -20, -20), 1.0), "ct": ct})
    assert joined["image"][1][joined["presence"][1] == 0].eq(0).all()


def test_images_without_a_common_place_are_refused():
    far = three_grids.image("ct")
    far = Volume(far.array, np.diag([1.0, 1, 1, 1]) @ far.affine + np.eye(4)[:, [2]] * 500 * np.eye(4)[3])
    with pytest.raises(RuntimeError) as caught:
        prepare()({"t1": three_grids.image("t1"), "ct": far})
    assert isinstance(caught.value.__cause__, GeometryError)
    assert "'ct' and 't1' have no place in common" in str(caught.value.__cause__)


def with_frame(name: str, frame: str) -> Volume:
    volume = three_grids.image(name)
    return Volume(volume.array, volume.affine, volume.modality, frame_of_reference=frame)


def test_different_frames_of_reference_are_refused_with_their_values_unless_ignored():
    case = {"t1": with_frame("t1", "1.2.3"), "ct": with_frame("ct", "1.2.4"), "pet": with_frame("pet", "")}
    with pytest.raises(RuntimeError) as caught:
        prepare()(case)
    said = str(caught.value.__cause__)
    for part in ("t1 1.2.3, ct 1.2.4)", "set ignore_frames=true"):
        assert part in said
    assert prepare(ignore_frames=True)(case)["presence"][1].any()


def test_one_frame_or_an_unknown_one_is_no_reason_to_refuse():
    prepare()({"t1": with_frame("t1", "1.2.3"), "ct": with_frame("ct", "1.2.3"), "pet": with_frame("pet", "")})


def test_a_case_without_any_of_the_images_is_refused():
    with pytest.raises(InputError, match=r"at least one of the images t1, ct, pet; it has none"):
        AlignImagesd(NAMES, (1, 1, 1))({"label": 1})


def test_inverted_a_prediction_lies_on_the_grid_of_the_reference():
    transform = prepare()
    joined = transform(three_grids.images())
    back = Invertd("pred", transform, "image", nearest_interp=False)({**joined, "pred": joined["image"].clone()})
    assert back["pred"].shape == (3, *three_grids.SHAPES["t1"])
    np.testing.assert_allclose(back["pred"].affine, three_grids.grid("t1").affine, atol=1e-6)
    for name, channel in zip(NAMES, back["pred"], strict=True):
        centre, _ = moments(channel, three_grids.grid("t1").affine)
        np.testing.assert_allclose(centre, three_grids.CENTRES[name], atol=0.15)


def test_what_was_done_to_the_values_before_is_nothing_to_undo():
    load = LoadVolumed(NAMES, ensure_channel_first=True, allow_missing_keys=True)
    root = Lambdad("pet", func=torch.sqrt, allow_missing_keys=True)  # MONAI notes it among the operations
    joined = Compose([load, root, AlignImagesd(NAMES, (2, 2, 2))])({"pet": three_grids.image("pet")})
    pet = joined["image"].as_tensor()[2]
    scores = torch.stack([torch.zeros_like(pet), pet - 0.5])
    labels = LabelsOnSourced("pred", orig_keys="image")({**joined, "pred": scores})["pred"]
    assert labels.shape[1:] == three_grids.SHAPES["pet"]
    assert labels.any()


def joined_case(present=(True, True, True)) -> dict[str, torch.Tensor]:
    mask = torch.tensor(present, dtype=torch.float32)[:, None, None, None].expand(3, 2, 2, 2)
    return {"image": mask * 7.0, "presence": mask}


def kept(transform: RandDropImagesd, case: dict[str, torch.Tensor]) -> tuple[bool, ...]:
    out = transform(case)
    image, presence = (tuple(bool(channel.any()) for channel in out[key]) for key in ("image", "presence"))
    assert image == presence
    assert out["image"].max() == 7.0  # what is kept is not changed
    return presence


def test_every_part_of_the_images_is_kept_as_often_and_neither_none_nor_all():
    transform = RandDropImagesd(["image", "presence"], prob=1.0).set_random_state(seed=3)
    counts = Counter(kept(transform, joined_case()) for _ in range(3000))
    assert len(counts) == 6
    assert (False,) * 3 not in counts
    assert (True,) * 3 not in counts
    assert all(abs(count - 500) < 4 * np.sqrt(500) for count in counts.values())  # four standard deviations


def test_a_missing_image_is_not_counted_and_a_lone_one_is_never_hidden():
    transform = RandDropImagesd(["image", "presence"], prob=1.0).set_random_state(seed=3)
    counts = Counter(kept(transform, joined_case((True, False, True))) for _ in range(300))
    assert set(counts) == {(True, False, False), (False, False, True)}
    assert {kept(transform, joined_case((False, True, False))) for _ in range(20)} == {(False, True, False)}


def test_the_first_image_alone_can_be_made_more_frequent():
    transform = RandDropImagesd(["image", "presence"], prob=1.0, first_alone=0.5).set_random_state(seed=3)
    counts = Counter(kept(transform, joined_case()) for _ in range(1200))
    assert counts[True, False, False] == pytest.approx(1200 * (0.5 + 0.5 / 6), rel=0.1)
    assert kept(transform, joined_case((False, True, True))).count(True) == 1


def test_images_are_hidden_with_the_probability_given_and_the_same_ones_with_the_same_seed():
    def draws(seed: int) -> list[tuple[bool, ...]]:
        transform = RandDropImagesd(["image", "presence"], prob=0.4).set_random_state(seed=seed)
        return [kept(transform, joined_case()) for _ in range(400)]

    assert draws(5) == draws(5)
    assert draws(5) != draws(6)
    assert sum(all(one) for one in draws(5)) == pytest.approx(240, abs=40)
    never = RandDropImagesd(["image", "presence"], prob=0.0)
    assert all(all(kept(never, joined_case())) for _ in range(20))


def test_an_image_after_the_first_ends_at_a_plane_and_its_mask_with_it():
    transform = RandCutImagesd(["image", "presence"], prob=1.0, kept=(0.3, 0.8)).set_random_state(seed=3)
    seen = Counter()
    for _ in range(300):
        case = {key: torch.full((3, 10, 20, 40), 7.0 if key == "image" else 1.0) for key in ("image", "presence")}
        out = transform(case)
        assert torch.equal(out["image"], 7 * out["presence"])
        assert case["image"].min() == 7.0  # the input is not changed
        (cut,) = [index for index, mask in enumerate(out["presence"]) if not mask.all()]
        mask = out["presence"][cut]
        extents = [mask.amax(dim=tuple(other for other in range(3) if other != axis)) for axis in range(3)]
        (axis,) = [axis for axis, extent in enumerate(extents) if not extent.all()]
        share, at_start = float(extents[axis].mean()), bool(extents[axis][0])
        assert 0.29 < share < 0.81
        assert extents[axis].diff().abs().sum() == 1  # one side of one plane
        seen[cut, axis, at_start] += 1
    assert len(seen) == 2 * 3 * 2
    assert min(seen.values()) > 8
    assert 0 not in {cut for cut, _, _ in seen}


def test_a_lone_image_is_never_cut_and_the_first_that_is_there_stays_whole():
    transform = RandCutImagesd(["image", "presence"], prob=1.0).set_random_state(seed=3)
    for there in ((True, False, False), (False, False, True)):
        assert torch.equal(transform(joined_case(there))["presence"], joined_case(there)["presence"])
    large = {key: value.repeat(1, 8, 8, 8) for key, value in joined_case((False, True, True)).items()}
    masks = [transform(large)["presence"] for _ in range(20)]
    assert all(mask[1].all() and not mask[2].all() for mask in masks)
    never = RandCutImagesd(["image", "presence"], prob=0.0)
    assert all(never(joined_case())["presence"].all() for _ in range(20))
