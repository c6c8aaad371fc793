"""Where a network looked and how sure it was: maps from the same windows as the labels.

Maps blend as logits do: the network gives them as further channels. Where a `StreamingInferer` makes labels of finished
slabs, the network gives the maps as a second output, so that the labels stay the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import compress
from typing import Any

import torch
from monai.data import MetaTensor
from torch import Tensor, nn

from monai_attn.errors import BundleError, InputError
from monai_attn.inferers.flipped import FlippedInferer, exchanged
from monai_attn.inferers.precision import CPUAutocastInferer
from monai_attn.inferers.streaming import StreamingInferer
from monai_attn.inferers.watching import WatchedInferer
from monai_attn.networks.maps import has_attention, on_grid_of, predict_with_maps, watch_attention

__all__ = [
    "Inference",
    "check_maps",
    "class_entropy",
    "class_probabilities",
    "extra_runs",
    "flip_variance",
    "infer_with_maps",
]

MAPS = ("attention", "entropy", "flip_variance", "probabilities")
"""Maps that can be asked for."""

Inference = Callable[..., Any]


def class_probabilities(logits: Tensor, *, exclusive: bool) -> Tensor:
    """Probabilities of the classes from logits `(N, C, *spatial)`.

    The softmax over the classes; where classes may overlap (regions), the sigmoid of each class.
    """
    return torch.softmax(logits.float(), dim=1) if exclusive and logits.shape[1] > 1 else torch.sigmoid(logits.float())


def class_entropy(probabilities: Tensor, *, exclusive: bool) -> Tensor:
    """Shannon entropy over the classes, `(N, 1, *spatial)`, between 0 (certain) and 1 (all classes alike).

    It is divided by its largest value. Where classes may overlap, it is the largest entropy among the decisions, one
    decision for each class.
    """
    if exclusive and probabilities.shape[1] > 1:
        entropy = torch.special.entr(probabilities).sum(dim=1, keepdim=True) / math.log(probabilities.shape[1])
    else:
        both = torch.special.entr(probabilities) + torch.special.entr(1 - probabilities)
        entropy = both.amax(dim=1, keepdim=True) / math.log(2)
    bounded: Tensor = entropy.clamp(0, 1)
    return bounded


def flip_variance(probabilities: Sequence[Tensor]) -> Tensor:
    """How much predictions of an image and its mirror images differ, `(N, 1, *spatial)`: 0 not at all, 1 they oppose.

    The variance over the predictions of each class's probability, the largest among the classes, times 4. A probability
    that is 0 in half of the predictions and 1 in the others has a variance of 1/4. Test-time augmentation as in Wang et
    al. 2019 (arXiv 1807.07356), by flips alone.
    """
    variance: Tensor = torch.stack(list(probabilities)).var(dim=0, correction=0)
    largest: Tensor = (4 * variance).amax(dim=1, keepdim=True)
    return largest.clamp(0, 1)


def infer_with_maps(
    inferer: Inference,
    network: nn.Module,
    image: Tensor,
    wanted: Sequence[str],
    *,
    source: nn.Module,
    exclusive: bool = True,
    pairs: Sequence[Sequence[int]] = (),
) -> tuple[Any, dict[str, Tensor]]:
    """The prediction `inferer(image, network)`, bit for bit, and maps, `(N, 1, *network grid)` each.

    - "attention" gives `attention_1` (finest level), `attention_2` and so on; see `predict_with_maps`. `source` is the
      network in PyTorch. It runs once more on each window where another back-end executes `network`.
    - "entropy" gives `entropy`; see `class_entropy`.
    - "probabilities" gives `probability_0` and so on, a map for each channel.
    - "flip_variance" gives `flip_variance`, over the flips of a `FlippedInferer` at no cost. With other inferers the
      mirror image along the first axis costs a second run.

    `exclusive`: each voxel has one class, in contrast to regions that may overlap. `pairs` are classes that a mirror
    image along the first axis exchanges, such as right and left; a `FlippedInferer` brings its own.

    Raises `InputError` for an unknown map and for attention of a network without attention. Raises `BundleError` for a
    network that does not give one tensor of logits.
    """
    check_maps(wanted, source)
    looking = _LookingNetwork(network, source if "attention" in wanted else None)
    axes: list[int] = []
    if isinstance(inferer, FlippedInferer):
        recorder = _Recorder(inferer.inferer, looking)
        axes, pairs = inferer.axes, inferer.pairs
        prediction = FlippedInferer(recorder, axes, pairs)(image, looking)
    else:
        recorder = _Recorder(inferer, looking)
        prediction = recorder(image, looking)
    classes = looking.classes
    values = prediction if prediction.is_floating_point() else recorder.seen[0]
    plain = values.as_tensor() if isinstance(values, MetaTensor) else values
    if prediction.is_floating_point():
        prediction = _like(prediction, plain[:, :classes].contiguous())
    maps = {f"attention_{n}": plain[:, [classes + n - 1]] for n in range(1, plain.shape[1] - classes + 1)}
    probabilities = class_probabilities(plain[:, :classes], exclusive=exclusive)
    if "entropy" in wanted:
        maps["entropy"] = class_entropy(probabilities, exclusive=exclusive)
    if "flip_variance" in wanted:
        if not axes:
            axes = [0]
            recorder(torch.flip(image, [2]), looking)
        known = [pair for pair in pairs if max(pair) < classes]
        views = _unflipped([one[:, :classes] for one in recorder.seen], axes, known)
        maps["flip_variance"] = flip_variance([class_probabilities(one, exclusive=exclusive) for one in views])
    if "probabilities" in wanted:
        maps.update({f"probability_{n}": probabilities[:, [n]] for n in range(classes)})
    return prediction, maps


def extra_runs(inferer: Inference, wanted: Sequence[str]) -> int:
    """How often maps make `inferer` go over the image besides: once for "flip_variance" without a `FlippedInferer`."""
    return int("flip_variance" in wanted and not (isinstance(inferer, FlippedInferer) and inferer.axes))


def check_maps(wanted: Sequence[str], source: nn.Module) -> None:
    """Refuse an unknown map, and attention of a network that has no attention of this package. Raises `InputError`."""
    unknown = [name for name in wanted if name not in MAPS]
    if unknown:
        raise InputError(f"Unknown map {unknown[0]!r}. Choose among {', '.join(MAPS)}.")
    if "attention" in wanted and not has_attention(source):
        raise InputError(
            f"The network {type(source).__name__} has no attention of monai_attn, so there are no maps of it. "
            "Ask for entropy or flip_variance."
        )


class _LookingNetwork:
    """A network whose further channels, or second output where labels are streamed, are logits and attention maps."""

    def __init__(self, network: nn.Module, source: nn.Module | None) -> None:
        self.network = network
        self.source = source
        self.classes = 0
        self.second_output = False

    def __call__(self, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        if self.source is None:
            logits, maps = self.network(x, *args, **kwargs), []
        else:
            with watch_attention(self.source) as seen:
                logits = self.network(x, *args, **kwargs)
            once = all(len({one.shape for one in level}) == len(level) and level for level in seen)
            whole = once and all(one.shape[0] == x.shape[0] for level in seen for one in level)
            device = next(self.source.parameters()).device
            maps = on_grid_of(x, seen) if whole else predict_with_maps(self.source, x.to(device))[1]
        if not isinstance(logits, Tensor):
            raise BundleError(
                f"The network gives a {type(logits).__name__} and not one tensor of logits, so its maps are not known. "
                "Segment without maps."
            )
        self.classes = logits.shape[1]
        parts = [logits, *(one.to(logits) for one in maps)]
        joined = torch.cat(parts, dim=1) if maps else logits
        return (logits, joined) if self.second_output else joined


class _Recorder:
    """An inferer that keeps what it gave: the values on the network's grid, also where the result is labels."""

    def __init__(self, inferer: Inference, looking: _LookingNetwork) -> None:
        self.inferer = inferer
        self.seen: list[Tensor] = []
        innermost: Any = inferer
        while isinstance(innermost, FlippedInferer | CPUAutocastInferer | WatchedInferer):
            innermost = innermost.inferer
        looking.second_output = isinstance(innermost, StreamingInferer) and innermost.labels is not None

    def __call__(self, inputs: Tensor, network: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        given = self.inferer(inputs, network, *args, **kwargs)
        result, values = given if isinstance(given, tuple) else (given, given)
        if not isinstance(values, Tensor) or not values.is_floating_point():
            raise BundleError("The bundle's inferer gives no logits, so there are no maps. Segment without maps.")
        self.seen.append(values.as_tensor() if isinstance(values, MetaTensor) else values)
        return result


def _unflipped(seen: Sequence[Tensor], axes: Sequence[int], pairs: Sequence[Sequence[int]]) -> list[Tensor]:
    """Predictions of flipped images on the grid of the image, left and right as in the image.

    A `FlippedInferer` counts flips in binary, first axis first.
    """
    views = []
    for number, values in enumerate(seen):
        flipped = list(compress(axes, (number >> bit & 1 for bit in range(len(axes)))))
        there = torch.flip(values, [axis + 2 for axis in flipped]) if flipped else values
        views.append(exchanged(there, pairs) if 0 in flipped else there)
    return views


def _like(given: Tensor, values: Tensor) -> Tensor:
    """The values with the metadata of what was given."""
    return MetaTensor(values).copy_meta_from(given) if isinstance(given, MetaTensor) else values
