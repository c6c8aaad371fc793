"""One segmentation as the window asks for it: a request, run with the same `Segmenter` as everywhere, to layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from monai_attn.backends.execution import Execution
from monai_attn.bundle.describe import BundleDescription
from monai_attn.bundle.overrides import parse_override
from monai_attn.errors import InputError
from monai_attn.measure.blocks import label_counts
from monai_attn.napari.layers.provenance import PROVENANCE
from monai_attn.napari.layers.volumes import LayerTuple, displayed_point, grid_of, labels_layer, origin_of, volume_of
from monai_attn.napari.segment.growing import Growing
from monai_attn.napari.segment.loading import load_torch_library, without_collections
from monai_attn.napari.segment.overlays import map_layers
from monai_attn.napari.segment.task import Task
from monai_attn.preflight.speeds import remember
from monai_attn.segmentation import Segmentation
from monai_attn.volume import Box, Volume

if TYPE_CHECKING:
    from napari.layers import Image, Layer

    from monai_attn.segmenter import Segmenter

__all__ = [
    "PROVENANCE",
    "RUN",
    "Request",
    "Result",
    "Runner",
    "choose_images",
    "image_layers",
    "overrides_of",
    "volumes_of",
]


MARK = "CHECK:"
"""Begins the names of layers whose mask is unlikely (`Segmentation.warnings`)."""

RUN = "monai_attn_run"
"""Key of what tells the layers of one run from those of another."""


@dataclass(frozen=True)
class Request:
    """What to segment and how; `images` by the names that the bundle gives them, the reference first."""

    bundle: BundleDescription
    images: Mapping[str, Volume]
    name: str
    region: Box | None = None
    execution: Execution = field(default_factory=Execution)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    trust: bool = False
    maps: tuple[str, ...] = ()

    @property
    def source(self) -> dict[str, Volume] | list[Volume]:
        """The images as a `Segmenter` takes them: by name, or a list where they are channels of one."""
        return list(self.images.values()) if self.bundle.joined else dict(self.images)

    @property
    def title(self) -> str:
        """What the layers of the run are called."""
        return f"{self.name} {self.bundle.name}".strip()

    @property
    def grid(self) -> Volume:
        """What is segmented of the reference image: all of it, or its part in the region."""
        whole = next(iter(self.images.values()))
        return whole.crop(whole.slices_of(self.region)) if self.region else whole


@dataclass(frozen=True)
class Result:
    """What a run gives: the labels layer and the maps' layers, a place of napari's world inside the mask (None where
    the mask is empty), a sentence, and the warnings on the mask."""

    layers: list[LayerTuple]
    place: tuple[float, float, float] | None
    sentence: str
    warnings: tuple[str, ...] = ()


class Runner:
    """Runs requests and keeps the last segmenter, so that a second run of the same bundle starts at once."""

    def __init__(self) -> None:
        self._key: Any = None
        self._segmenter: Segmenter | None = None

    def run(self, request: Request, task: Task[Result]) -> Result:
        """The result as layers. Raises as `Segmenter` does, or `Cancelled`."""
        segmentation = self.segment(request, task)
        task.say("Preparing the layers")
        point = middle_of(segmentation.labels)
        place = displayed_point(segmentation.labels, point) if point else None
        sentence = sentence_of(segmentation, request.bundle.name)
        return Result(result_layers(segmentation, request), place, sentence, segmentation.warnings)

    def segment(self, request: Request, task: Task[Any]) -> Segmentation:
        """The segmentation; the seconds that its windows took are remembered for the next estimate."""
        segmenter = self._open(request, task)
        task.say("Preparing the image")
        growing = Growing(request.grid, segmenter.parts.table, request.title)
        task.show(growing)

        def progress(done: int, total: int | None) -> None:
            task.say("Segmenting")
            task.tell(done, total)

        segmentation = segmenter(
            request.source, region=request.region, progress=progress, finished=growing.take, maps=request.maps
        )
        seconds = float(segmentation.provenance["seconds"])
        remember(request.bundle, request.execution, windows=task.windows, seconds=seconds)
        return segmentation

    def _open(self, request: Request, task: Task[Any]) -> Segmenter:
        key = request.bundle.root, request.execution, dict(request.overrides)
        if self._segmenter is None or key != self._key:
            self._segmenter = None  # free the memory of the last one first
            task.say("Loading PyTorch and the bundle")
            with without_collections():
                load_torch_library()
                from monai_attn.segmenter import Segmenter

            task.say("Loading the bundle")
            self._segmenter = Segmenter.from_bundle(
                request.bundle.root,
                overrides=request.overrides,
                execution=request.execution,
                trust=request.trust,
            )
            self._key = key
        return self._segmenter


def result_layers(segmentation: Segmentation, request: Request) -> list[LayerTuple]:
    """A labels layer with names, colours and provenance, and an image layer for each map.

    Where the segmentation has warnings, the name of the layers begins with `MARK`.
    """
    name = f"{MARK} {request.title}" if segmentation.warnings else request.title
    labels = labels_layer(segmentation.labels, name=name, table=segmentation.table)
    labels[1]["metadata"][PROVENANCE] = dict(segmentation.provenance)
    layers = [labels, *map_layers(segmentation, name=name)]
    run = str(uuid4())
    for _, keywords, _ in layers:
        keywords["metadata"][RUN] = run
    return layers


def middle_of(labels: Volume) -> tuple[float, float, float] | None:
    """The voxel of the mask's fullest axial slice that is closest to that slice's middle, in mm RAS+; None if empty.

    A slice of the voxel axis that is closest to the patient's long axis.
    """
    axis = next(n for n, letter in enumerate(labels.orientation) if letter in "SI")
    counts = np.count_nonzero(np.asarray(labels.array), axis=tuple(n for n in range(3) if n != axis))
    if not counts.any():
        return None
    number = int(counts.argmax())
    found = np.argwhere(labels.array.take(number, axis=axis))
    index = found[((found - found.mean(axis=0)) ** 2).sum(axis=1).argmin()]
    r, a, s = (float(x) for x in labels.to_world(np.insert(index, axis, number)))
    return r, a, s


def sentence_of(segmentation: Segmentation, bundle: str) -> str:
    """The volume of each structure, or that there is none; then the warnings on the mask, a line each."""
    warnings = "".join(f"\nWarning: {text}" for text in segmentation.warnings)
    counts = label_counts(segmentation.labels.array)
    found = [(label.name, counts[label.value]) for label in segmentation.table if counts.get(label.value)]
    if not found:
        return f"The mask is empty: {bundle} found nothing here.{warnings}"
    volumes = "; ".join(f"{name} {count * segmentation.labels.voxel_ml:.2f} ml" for name, count in found)
    return f"{volumes}{warnings}"


def overrides_of(text: str) -> dict[str, Any]:
    """Overrides as one writes them in a line, separated by semicolons. Raises `OverrideError`.

    >>> overrides_of("inferer::overlap=0.5; amp=true;")
    {'inferer::overlap': 0.5, 'amp': True}
    """
    return dict(parse_override(part.strip()) for part in text.split(";") if part.strip())


def image_layers(layers: Sequence[Layer]) -> list[Image]:
    """The layers that can be segmented: images in three axes whose place in the patient is known, as acquired."""
    return [layer for layer in layers if layer._type_string == "image" and layer.ndim == 3 and _is_source(layer)]


def choose_images(bundle: BundleDescription, layers: Sequence[Image]) -> dict[str, str]:
    """Which layer is likely which image of a bundle, by name of the slot: by modality, then by name, then in order.

    A layer is given once; a slot for which nothing fits is left out.
    """
    chosen: dict[str, str] = {}
    for slot in bundle.images:
        free = [layer for layer in layers if layer.name not in chosen.values()]
        likely = sorted(free, key=lambda layer: _likelihood(slot.name, slot.modality, layer), reverse=True)
        if likely and _likelihood(slot.name, slot.modality, likely[0]) > 0:
            chosen[slot.name] = likely[0].name
    return chosen


def volumes_of(names: Mapping[str, str], layers: Sequence[Layer]) -> dict[str, Volume]:
    """The volumes behind the chosen layers. Raises `InputError` for a layer that is gone, `GeometryError` for one
    without a place."""
    known = {layer.name: layer for layer in layers}
    for name in names.values():
        if name not in known:
            raise InputError(f"The layer {name!r} is gone. Choose another.")
    return {slot: volume_of(known[name], layers) for slot, name in names.items()}


def _is_source(layer: Layer) -> bool:
    origin = origin_of(layer)
    return origin is not None and origin.role in ("image", "reference") and not origin.display_only


def _likelihood(slot: str, modality: str, layer: Image) -> int:
    """3: modality and name; 2: modality; 1: nothing speaks against it; 0: another modality."""
    has = grid_of(layer).modality
    if modality and has and modality != has:
        return 0
    return 1 + bool(modality and modality == has) + (slot.lower() in layer.name.lower())
