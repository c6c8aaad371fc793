"""Images in, a segmentation out: image -> preprocessing -> inferer(., network) -> postprocessing -> Segmentation."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data.utils import decollate_batch, list_data_collate
from numpy.typing import NDArray

from monai_attn.backends import BACKENDS, choose_backend, choose_device
from monai_attn.bundle import Parts, open_bundle, why
from monai_attn.errors import BundleError, InputError, LabelError
from monai_attn.io import read
from monai_attn.segmentation import Segmentation
from monai_attn.transforms.save import label_map
from monai_attn.volume import Box, Volume, same_grid

__all__ = ["Segmenter"]

Source = str | Path | Volume
Progress = Callable[[int], None]

VERSIONED = ("monai_attn", "torch", "monai", "numpy")
"""Packages whose versions go into the provenance."""


class Segmenter:
    """Makes a `Segmentation` of an image, with the transforms, inferer and network of a bundle.

    >>> segmenter = Segmenter.from_bundle("hippocampus_mri")  # doctest: +SKIP
    >>> segmentation = segmenter("case_017/t1.nii.gz")  # doctest: +SKIP

    The network is loaded once and used for every image. `device`: "auto", "cpu", "cuda", ...; `backend`: "auto" or a
    name in `monai_attn.backends.BACKENDS`.
    """

    def __init__(self, parts: Parts, *, device: str = "cpu", backend: str = "torch") -> None:
        self.parts = parts
        self.device = device
        self.backend = backend
        self._network = BACKENDS[backend].load(parts.network, device)

    @classmethod
    def from_bundle(
        cls,
        name_or_path: str | Path,
        *,
        overrides: Mapping[str, Any] | None = None,
        device: str = "auto",
        backend: str = "auto",
        trust: bool = False,
    ) -> Segmenter:
        """A shipped bundle by name, or any MONAI bundle by path.

        `overrides` change the bundle's config by id, for example `{"inferer::inferer::overlap": 0.25}`. A bundle
        that did not come with the package runs its own code when opened, and is refused unless `trust` is true.
        Raises `BundleError`, `OverrideError`, `TrustError`, or `InputError` for an unknown device or backend.
        """
        device, backend = choose_device(device), choose_backend(backend)
        return cls(
            open_bundle(name_or_path, overrides=overrides, device=device, trust=trust), device=device, backend=backend
        )

    def __call__(
        self,
        source: Source | Sequence[Source] | Mapping[str, Source],
        *,
        region: Box | None = None,
        progress: Progress | None = None,
    ) -> Segmentation:
        """Segment one case: a path, a DICOM folder, a `Volume`, a list of images on one grid, or a mapping by name.

        With a `region` (mm, RAS+) only that box is preprocessed and segmented, intensity statistics come from it,
        and the rest is background. `progress` is called with the number of windows done so far; what it raises
        stops the run and reaches the caller, and the segmenter stays usable.

        Raises `FileError` or `GeometryError` for an image that cannot be read or does not meet the region,
        `InputError` for one that is known (from DICOM) to be of another modality than the bundle's, and
        `BundleError` when what the bundle computes is no label map.
        """
        start = time.perf_counter()
        volumes = self._volumes(source)
        whole = volumes[0]
        block = whole.slices_of(region) if region is not None else None
        parts = [volume.crop(block) if block else volume for volume in volumes]
        array = self._labels(parts[0] if len(parts) == 1 else parts, parts[0], progress)
        if block:
            full = np.zeros(whole.shape, dtype=array.dtype)
            full[block] = array
            array = full
        labels = Volume(array, whole.affine, modality="SEG", frame_of_reference=whole.frame_of_reference)
        provenance = self._provenance(whole, region, time.perf_counter() - start)
        return Segmentation(labels, self.parts.table, provenance)

    def _volumes(self, source: Source | Sequence[Source] | Mapping[str, Source]) -> list[Volume]:
        if isinstance(source, Mapping):
            unknown = [name for name in source if name != self.parts.image_key]
            if unknown or not source:
                raise InputError(
                    f"The bundle {self.parts.name} takes one image, {self.parts.image_key!r}, not {list(source)}."
                )
            source = source[self.parts.image_key]
        sources = [source] if isinstance(source, str | Path | Volume) else list(source)
        if not sources:
            raise InputError("A case needs at least one image; its list of images is empty.")
        volumes = [one if isinstance(one, Volume) else read(one) for one in sources]
        for volume in volumes:
            self._check_modality(volume)
        return volumes

    def _check_modality(self, volume: Volume) -> None:
        """A network gives a mask of any image; of another modality than its own, a meaningless one."""
        wanted = self.parts.modality
        if wanted and volume.modality in ("MR", "CT", "PT") and volume.modality != wanted:
            raise InputError(
                f"The bundle {self.parts.name} is for {wanted}, and this image is {volume.modality}. "
                "Choose another bundle, or another series of the folder (--series)."
            )

    def _labels(self, source: Volume | list[Volume], grid: Volume, progress: Progress | None) -> NDArray[np.generic]:
        """The bundle's own pipeline, as MONAI's evaluator runs it, for one case."""
        key = self.parts.image_key
        hook = self._network.register_forward_hook(_Counter(progress)) if progress else None
        try:
            case = self._run(key, source)
        except RuntimeError as error:  # what MONAI and torch raise; ours and the progress callback's pass through
            raise why(error, f"The bundle {self.parts.name} failed on this image") from error
        finally:
            if hook:
                hook.remove()
        return _label_map(case["pred"], grid, self.parts.name)

    def _run(self, key: str, source: Volume | list[Volume]) -> dict[str, Any]:
        batch = list_data_collate([self.parts.preprocessing({key: source})])
        image = batch[key].to(self.device)
        autocast = torch.autocast("cuda", enabled=self.parts.amp and image.device.type == "cuda")
        with torch.no_grad(), autocast:
            prediction = self.parts.inferer(image, self._network)
        (case,) = decollate_batch({**batch, key: image, "pred": prediction})
        return self.parts.postprocessing(case)

    def _provenance(self, source: Volume, region: Box | None, seconds: float) -> dict[str, Any]:
        return {
            "bundle": self.parts.name,
            "bundle_version": self.parts.version,
            "weights_sha256": self.parts.weights_sha256,
            "overrides": dict(self.parts.overrides),
            "backend": self.backend,
            "device": self.device,
            "mixed_precision": self.parts.amp and self.device.startswith("cuda"),
            "threads": torch.get_num_threads(),
            "versions": {"python": platform.python_version(), **{name: version(name) for name in VERSIONED}},
            "source": {
                "shape": list(source.shape),
                "spacing_mm": [round(edge, 6) for edge in source.spacing_mm],
                "orientation": source.orientation,
                "modality": source.modality,
                "notes": list(source.notes),
            },
            "region_mm": [list(region.lower_mm), list(region.upper_mm)] if region else None,
            "seconds": round(seconds, 3),
        }


class _Counter:
    """A forward hook that counts windows: every batch passes through the network, whatever the inferer."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.windows = 0

    def __call__(self, module: torch.nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        del module, output
        self.windows += int(inputs[0].shape[0])
        self.progress(self.windows)


def _label_map(prediction: Any, grid: Volume, bundle: str) -> NDArray[np.generic]:
    """What the bundle's last transform gives to whole numbers on the source grid; refuses anything else."""
    try:
        labels = label_map(torch.as_tensor(prediction).cpu().numpy())
    except LabelError as error:
        raise BundleError(f"The bundle {bundle} gives no label map: {error}") from error
    if labels.shape != grid.shape or not _same_place(prediction, grid):
        raise BundleError(
            f"The bundle {bundle} leaves its labels on a grid of {labels.shape}; the image has {grid.shape}. Its "
            "postprocessing must end with Invertd, which brings them back."
        )
    return labels


def _same_place(prediction: Any, grid: Volume) -> bool:
    affine = getattr(prediction, "affine", None)
    return affine is None or same_grid(grid, Volume(grid.array, np.asarray(affine.cpu(), dtype=np.float64)))
