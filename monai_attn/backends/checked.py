"""A network in the fastest back-end that gives the values of PyTorch in float32, but for rounding.

Reduced precision can be silently wrong. In bf16, a strided 3-D convolution whose innermost output has length 1 gives
garbage on some processors (pytorch#169688). A conversion may be wrong too. So every back-end is compared with PyTorch
in float32 before its output is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from monai_attn.backends.agreement import is_finite
from monai_attn.backends.cache import Entry
from monai_attn.backends.comparison import WindowComparison
from monai_attn.backends.conversion import small_examples
from monai_attn.backends.head import ComparedNetwork, Head, with_head_apart
from monai_attn.backends.network import BackendNetwork
from monai_attn.backends.pace import Pace
from monai_attn.backends.record import RunRecord
from monai_attn.backends.reference import reference_output
from monai_attn.errors import BackendError

__all__ = ["CheckedNetwork", "Variant"]


@dataclass(frozen=True)
class Variant:
    """A network in one back-end and precision.

    `asked`: the user has named the back-end. Then it is an error when the back-end cannot run the network in float32.
    """

    backend: str
    precision: str
    network: BackendNetwork
    asked: bool = False

    def __str__(self) -> str:
        return f"{self.backend} {self.precision}"


class CheckedNetwork(ComparedNetwork):
    """A network in several variants, the fastest first; the last variant is the network itself, in PyTorch.

    - For each shape of windows, each variant is compared with the last one; see `WindowComparison`.
    - A variant that differs by more than rounding is not used again for that shape. The next variant takes its place,
      one warning says so, and the provenance keeps it.
    - A back-end that is slower than PyTorch is not used after its first windows, unless the user named it; see `Pace`.
    - An output with NaN or infinity is never used where the network itself gives none.
    - Comparisons that agreed are kept in the cache under `key`, and not made again; with "" they are kept nowhere.

    `regions`: whether the network's channels may overlap; see `disagreement`. `record`: what ran, for the provenance.
    """

    def __init__(self, variants: Sequence[Variant], key: str = "", *, regions: bool = False) -> None:
        super().__init__()
        self.variants = list(variants)
        self.networks = nn.ModuleList(one.network for one in variants)
        self.key = key
        self.regions = regions
        self.record = RunRecord((variants[0].backend, variants[0].precision))
        self._head: Head | None = None
        self._rank: dict[tuple[int, ...], int] = {}
        self._comparisons: dict[tuple[int, tuple[int, ...]], WindowComparison] = {}
        self._paces: dict[tuple[int, tuple[int, ...]], Pace] = {}

    @property
    def is_compared(self) -> bool:
        """Whether there is more than one variant, so that one is compared with another."""
        return len(self.variants) > 1

    def forward(self, x: Tensor) -> Any:
        """The output for windows `(N, channels, *spatial)` of the fastest variant that is not refused for their shape.

        Raises `BackendError` when the user named a back-end and it cannot run the network.
        """
        window = tuple(x.shape[1:])
        *checked, last = self.variants
        for rank, variant in list(enumerate(checked))[self._rank.get(window, 0) :]:
            pace, output, problem = self._pace(rank, window), None, ""
            try:
                if not pace.slow:
                    output = pace.timed(partial(self._run, variant), x)
                    problem = self._problem(rank, x, output)
            except BackendError as error:
                if variant.asked and self.variants[rank + 1].backend != variant.backend:
                    raise
                problem = str(error)
            if problem:
                self._leave(rank, rank + 1, window, problem)
                continue
            if not variant.asked and pace.is_slow(last.network, x):
                self._leave(rank, len(checked), window, str(pace))
            if output is None:  # an earlier run has found that it is slow
                break
            return self._took(variant, output, x)
        return self._took(last, self._run(last, x), x)

    def _leave(self, rank: int, following: int, window: tuple[int, ...], why: str) -> None:
        """Let another variant run the next windows of this shape, with a note."""
        self._rank[window] = following
        shape = " x ".join(map(str, window[1:]))
        to, left = self.variants[following], self.variants[rank]
        self.record.note(f"Windows of {shape} run in {to}, not in {left}: {why}")

    def find_head(self, x: Tensor) -> Head | None:
        """The network's last layer, if all variants can leave it out of windows like `x`; else None.

        Whether it is the last layer is tried on a small image, in PyTorch; see `with_head_apart`.
        """
        first = self.variants[self._rank.get(tuple(x.shape[1:]), 0)].network
        if not all(one.network.gives_features for one in self.variants):
            return None
        last = self.variants[-1].network
        for shape in small_examples(x.shape):
            example = x.new_zeros(shape)
            with suppress(Exception):  # a foreign network may refuse a small image in any way
                head = with_head_apart(last, lambda example=example: last(example))[1]  # type: ignore[misc]
                break
        else:
            return None
        return head if head is not None and first.has_features(x) else None  # which compiles the network

    @contextmanager
    def left_out(self, head: Head) -> Iterator[None]:
        """While within, the output is the input of the last layer `head`; labels are compared all the same."""
        self._head = head
        try:
            yield
        finally:
            self._head = None

    def _run(self, variant: Variant, x: Tensor) -> Any:
        """The output of one variant; with a head left out, the features before it."""
        return variant.network(x) if self._head is None else variant.network.features(x, self._head)

    def _problem(self, rank: int, x: Tensor, output: Any) -> str:
        """Why an output cannot be used, "" if it can."""
        reference = self.variants[-1].network
        if not is_finite(output) and is_finite(reference(x)):
            return "its values are not finite where those of torch f32 are."
        place = rank, tuple(x.shape[1:])
        if place not in self._comparisons:
            memory = self._memory(*place, "rounding")
            self._comparisons[place] = WindowComparison(self.variants[rank].precision, memory, regions=self.regions)
        pace = self._pace(*place)

        def expected(window: Tensor) -> Any:
            self.variants[rank].network.let_go()
            return pace.timed_torch(partial(reference_output, reference), window)

        return self._comparisons[place].problem(x, output, expected, self._head)

    def _pace(self, rank: int, window: tuple[int, ...]) -> Pace:
        """The times of one variant on windows of one shape. What the user asked for is never slow."""
        if (rank, window) not in self._paces:
            asked = self.variants[rank].asked
            self._paces[rank, window] = Pace(None if asked else self._memory(rank, window, "slow"))
        return self._paces[rank, window]

    def _memory(self, rank: int, window: tuple[int, ...], what: str) -> Entry | None:
        """The place in the cache for what is known of a variant and a shape; None where nothing is kept."""
        variant, shape = self.variants[rank], "x".join(map(str, window))
        made = variant.network.made_from
        name = f"{variant.backend}-{variant.precision}{f'-{made}' if made else ''}-{shape}-{what}"
        return Entry("agreed", self.key, name) if self.key else None

    def _took(self, variant: Variant, output: Any, x: Tensor) -> Any:
        """The output, after the record has noted which variant gave it, and how its labels compared."""
        own = [one for (rank, _), one in self._comparisons.items() if self.variants[rank] is variant]
        if voxels := sum(one.voxels for one in own):
            self.record.compared[str(variant)] = sum(one.differ for one in own), voxels
        self.record.took(variant.backend, variant.precision, variant.network, x)
        return output
