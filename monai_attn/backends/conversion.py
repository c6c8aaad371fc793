"""A torch network as an OpenVINO model, for windows of one shape; made once and kept in the cache."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from monai_attn.backends.cache import Entry
from monai_attn.backends.fingerprint import fingerprint
from monai_attn.backends.outputs import flatten, skeleton
from monai_attn.errors import BackendError

__all__ = [
    "Converted",
    "openvino_without_telemetry",
    "read_model",
    "reshaped",
    "save_model",
    "small_examples",
]

EXAMPLE_STEP = 32
"""Examples have the window's remainder modulo this, so that what a network pads and crops is the same in both."""

logger = logging.getLogger(__name__)


def openvino_without_telemetry() -> ModuleType:
    """The package openvino, unable to report its use over the network. Nothing else in this package imports it.

    On its own it reports its import and each conversion to its maker, and nncf reports each quantisation. They use the
    package openvino_telemetry for that, unless a file in the home folder forbids it. Both work without that package, so
    it is hidden before they are imported. Where other code has imported it before, its sender is silenced.
    """
    if "openvino_telemetry" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # Python's own way to say: not there
    elif sys.modules["openvino_telemetry"] is not None:
        from openvino_telemetry.utils import sender

        sender.TelemetrySender.send = lambda *_: None
    import openvino
    from openvino.tools.ovc import convert, convert_impl

    # The converter sets the level, filters and handlers of the root logger, of all threads, and leaves them so when it
    # fails; then warnings of others are lost.
    convert_impl.init_logger = convert.restore_logger_state = lambda *_: None

    return openvino  # type: ignore[no-any-return]


class Converted:
    """A network as OpenVINO models, one for each shape of windows.

    A model is traced on a small image and then set to the window's shape. That takes a fraction of the time and memory
    of tracing a whole window.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.key = fingerprint(network)

    def model(self, window: Sequence[int]) -> tuple[Any, Any]:
        """A model for one window `(1, channels, *spatial)`, and the skeleton of the model's output.

        Raises `BackendError`, with OpenVINO's reason, where OpenVINO cannot run the network.
        """
        reasons = []
        for example in _examples(window):
            try:
                model, shape = self._traced(example)
                return reshaped(model, example, window), shape
            except Exception as error:  # noqa: BLE001 - a foreign network may fail in any way
                logger.debug("A trace of %s gives no model of %s: %s", example, window, error)
                reasons.append(_reason(error))
        raise BackendError(f"OpenVINO cannot run this network on windows of {_text(window)}: {reasons[-1]}")

    def _traced(self, example: Sequence[int]) -> tuple[Any, Any]:
        """A model of the network for an image of this size, and the skeleton of its output.

        The model comes from the cache where it is there.
        """
        entry = Entry("openvino", self.key, f"f32-{_text(example)}")
        if (about := entry.read()) is None:
            logger.info("preparing the network for this computer, once")
            model, shape = _trace(self.network, example)
            about = {"output": shape}
            if not entry.write(about, lambda folder: save_model(model, folder)):
                return model, shape
        return read_model(entry), about["output"]


def _examples(window: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Images to trace, smallest first, and the window itself last."""
    yield from dict.fromkeys([*small_examples(window), tuple(window)])


def small_examples(window: Sequence[int]) -> list[tuple[int, ...]]:
    """Sizes of small images on which a network pads and crops as on a window `(N, channels, *spatial)`, smallest first.

    Networks of at most five strides of two pad to multiples of 32, so a small image keeps the window's remainder modulo
    32.

    >>> small_examples((2, 1, 96, 70, 33))
    [(1, 1, 32, 38, 33), (1, 1, 64, 70, 33)]
    """
    _, channels, *spatial = window
    sizes = [[min(length, EXAMPLE_STEP * times + length % EXAMPLE_STEP) for length in spatial] for times in (1, 2)]
    return [(1, channels, *size) for size in sizes]


def _trace(network: nn.Module, example: Sequence[int]) -> tuple[Any, Any]:
    """A model of the network for an image of this size, and the skeleton of its output.

    The image is a ramp from -1 to 1, so that no layer sees a constant.
    """
    openvino = openvino_without_telemetry()
    image = torch.linspace(-1, 1, torch.Size(example).numel()).reshape(tuple(example))
    with torch.no_grad(), _without_trace_warnings():
        shape = skeleton(network(image))
        model = openvino.convert_model(_Flat(network), example_input=image)
    return model, shape


@contextmanager
def _without_trace_warnings() -> Iterator[None]:
    """While within, the warnings of tracing are not shown: sizes become constants, which the examples allow for.

    The converter calls `logging.debug`, which gives the root logger a handler if it has none; so it gets one for the
    time.
    """
    meanwhile = logging.NullHandler()
    logging.getLogger().addHandler(meanwhile)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.getLogger().removeHandler(meanwhile)


class _Flat(nn.Module):
    """A network whose output is a tuple of tensors, as converters want it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(flatten(self.network(x)))


def reshaped(model: Any, example: Sequence[int], window: Sequence[int]) -> Any:
    """The model for another size of image.

    Raises `BackendError` where an output does not grow as the image does: the network's size would be fixed in it.
    """
    model.reshape({0: list(example)})
    before = [list(output.shape) for output in model.outputs]
    model.reshape({0: list(window)})
    for small, output in zip(before, model.outputs, strict=True):
        large = list(output.shape)
        sizes = zip(small[2:], large[2:], example[2:], window[2:], strict=False)
        if any(before * after_image != after * before_image for before, after, before_image, after_image in sizes):
            raise BackendError(f"an output of {small} becomes {large}, out of step with the image")
    return model


def save_model(model: Any, folder: Path) -> None:
    """Write a model into a folder of the cache, with its weights in float32. Raises `OSError` for a full disk."""
    try:
        openvino_without_telemetry().save_model(model, folder / "network.xml", compress_to_fp16=False)
    except RuntimeError as error:  # OpenVINO's "iostream error"
        raise OSError(f"OpenVINO cannot write the network: {_reason(error)}") from error


def read_model(entry: Entry) -> Any:
    """The model of a cache entry."""
    openvino = openvino_without_telemetry()
    return openvino.Core().read_model(entry.path("network.xml"))


def _text(shape: Sequence[int]) -> str:
    """A size as text, without the batch.

    >>> _text((1, 1, 96, 96, 64))
    '1x96x96x64'
    """
    return "x".join(map(str, shape[1:]))  # without the batch


def _reason(error: Exception) -> str:
    """The part of a message that says most: in OpenVINO's the items of its summary, else the first line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    items = [line.removeprefix("-- ") for line in lines if line.startswith("-- ")]
    return "; ".join(items) or (lines[0] if lines else type(error).__name__)
