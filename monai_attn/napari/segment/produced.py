"""What a run gives to the window: layers, a place to go to, and a sentence.

Pure functions, called in the thread of the run (`runner`), so that the window only has to add what is ready.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

import numpy as np

from monai_attn.measure.blocks import label_counts
from monai_attn.napari.layers.made_from import MADE_FROM
from monai_attn.napari.layers.provenance import PROVENANCE, RUN, marked
from monai_attn.napari.layers.volumes import LayerTuple, displayed_point, labels_layer
from monai_attn.napari.segment.overlays import map_layers
from monai_attn.napari.segment.request import Request
from monai_attn.segmentation import Segmentation
from monai_attn.volume import Volume

__all__ = ["RunLayers", "middle_of", "produced", "result_layers", "sentence_of"]


@dataclass(frozen=True)
class RunLayers:
    """What a run gives to the window.

    `layers`: the labels layer, then the layers of the maps. `place`: a point inside the mask in napari's world (S, P,
    L in mm); None where the mask is empty. `sentence`: the volumes and warnings. `warnings`: those on the mask.
    """

    layers: list[LayerTuple]
    place: tuple[float, float, float] | None
    sentence: str
    warnings: tuple[str, ...] = ()


def produced(segmentation: Segmentation, request: Request) -> RunLayers:
    """What the window shows of a segmentation that it asked for.

    An empty mask gives layers too, but no place to go to, and the sentence says that nothing was found.
    """
    point = middle_of(segmentation.labels)
    place = displayed_point(segmentation.labels, point) if point else None
    sentence = sentence_of(segmentation, request.bundle.name)
    return RunLayers(result_layers(segmentation, request), place, sentence, segmentation.warnings)


def result_layers(segmentation: Segmentation, request: Request) -> list[LayerTuple]:
    """A labels layer with names, colours and provenance, and an image layer for each map.

    Where the segmentation has warnings, the name of the layers begins with `MARK`. All layers of one run share a random
    identifier in their metadata, by which a map finds its mask again.
    """
    name = marked(request.title, segmentation.warnings)
    labels = labels_layer(segmentation.labels, name=name, table=segmentation.table)
    labels[1]["metadata"] |= {PROVENANCE: dict(segmentation.provenance), MADE_FROM: request.made_from}
    layers = [labels, *map_layers(segmentation, name=name)]
    run = str(uuid4())
    for _, keywords, _ in layers:
        keywords["metadata"][RUN] = run
    return layers


def middle_of(labels: Volume) -> tuple[float, float, float] | None:
    """The voxel of the mask's fullest axial slice that is closest to that slice's middle, in mm RAS+; None if empty.

    A slice of the voxel axis that is closest to the patient's long axis. All labels count alike.

    >>> mask = np.zeros((5, 5, 5), np.uint8)
    >>> mask[1:4, 1:4, 2] = 1
    >>> middle_of(Volume(mask))
    (2.0, 2.0, 2.0)
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
    """The volume of each structure, or that there is none; then the warnings on the mask, a line each.

    Volumes are in ml with two decimals, in the order of the label table; `bundle` is the bundle's name.
    """
    warnings = "".join(f"\nWarning: {text}" for text in segmentation.warnings)
    counts = label_counts(segmentation.labels.array)
    found = [(label.name, counts[label.value]) for label in segmentation.table if counts.get(label.value)]
    if not found:
        return f"The mask is empty: {bundle} found nothing here.{warnings}"
    volumes = "; ".join(f"{name} {count * segmentation.labels.voxel_ml:.2f} ml" for name, count in found)
    return f"{volumes}{warnings}"
