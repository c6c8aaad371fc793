"""A network run in the fastest way that gives its labels: each way is compared with PyTorch in f32 before it is used.

Reduced precision can be silently wrong: in bf16 a strided 3-D convolution whose innermost output has length 1 gives
garbage on some processors (pytorch#169688), and so may a conversion of a network nobody tried before.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from monai_attn.backends.cache import Entry
from monai_attn.backends.conversion import small_examples
from monai_attn.backends.head import Head, with_head_apart
from monai_attn.backends.outputs import flatten, main_output
from monai_attn.errors import BackendError

__all__ = ["CheckedNetwork", "Way", "disagreement"]

LEAST_DICE = {"f32": 0.999, "bf16": 0.99, "f16": 0.99, "int8": 0.98}
"""How well each class of one window must agree. Averaged over overlapping windows labels agree better than in one."""

TIES = 10
"""Voxels of a class that may differ besides, for structures of which a window shows a corner only."""

SHOWN = 10 * TIES
"""Voxels of a class from which on a window shows it."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Way:
    """A way to run a network. If its back-end was `asked` for by name, that it cannot run in f32 is an error."""

    backend: str
    precision: str
    network: nn.Module
    asked: bool = False

    def __str__(self) -> str:
        return f"{self.backend} {self.precision}"


class CheckedNetwork(nn.Module):
    """The ways to run a network, fastest first; the last is the network itself, which the others must agree with.

    For each shape of windows a way is compared with the last one on the first window that is not all one value (air);
    and until that has shown more than one class, on the first where the way finds more, and on the second, fourth,
    eighth window and so on, lest it find nothing anywhere. Outputs that are not finite are never used. What disagrees
    is not used again for that shape: the next way is, `notes` tells why, and a warning is logged once. What agreed is
    remembered in the cache under `key` ("": nowhere), and not compared again. `used` are the ways that windows went,
    as pairs of back-end and precision. `regions`: see `disagreement`.
    """

    def __init__(self, ways: Sequence[Way], key: str = "", *, regions: bool = False) -> None:
        super().__init__()
        self.ways = list(ways)
        self.modules_of_ways = nn.ModuleList(way.network for way in ways)
        self.key = key
        self.regions = regions
        self.notes: list[str] = []
        self.used: list[tuple[str, str]] = []
        self.threads: int | None = None
        self._head: Head | None = None
        self._rank: dict[tuple[int, ...], int] = {}
        self._compared: dict[tuple[Way, tuple[int, ...]], _Comparison] = {}

    def forward(self, x: Tensor) -> Any:
        """What the fastest way that is not refused gives. Raises `BackendError` where one was asked for by name."""
        window = tuple(x.shape[1:])
        for rank in range(self._rank.get(window, 0), len(self.ways) - 1):
            way = self.ways[rank]
            try:
                output = self._run(way, x)
                problem = self._problem(way, x, output)
            except BackendError as error:
                if way.asked and self.ways[rank + 1].backend != way.backend:
                    raise
                problem = str(error)
            if not problem:
                return self._took(way, output, x)
            self._rank[window] = rank + 1
            self._tell(way, self.ways[rank + 1], window, problem)
        return self._took(self.ways[-1], self._run(self.ways[-1], x), x)

    def find_head(self, x: Tensor) -> Head | None:
        """The network's last layer, if it is one that widens and all ways can do without it on windows like `x`.

        Whether it is the last is tried on a small image, in PyTorch.
        """
        first = self.ways[self._rank.get(tuple(x.shape[1:]), 0)]
        if not all(map(_has_features, self.ways)) or (first.backend != "torch" and not first.network.has_features(x)):  # type: ignore[operator]
            return None
        last = self.ways[-1].network
        for shape in small_examples(x.shape):
            example = x.new_zeros(shape)
            with suppress(Exception):  # a foreign network may refuse a small image in any way
                return with_head_apart(last, lambda example=example: last(example))[1]  # type: ignore[misc]
        return None

    @contextmanager
    def left_out(self, head: Head) -> Iterator[None]:
        """The call gives what each way would give to `head`; labels are compared as ever."""
        self._head = head
        try:
            yield
        finally:
            self._head = None

    def _run(self, way: Way, x: Tensor) -> Any:
        if self._head is None:
            return way.network(x)
        if way.backend != "torch":
            return way.network.features(x)  # type: ignore[operator]
        with self._head.left_out():
            return way.network(x)

    @property
    def is_compared(self) -> bool:
        """Whether one way is compared with another."""
        return len(self.ways) > 1

    @property
    def backend(self) -> str:
        """The back-end that ran the last windows, or that the first ones will try."""
        return self.used[-1][0] if self.used else self.ways[0].backend

    def provenance(self) -> dict[str, Any]:
        """What ran the network: back-ends and precisions in the order of their first use, threads, what was refused."""
        used = self.used or [(self.ways[0].backend, self.ways[0].precision)]
        return {
            "backend": ", ".join(dict.fromkeys(backend for backend, _ in used)),
            "precision": ", ".join(dict.fromkeys(precision for _, precision in used)),
            "threads": self.threads or torch.get_num_threads(),
            "fallbacks": list(self.notes),
        }

    def _took(self, way: Way, output: Any, x: Tensor) -> Any:
        precision = _autocast(x) if way.precision == "auto" else getattr(way.network, "precision", way.precision)
        pair = (way.backend, precision)
        if pair not in self.used:
            self.used.append(pair)
        if way.precision not in ("auto", precision):
            self._note(f"Windows run in {way.backend} {precision}: this processor has no {way.precision}.")
        self.threads = getattr(way.network, "threads", None)
        return output

    def _tell(self, way: Way, other: Way, window: tuple[int, ...], problem: str) -> None:
        self._note(f"Windows of {' x '.join(map(str, window[1:]))} run in {other}, not in {way}: {problem}")

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)
            logger.warning(note)

    def _problem(self, way: Way, x: Tensor, output: Any) -> str:
        """Why an output cannot be used, "" if it can."""
        if not _is_finite(output) and _is_finite(self.ways[-1].network(x)):
            return "its values are not finite where those of torch f32 are."
        memory = self._memory(way, x)
        place = (way, tuple(x.shape[1:]))
        if place not in self._compared:
            self._compared[place] = _Comparison(done=bool(memory and memory.read()))
        comparison = self._compared[place]
        for window, given in zip(x, main_output(output), strict=True):
            if self._head is not None and not comparison.done:
                given = self._head(given)
            if comparison.is_due(window, given, self.regions):
                expected = main_output(self.ways[-1].network(window[None]))[0]
                if problem := disagreement(expected, given, LEAST_DICE[way.precision], regions=self.regions):
                    return problem
                comparison.done = _is_mixed(expected, self.regions)
                if comparison.done and memory:
                    memory.write({"way": str(way)})
        return ""

    def _memory(self, way: Way, x: Tensor) -> Entry | None:
        shape = "x".join(map(str, x.shape[1:]))
        return Entry("agreed", self.key, f"{way.backend}-{way.precision}-{shape}") if self.key else None


@dataclass
class _Comparison:
    """How far a way has been compared on a shape: whether it has passed, and how many windows it has met."""

    done: bool
    met: int = 0

    def is_due(self, window: Tensor, given: Tensor, regions: bool) -> bool:
        """Whether a comparison on this window tells something new."""
        if self.done or not bool(window.amax() > window.amin()):
            return False
        self.met += 1
        return self.met & (self.met - 1) == 0 or _is_mixed(given, regions)


def disagreement(expected: Tensor, given: Tensor, least_dice: float, *, regions: bool = False) -> str:
    """How the labels of two outputs (classes, *spatial) differ; "" when every class agrees.

    A class agrees when its Dice is `least_dice`, or when no more than `TIES` voxels stand between it and that. The
    label is the class of the largest value; of one channel, and of each channel where they are `regions` that may
    overlap, whether it is positive.
    """
    if expected.shape != given.shape:
        return f"it gives {tuple(given.shape)}, torch f32 {tuple(expected.shape)}."
    masks, others = _masks(expected, regions), _masks(given.to(expected.device), regions)
    for label, (mask, other) in enumerate(zip(masks, others, strict=True)):
        voxels = int(mask.sum() + other.sum())
        differing = int((mask != other).sum())
        if differing > TIES + (1 - least_dice) * voxels:
            dice = 1 - differing / voxels
            return f"its labels differ from those of torch f32 (channel {label}: Dice {dice:.3f} in one window)."
    return ""


def _masks(logits: Tensor, regions: bool) -> list[Tensor]:
    """(classes, *spatial) to a mask for each."""
    if regions or len(logits) == 1:
        return list(logits > 0)
    labels = logits.argmax(0)
    return [labels == label for label in range(len(logits))]


def _is_mixed(logits: Tensor, regions: bool) -> bool:
    """Whether a class is in `SHOWN` voxels, and as many are without it."""
    return any(SHOWN <= int(mask.sum()) <= mask.numel() - SHOWN for mask in _masks(logits, regions))


def _is_finite(output: Any) -> bool:
    """A sum is finite only of finite values, and far faster; where it overflows, each value is looked at."""
    return all(bool(tensor.sum().isfinite() or tensor.isfinite().all()) for tensor in flatten(output))


def _has_features(way: Way) -> bool:
    """Whether a back-end knows how to do without the last layer; of its network and windows it says itself."""
    return way.backend == "torch" or hasattr(way.network, "features")


def _autocast(x: Tensor) -> str:
    """The precision of what is computed from an image now."""
    if not torch.is_autocast_enabled(x.device.type):
        return "f32"
    return {torch.bfloat16: "bf16", torch.float16: "f16"}[torch.get_autocast_dtype(x.device.type)]
