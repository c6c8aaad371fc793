"""Test-time flips."""

from __future__ import annotations

import pytest
import torch
from monai.inferers import SimpleInferer, SlidingWindowInferer
from torch import nn

from monai_attn.errors import InputError
from monai_attn.inferers import FlippedInferer


@pytest.fixture
def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.Tanh(), nn.Conv3d(4, 3, 3, padding=1)).eval()


@pytest.fixture
def image():
    return torch.randn(2, 1, 7, 6, 5, generator=torch.Generator().manual_seed(2))


@torch.no_grad()
@pytest.mark.parametrize("axes", [[0], [1], [0, 2], [0, 1, 2]])
@pytest.mark.parametrize("inner", [SimpleInferer(), SlidingWindowInferer((8, 8, 8), sw_batch_size=2)])
def test_the_logits_of_a_flipped_image_are_exactly_the_flipped_logits(network, image, axes, inner):
    inferer = FlippedInferer(inner, axes)
    logits = inferer(image, network)
    for axis in axes:
        flipped = inferer(torch.flip(image, [axis + 2]), network)
        assert torch.equal(torch.flip(flipped, [axis + 2]), logits)
    other = next((axis for axis in range(3) if axis not in axes), None)
    if other is not None:
        assert not torch.allclose(torch.flip(inferer(torch.flip(image, [other + 2]), network), [other + 2]), logits)


@torch.no_grad()
def test_it_is_the_mean_over_all_combinations_of_flips(network, image):
    runs = []

    def watched(x):
        runs.append(x)
        return network(x)

    logits = FlippedInferer(SimpleInferer(), (0, 2))(image, watched)
    expected = [torch.flip(network(torch.flip(image, dims)), dims) for dims in ([], [2], [4], [2, 4])]
    torch.testing.assert_close(logits, torch.stack(expected).mean(0))
    assert len(runs) == 4


@torch.no_grad()
def test_without_axes_it_is_the_other_inferer(network, image):
    assert torch.equal(FlippedInferer(SimpleInferer(), [])(image, network), network(image))


def test_arguments_reach_the_network(image):
    seen = []

    def network(x, factor, *, shift):
        seen.append((factor, shift))
        return factor * x + shift

    torch.testing.assert_close(FlippedInferer(SimpleInferer())(image, network, 2, shift=1), 2 * image + 1)
    assert seen == [(2, 1), (2, 1)]


@pytest.mark.parametrize("axes", [[0, 0], [-1]])
def test_axes_that_repeat_or_count_from_the_end_are_refused(axes):
    with pytest.raises(InputError, match="axes are different spatial axes, 0 for the first; got"):
        FlippedInferer(SimpleInferer(), axes)


def test_an_axis_the_image_does_not_have_is_refused(image):
    with pytest.raises(InputError, match=r"Cannot flip along axes \[3\]: the image has 3 spatial axes."):
        FlippedInferer(SimpleInferer(), [3])(image, nn.Identity())


def test_a_flip_exchanges_the_classes_of_a_pair():
    """A network of two classes, right and left: on the mirrored image it gives each voxel the other one."""

    def right_and_left(image):
        place = torch.linspace(-1, 1, image.shape[2]).reshape(1, 1, -1, 1, 1).expand_as(image)
        return torch.cat([torch.zeros_like(image), image * (place < 0), image * (place > 0)], dim=1)

    image = torch.rand(1, 1, 4, 3, 2)
    plain = right_and_left(image)
    paired = FlippedInferer(SimpleInferer(), axes=[0, 1], pairs=[[1, 2]])(image, right_and_left)
    torch.testing.assert_close(paired, plain)
    assert not torch.allclose(FlippedInferer(SimpleInferer(), axes=[0])(image, right_and_left), plain)
    with pytest.raises(InputError, match="one counterpart on the other side"):
        FlippedInferer(SimpleInferer(), pairs=[[1, 2], [2, 3]])
