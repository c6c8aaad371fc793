"""int8 networks by post-training quantisation; windows of real images give the ranges of the activations."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib.util import find_spec
from io import StringIO
from typing import Any

from torch import Tensor

from monai_attn.backends.cache import Entry
from monai_attn.backends.conversion import Converted, openvino_without_telemetry, read_model, reshaped, save_model
from monai_attn.errors import BackendError, InputError

__all__ = ["Quantised"]


class Quantised:
    """A converted network in int8, for windows of any shape.

    - `calibration`: windows `(channels, *spatial)`. The int8 model is kept in the cache with a digest of these windows.
    - Without windows the model in the cache is used; with other windows it is made anew.

    Raises `InputError` when there are neither windows nor a model in the cache, and when nncf is needed and not
    installed.
    """

    def __init__(self, converted: Converted, calibration: Sequence[Tensor] = ()) -> None:
        self.converted = converted
        self.calibration = calibration
        self.entry = Entry("openvino", converted.key, "int8")
        self.digest = _digest(calibration)
        self.about = self.entry.read()
        if calibration and self.about and self.about["calibration"] != self.digest:
            self.about = None
        if self.about is None and not calibration:
            raise InputError(
                "Precision int8 needs images to calibrate it with, a few of the kind that will be segmented. "
                "Name them once (--calibrate), or choose f32 or bf16."
            )
        if self.about is None and find_spec("nncf") is None:
            raise InputError('Precision int8 needs nncf. Install it with: pip install "monai_attn[int8]"')
        self._made: Any = None

    @property
    def calibrated_with(self) -> str:
        """The digest of the windows that the model is made from, or was made from."""
        return str(self.about["calibration"]) if self.about else self.digest

    def model(self, window: Sequence[int]) -> tuple[Any, Any]:
        """A model for one window `(1, channels, *spatial)`, and the skeleton of its output.

        Raises `BackendError` where the model cannot take windows of this shape.
        """
        if self.about is None:
            self._quantise()
        assert self.about is not None
        model = read_model(self.entry) if self._made is None else self._made.clone()
        try:
            return reshaped(model, self.about["window"], window), self.about["output"]
        except RuntimeError as error:
            raise BackendError(f"The int8 network takes no windows of {tuple(window[2:])}: {error}") from error

    def _quantise(self) -> None:
        """Make the int8 model from the windows and keep it in the cache; where that is not possible, in memory.

        A model takes windows of one shape. Where an inferer gives whole images, those of the most frequent shape count.
        """
        shapes = Counter(tuple(one.shape) for one in self.calibration)
        alike = [one for one in self.calibration if tuple(one.shape) == shapes.most_common(1)[0][0]]
        window = [1, *alike[0].shape]
        model, shape = self.converted.model(window)
        quantised = _quantised(model, alike)
        self.about = {"output": shape, "window": window, "windows": len(alike), "calibration": self.digest}
        if not self.entry.write(self.about, lambda folder: save_model(quantised, folder)):
            self._made = quantised


def _quantised(model: Any, windows: Sequence[Tensor]) -> Any:
    """Weights and activations as int8, symmetric and asymmetric, biases corrected."""
    openvino_without_telemetry()  # and nncf without it: before it is imported
    with redirect_stdout(StringIO()):  # of progress bars
        import nncf

        logging.getLogger("nncf").setLevel(logging.ERROR)  # nncf.set_log_level would silence handlers of others too
        return nncf.quantize(
            model,
            nncf.Dataset([window[None].float().cpu().numpy() for window in windows]),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(windows),
        )


def _digest(windows: Sequence[Tensor]) -> str:
    """The SHA-256 of the values of windows, in their order."""
    digest = hashlib.sha256()
    for window in windows:
        digest.update(window.float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
