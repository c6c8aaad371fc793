"""A sliding window that lets finished slabs go.

- Windows lie where MONAI's `SlidingWindowInferer` puts them and have its weights, so logits agree to rounding. They are
  taken in rows along the axis where that needs least memory. A voxel is finished once no later row touches it.
- Weights are normalised before they are used. So there is no map of sums, and no division at the end.
- Without `labels` the result is the logits, as from any inferer of MONAI: one tensor of float32 and no more.
- With `labels` (a component such as `monai_attn.transforms.SourceLabels`) finished slabs become labels at once. The
  result is the label map on the source grid, `(N, 1, I, J, K)` whole numbers, which `LabelsOnSourced` lets pass.
- What is held then is one row of windows of float32 per class, the input, and the labels. There is no volume per class,
  on neither grid. The source grid is known from the metadata of the image.
- Where the network ends with a 1x1x1 convolution from features to more classes, the features are kept in place of the
  classes. The layer works on the finished slab (see `monai_attn.inferers.head`), so memory does not grow with the
  classes.
- A network may give a mapping or a sequence of tensors at any resolution; all of them are collected. With `labels`, the
  first tensor of a sequence, or the entry `labels_key` of a mapping, becomes labels.
- With a number as `air`, windows of background alone are not given to the network. These are windows in which every
  voxel of every channel is at most that number, after preprocessing. They count as background, by 10 in the logits. The
  first window always runs, since it shows what the network gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from copy import copy
from functools import lru_cache
from typing import Any, Protocol

import torch
from monai.data import MetaTensor, decollate_batch
from monai.data.utils import collate_meta_tensor_fn, compute_importance_map
from monai.utils import BlendMode, PytorchPadMode
from torch import Tensor
from torch.nn.functional import pad

from monai_attn.backends.checked import CheckedNetwork
from monai_attn.backends.head import Head, with_head_apart
from monai_attn.errors import InputError
from monai_attn.inferers.collection import OutputCollection
from monai_attn.inferers.head import LabelTaker
from monai_attn.inferers.watching import RunWatch, WatchableInferer
from monai_attn.inferers.windows import Windows, lay_windows
from monai_attn.progress import Finished

__all__ = ["StreamingInferer"]


class LabelMaker(Protocol):
    """What `labels` of a `StreamingInferer` must be able to do; `monai_attn.transforms.SourceLabels` is one."""

    def begin(self, image: MetaTensor, axis: int, finished: Finished | None = None) -> LabelTaker:
        """The taker of slabs along `axis`, for one preprocessed image `(channels, *spatial)`.

        `finished` is called with the label map so far and the box of voxels just finished.
        """

    def of_air(self, channels: int) -> list[float]:
        """The logits of a window of background alone, one number for each channel."""


class StreamingInferer(WatchableInferer):
    """MONAI's `SlidingWindowInferer` in less memory: the same arguments, windows and weights.

    - `labels`: what makes labels of finished slabs; with None the result is logits.
    - `labels_key`: which output becomes labels, if the network gives a mapping.
    - `air`: windows in which no voxel is above this number are skipped; with None no window is skipped. It needs
      `labels`, or `air_logits`: one number per class.

    How memory is saved stands at the top of this file. Raises `InputError` for a wrong `roi_size` or `overlap`; what
    `labels` raises passes through.

    >>> import torch
    >>> inferer = StreamingInferer(roi_size=(16, 16, 16), overlap=0.5, mode="gaussian")
    >>> inferer(torch.zeros(1, 1, 40, 20, 20), torch.nn.Conv3d(1, 3, 1)).shape
    torch.Size([1, 3, 40, 20, 20])
    """

    def __init__(
        self,
        roi_size: Sequence[int] | int,
        sw_batch_size: int = 1,
        overlap: Sequence[float] | float = 0.25,
        mode: str = "constant",
        sigma_scale: Sequence[float] | float = 0.125,
        padding_mode: str = "constant",
        cval: float = 0.0,
        sw_device: torch.device | str | None = None,
        device: torch.device | str | None = None,
        *,
        labels: LabelMaker | None = None,
        labels_key: str | None = None,
        air: float | None = None,
        air_logits: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        if air is not None and labels is None and air_logits is None:
            raise InputError("To skip windows of air, say what they are: set air_logits, one per class, or labels.")
        self.roi_size = roi_size
        self.sw_batch_size = sw_batch_size
        self.overlap = overlap
        self.mode = BlendMode(mode)
        self.sigma_scale = sigma_scale
        self.padding_mode = PytorchPadMode(padding_mode)
        self.cval = cval
        self.sw_device = sw_device
        self.device = device
        self.labels = labels
        self.labels_key = labels_key
        self.air = air
        self.air_logits = air_logits
        self._watch = RunWatch()

    def watched(self, watch: RunWatch) -> StreamingInferer:
        """A copy that counts its windows, skipped ones too, and passes on the slabs of labels that it finishes."""
        other = copy(self)
        other._watch = watch
        return other

    def __call__(self, inputs: Tensor, network: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The network's output on the whole image `(N, channels, *spatial)`; with `labels`, the label map."""
        images = decollate_batch(inputs) if isinstance(inputs, MetaTensor) and inputs.is_batch else list(inputs)
        self._watch.expect(len(images) * len(lay_windows(images[0].shape[1:], self.roi_size, self.overlap)))
        results = []
        for image in images:
            with ExitStack() as stack:
                results.append(self._image(image, _Caller(network, args, kwargs, stack, apart=self.labels is not None)))
        joined = {}
        for name, first in results[0].items():
            outputs = [result[name] for result in results]
            if not first.is_floating_point():
                joined[name] = collate_meta_tensor_fn(outputs)
                continue
            output = torch.stack(outputs).to(inputs.dtype)
            joined[name] = MetaTensor(output).copy_meta_from(inputs) if isinstance(inputs, MetaTensor) else output
        return _packed(joined)

    def _image(self, image: Tensor, call: _Caller) -> dict[Any, Tensor]:
        """One image `(channels, *spatial)` to its outputs `(C, *spatial)` by name."""
        windows = lay_windows(image.shape[1:], self.roi_size, self.overlap)
        plain = self._padded(image.as_tensor() if isinstance(image, MetaTensor) else image, windows)
        device = torch.device(self.sw_device or image.device)
        outputs = self._collection(image, windows)
        for row, following in zip(windows.rows, [*windows.rows[1:], None], strict=True):
            starts = windows.row(row)
            waiting: list[tuple[int, ...]] = []
            counted = 0
            for number, start in enumerate(starts, 1):
                if self.air is not None and outputs.known and bool(_cut(plain, windows, start).amax() <= self.air):
                    outputs.add_air(start)
                else:
                    waiting.append(start)
                if waiting and (len(waiting) == self.sw_batch_size or number == len(starts)):
                    given = call(torch.stack([_cut(plain, windows, one) for one in waiting]).to(device))
                    outputs.add(waiting, _named(given), call.head)
                    del given  # before the next are computed
                    waiting = []
                if not waiting:
                    self._watch.count(number - counted)
                    counted = number
            outputs.end_row(following)
        return outputs.result()

    def _padded(self, image: Tensor, windows: Windows) -> Tensor:
        edges = [edge for pair in zip(windows.before, windows.after, strict=True) for edge in reversed(pair)][::-1]
        if not any(edges):
            return image
        constant = self.padding_mode == PytorchPadMode.CONSTANT
        return pad(image[None], edges, mode=self.padding_mode.value, value=self.cval if constant else None)[0]

    def _collection(self, image: Tensor, windows: Windows) -> OutputCollection:
        device = torch.device(self.device or image.device)
        sigma = tuple(self.sigma_scale) if isinstance(self.sigma_scale, Sequence) else self.sigma_scale
        importance = _importance(windows.roi, self.mode, sigma, device)
        return OutputCollection(
            windows,
            importance,
            taker=None if self.labels is None else self.labels.begin(image, windows.axis, self._watch.finished),
            labels_key=self.labels_key,
            of_air=None if self.air is None else self._of_air,
        )

    def _of_air(self, channels: int) -> list[float]:
        logits = self.labels.of_air(channels) if self.air_logits is None and self.labels else self.air_logits
        if logits is None or len(logits) != channels:
            raise InputError(f"air_logits are one number for each of the {channels} classes; got {logits}.")
        return list(logits)


@lru_cache(maxsize=2)
def _importance(
    roi: tuple[int, ...], mode: BlendMode, sigma_scale: tuple[float, ...] | float, device: torch.device
) -> Tensor:
    """The weights of a window's voxels, which are the same for every image; nobody changes them."""
    weights: Tensor = compute_importance_map(roi, mode, sigma_scale, device=device)
    return weights


class _Caller:
    """Calls a network with one image's windows; with `apart`, without its last layer where that can wait."""

    def __init__(self, network: Callable[..., Any], args: Any, kwargs: Any, stack: ExitStack, *, apart: bool) -> None:
        self.network, self.args, self.kwargs = network, args, kwargs
        self.stack = stack  # puts the layer back
        self.head: Head | None = None
        self.first = apart

    def __call__(self, windows: Tensor) -> Any:
        """What the network gives, or would give to `head`."""

        def run() -> Any:
            return self.network(windows, *self.args, **self.kwargs)

        if not self.first:
            return run()
        self.first = False
        if isinstance(self.network, CheckedNetwork) and self.network.is_compared:
            self.head = self.network.find_head(windows)
            if self.head is not None:
                self.stack.enter_context(self.network.left_out(self.head))
            return run()
        given, self.head = with_head_apart(self.network, run)
        if self.head is not None:
            self.stack.enter_context(self.head.left_out())
        return given


def _cut(image: Tensor, windows: Windows, start: tuple[int, ...]) -> Tensor:
    """A window of the padded image."""
    parts = zip(start, windows.before, windows.roi, strict=True)
    return image[(slice(None), *(slice(first + pad, first + pad + edge) for first, pad, edge in parts))]


def _named(given: Any) -> dict[Any, Tensor]:
    """What a network gave, by name: the keys of a mapping, 0, 1, ... for a sequence, None for one tensor."""
    if isinstance(given, Tensor):
        return {None: given}
    return dict(given) if isinstance(given, Mapping) else dict(enumerate(given))


def _packed(outputs: dict[Any, Tensor]) -> Any:
    """The opposite of `_named`; a sequence is a tuple."""
    if None in outputs:
        return outputs[None]
    return tuple(outputs.values()) if list(outputs) == list(range(len(outputs))) else outputs
