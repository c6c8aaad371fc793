"""A network in OpenVINO, on a CPU."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.utils import convert_to_dst_type
from torch import Tensor, nn

from monai_attn.backends.conversion import Converted, openvino_without_telemetry
from monai_attn.backends.graph import with_concatenations_apart, without_last_layer
from monai_attn.backends.head import Head
from monai_attn.backends.network import BackendNetwork
from monai_attn.backends.outputs import rebuild
from monai_attn.backends.quantisation import Quantised
from monai_attn.errors import BackendError

__all__ = ["OpenVINONetwork"]

SHAPES = 4
"""Compiled models that are kept, one for each window shape."""


class OpenVINONetwork(BackendNetwork):
    """A network as OpenVINO models, one for each shape of windows, of which the last four are kept.

    A batch passes window by window, each on all threads. int8 models are made from `calibration`, windows `(channels,
    *spatial)`. The call raises `BackendError` where OpenVINO cannot run the network.
    """

    gives_features = True

    def __init__(self, network: nn.Module, precision: str, threads: int | None, calibration: Sequence[Tensor]) -> None:
        super().__init__()
        self.network = network  # whoever asks for parameters or their device finds them
        converted = Converted(network)
        self.models = Quantised(converted, calibration) if precision == "int8" else converted
        self.options = _options(precision, threads)
        self.precision = precision  # of which a processor without bf16 makes f32
        self.threads = threads
        self.requests: OrderedDict[tuple[int, ...], tuple[Any, Any]] = OrderedDict()

    def forward(self, x: Tensor) -> Any:
        """The network's output for windows `(N, channels, *spatial)`, in the shape that the network itself gives."""
        return self._infer(x, *self._request((1, *x.shape[1:])))

    def features(self, x: Tensor, head: Head) -> Any:
        """The input of the network's last layer, a convolution, `(N, features, *spatial)`.

        Raises `BackendError` where the converted network does not end with a convolution.
        """
        del head  # the converted network is cut before it
        return self._infer(x, *self._request((1, *x.shape[1:]), whole=False))

    def has_features(self, x: Tensor) -> bool:
        """Whether `features` can be computed for windows like `x`; the network is converted to find out."""
        try:
            self._request((1, *x.shape[1:]), whole=False)
        except BackendError:
            return False
        return True

    @property
    def made_from(self) -> str:
        """What an int8 network was calibrated with, in 16 letters; "" for other precisions."""
        return self.models.calibrated_with[:16] if isinstance(self.models, Quantised) else ""

    def let_go(self) -> None:
        """Give back OpenVINO's memory of intermediate results, 0.4 GiB for a large window in bf16."""
        for request, _ in self.requests.values():
            request.get_compiled_model().release_memory()

    def _infer(self, x: Tensor, request: Any, shape: Any) -> Any:
        """The output for windows `(N, channels, *spatial)`, one window at a time.

        OpenVINO writes each output where it stays, without a copy.
        """
        windows = x.detach().as_subclass(Tensor).to("cpu", torch.float32).contiguous().numpy()
        outputs = _untouched(request, len(windows))
        for number in range(len(windows)):
            part = slice(number, number + 1)
            with _named_error("run", self.precision):
                _give_outputs(request, [output[part] for output in outputs])
                request.infer([windows[part]], share_inputs=True, share_outputs=True)
        _give_outputs(request, _untouched(request, 1))  # the request lets go of what it has written
        tensors = [torch.from_numpy(output) for output in outputs]
        if isinstance(x, MetaTensor):  # as every torch operation on one does
            tensors = [convert_to_dst_type(tensor, x)[0] for tensor in tensors]
        return rebuild(shape, iter(tensors))

    def _request(self, window: tuple[int, ...], *, whole: bool = True) -> tuple[Any, Any]:
        """The compiled model for a window `(1, channels, *spatial)` and the skeleton of its output.

        `whole`: with the last layer, or without it. The models used last are kept.
        """
        key = (*window, whole)
        if key not in self.requests:
            model, shape = self.models.model(window)
            with _named_error("compile", self.precision):
                model = with_concatenations_apart(model if whole else without_last_layer(model))
                compiled = _core().compile_model(model, "CPU", self.options)
            self.threads = compiled.get_property("INFERENCE_NUM_THREADS")
            if self.precision == "bf16" and compiled.get_property("INFERENCE_PRECISION_HINT").to_string() != "bf16":
                self.precision = "f32"  # what OpenVINO takes on a processor without bf16
            self.requests[key] = compiled.create_infer_request(), shape
            if len(self.requests) > SHAPES:
                self.requests.popitem(last=False)
        self.requests.move_to_end(key)
        return self.requests[key]


@contextmanager
def _named_error(what: str, precision: str) -> Iterator[None]:
    """While within, an error of OpenVINO becomes a `BackendError`: another variant of the network may still run."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].split(". ")[0]
        raise BackendError(f"OpenVINO cannot {what} this network in {precision} here ({reason}).") from error


def _options(precision: str, threads: int | None) -> dict[str, Any]:
    """OpenVINO's settings for a precision and a number of threads."""
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",  # what is not int8 stays f32
        "ENABLE_CPU_PINNING": False,  # two processes pinned to the same cores take turns while others idle
        **({"INFERENCE_NUM_THREADS": threads} if threads else {}),
    }


def _untouched(request: Any, number: int) -> list[Any]:
    """Arrays for the outputs of so many windows; they take no memory before they are written."""
    return [np.empty((number, *list(port.shape)[1:]), port.element_type.to_dtype()) for port in request.model_outputs]


def _give_outputs(request: Any, arrays: list[Any]) -> None:
    """Let a request write its outputs where they stay, without a copy: the features of a window are 268 MB."""
    for index, array in enumerate(arrays):
        request.set_output_tensor(index, openvino_without_telemetry().Tensor(array, shared_memory=True))


@cache
def _core() -> Any:
    """The one object of OpenVINO that compiles models."""
    return openvino_without_telemetry().Core()
