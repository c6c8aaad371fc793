"""The measurements of one labels layer, kept up to date while it is painted on. No Qt, no window.

inspection = Inspection(layer, viewer.layers, image=ct_layer)
for result in inspection.job().run():   # may run in a thread: it sees arrays, no layers
    inspection.accept(result)           # refused when the label was painted on meanwhile
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from monai_attn.measure.blocks import Block, check_grid, join
from monai_attn.measure.interval import volume_factors, with_interval
from monai_attn.napari.layers.blocks import displayed_blocks, native_block
from monai_attn.napari.layers.provenance import provenance_of
from monai_attn.napari.layers.strokes import PaintedChange
from monai_attn.napari.layers.styles import adopt, extended, layer_table
from monai_attn.napari.layers.volumes import grid_of, origin_of, volume_of
from monai_attn.napari.structures.lesions import (
    LabelToMeasure,
    MeasuredStructure,
    NamedMap,
    lesion_labels,
    measure_label,
    touching,
)
from monai_attn.volume import Volume

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer

__all__ = ["Inspection", "LabelMeasured", "MeasuringJob"]

Stamp = tuple[int, int]
"""How often everything, and how often this label, had changed when a measurement began."""


@dataclass(frozen=True)
class LabelMeasured:
    """One label measured, and the state of the layer it was measured from.

    The stamp lets `Inspection.accept` refuse a result whose label was painted on meanwhile.
    """

    stamp: Stamp
    finding: MeasuredStructure


@dataclass(frozen=True, eq=False)
class MeasuringJob:
    """What is to be measured, as arrays: nothing of it touches a layer.

    `displayed` is the array as napari shows it, `named` the same labels on their native grid `(I, J, K)`. With
    `everything` all labels are looked for anew, else only `tasks` are measured. `lesions` are the labels whose pieces
    are measured one by one, from `min_ml` on.
    """

    named: NamedMap
    displayed: NDArray[np.integer]
    image: Volume | None
    stamps: Counter[int]
    epoch: int
    everything: bool
    tasks: tuple[LabelToMeasure, ...]
    lesions: frozenset[int]
    min_ml: float

    @property
    def voxels(self) -> int:
        """How many voxels will be read, about; 0 when nothing waits."""
        if self.everything:
            return self.displayed.size
        blocks = (task.where if task.reshaped else task.touched for task in self.tasks)
        return sum(math.prod(part.stop - part.start for part in block) for block in blocks if block is not None)

    def run(self) -> Iterator[LabelMeasured]:
        """Measure label by label; between two of them a worker may be stopped."""
        named, tasks = self.named, self.tasks
        if self.everything:
            found = displayed_blocks(self.displayed)
            named = NamedMap(named.labels, extended(named.table, found))
            native = {value: native_block(block, named.labels) for value, block in found.items()}
            tasks = tuple(LabelToMeasure(label.value, native.get(label.value)) for label in named.table)
        for task in tasks:
            lesions = task.value in self.lesions
            finding = measure_label(named, task, image=self.image, lesions=lesions, min_ml=self.min_ml)
            yield LabelMeasured((self.epoch, self.stamps[task.value]), finding)


@dataclass(frozen=True)
class _Touch:
    """What happened to a label since it was measured: in which block, to its own voxels or to others beside it."""

    block: Block | None
    reshaped: bool = True
    afresh: bool = False

    def then(self, later: _Touch) -> _Touch:
        return _Touch(join(self.block, later.block), self.reshaped or later.reshaped, self.afresh or later.afresh)


class Inspection:
    """A labels layer, the image it is measured on, and what is known of its structures.

    `findings` holds the last measurement of each label, which may be out of date while `up_to_date` is False. `layers`
    are all that are open: a layer made in napari takes the grid of the image it lies on. Without an image there are no
    intensities. `unit` is that of the image's values, "HU" or "g/ml"; "" where unknown.

    Raises `GeometryError` when the layer has no place in the patient, or lies on another grid than the image.
    """

    def __init__(self, layer: Labels, layers: Iterable[Layer] = (), image: Image | None = None) -> None:
        self._others = tuple(layers)
        self.layer, self.image = layer, image
        self.grid = grid_of(layer, self._others)
        self.unit = ""
        if image is not None:
            measured = grid_of(image, self._others)
            check_grid(self.grid, measured, f"The layers {layer.name!r} and {image.name!r}")
            self.unit = measured.unit
        unnamed = displayed_blocks(np.asarray(layer.data)) if origin_of(layer) is None else ()
        adopt(layer, unnamed, self._others)
        self.lesions = lesion_labels(layer_table(layer))
        self.min_ml = 0.0
        self.findings: dict[int, MeasuredStructure] = {}
        self._waiting: dict[int, _Touch] = {}
        self._stamps: Counter[int] = Counter()
        self._epoch = 0
        self._everything = True

    @property
    def up_to_date(self) -> bool:
        """Whether nothing waits to be measured."""
        return not self._everything and not self._waiting

    def note_everything(self) -> None:
        """The labels may have changed anywhere."""
        self._epoch += 1
        self._everything = True
        self._waiting.clear()

    def note(self, change: PaintedChange) -> None:
        """Labels changed in a block of the displayed array; what is known outside it still holds."""
        if self._everything:
            self.note_everything()
            return
        block = native_block(change.region, self.grid)
        for value in change.values:
            self._note(value, _Touch(block))
        for value in (self.lesions & set(self.findings)) - change.values:
            if any(touching(lesion.block, block) for lesion in self.findings[value].lesions):
                self._note(value, _Touch(block, reshaped=False))  # it may lie in another organ now

    def set_lesions(self, lesions: Iterable[int], *, min_ml: float | None = None) -> None:
        """Say which labels' pieces are lesions, and from what volume in ml on they count; None keeps that volume.

        Labels for which something changes are measured again at the next job.
        """
        before, smallest = self.lesions, self.min_ml
        self.lesions = frozenset(lesions)
        self.min_ml = smallest if min_ml is None else min_ml
        if self._everything:
            self.note_everything()
            return
        for value in (before | self.lesions) if self.min_ml != smallest else (before ^ self.lesions):
            self._note(value, _Touch(None, afresh=True))

    def job(self) -> MeasuringJob:
        """All that waits to be measured. Call it where layers may be touched.

        Raises `AttnError` when the layer's data were replaced by an array of another shape.
        """
        table = adopt(self.layer, self._waiting, self._others)
        return MeasuringJob(
            NamedMap(volume_of(self.layer, self._others), table),
            np.asarray(self.layer.data),
            volume_of(self.image, self._others) if self.image is not None else None,
            Counter(self._stamps),
            self._epoch,
            self._everything,
            tuple(self._task(value, touch) for value, touch in self._waiting.items()),
            self.lesions,
            self.min_ml,
        )

    def accept(self, result: LabelMeasured) -> bool:
        """Take a result over; False, and nothing done, when the label has changed since it was measured."""
        value = result.finding.structure.value
        if result.stamp != (self._epoch, self._stamps[value]):
            return False
        adopt(self.layer, [value], self._others)
        factors = volume_factors(provenance_of(self.layer))
        self.findings[value] = replace(result.finding, structure=with_interval(result.finding.structure, factors))
        self._waiting.pop(value, None)
        return True

    def is_current(self, job: MeasuringJob) -> bool:
        """Whether nothing has changed since a job was made."""
        return (job.epoch, job.stamps) == (self._epoch, self._stamps)

    def finish(self, job: MeasuringJob) -> None:
        """A job ended, all its results were offered: what no longer occurs is forgotten."""
        if job.everything and job.epoch == self._epoch:
            self._everything = False
            known = {label.value for label in layer_table(self.layer)}
            self.findings = {value: self.findings[value] for value in sorted(self.findings) if value in known}

    def measure(self) -> None:
        """Do here and now all that waits."""
        job = self.job()
        for result in job.run():
            self.accept(result)
        self.finish(job)

    def rows(self, *, case: str = "") -> list[dict[str, Any]]:
        """All measurements as `monai-attn measure` writes them, under the names the structures have now.

        `case` is the name of the case in each row.
        """
        from monai_attn.cohort import Measured

        table = layer_table(self.layer)
        findings = [self.findings[label.value] for label in table if label.value in self.findings]
        structures = tuple(replace(one.structure, name=table[one.structure.value].name) for one in findings)
        lesions = {
            table[one.structure.value].name: one.lesions for one in findings if one.structure.value in self.lesions
        }
        return Measured(case, structures, lesions).rows()

    def _note(self, value: int, touch: _Touch) -> None:
        """Remember that a label has changed, and make results that are on their way out of date."""
        self._stamps[value] += 1
        before = self._waiting.get(value)
        self._waiting[value] = touch if before is None else before.then(touch)

    def _task(self, value: int, touch: _Touch) -> LabelToMeasure:
        old = self.findings.get(value)
        where = join(old.structure.block if old is not None else None, touch.block)
        return (
            LabelToMeasure(value, where)
            if touch.afresh
            else LabelToMeasure(value, where, old, touch.block, touch.reshaped)
        )
