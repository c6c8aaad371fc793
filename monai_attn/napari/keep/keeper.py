"""Keeps painted masks from a crash: a while after each stroke they are written to the user's state folder.

A writer calls `saved` when the mask is safe in a file of the user's. The kept file is removed when its mask was saved,
when the user discards it, or after a month. It stays when the window or the layer is closed without saving. When its
image is opened again, the mask is offered.

`keep.window` gives a keeper its timer and its notifications; `keep.rescue` knows the files.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet, finalize, ref

from napari.layers import Labels

from monai_attn.errors import AttnError
from monai_attn.napari.keep.owned import is_of_the_user, make_paintable, sources_of
from monai_attn.napari.keep.rescue import Rescue, find_rescues, source_key
from monai_attn.napari.keep.task import MaskToKeep
from monai_attn.napari.layers.made_from import MADE_FROM
from monai_attn.napari.layers.provenance import EDITED, PROVENANCE, marked
from monai_attn.napari.layers.strokes import step_counts
from monai_attn.napari.layers.styles import layer_table
from monai_attn.napari.layers.volumes import grid_of, labels_layer, origin_of, volume_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = ["Keeper", "keeper_of", "renamed", "saved"]

PAUSE_S, LONGEST_S = 2.0, 20.0
"""A mask is kept when nobody painted for the first time span, or painted without a pause for the second."""

log = logging.getLogger(__name__)
_keepers: dict[int, Keeper] = {}
"""By the `id` of the viewer, until it is gone."""


class Keeper:
    """Watches the labels layers of one viewer; it knows no Qt.

    `schedule` is called with the seconds after which `tasks` wants to be asked, `offer` with unsaved masks of an image
    that was opened. Without a window, call `keep`.

    `folder` is where the masks are kept, None for the user's state folder. `files` holds the kept file of each layer.
    The viewer is held weakly. A labels layer is watched when it is 3-D, whoever opened it.
    """

    def __init__(self, viewer: ViewerModel, *, folder: Path | None = None) -> None:
        viewer = getattr(viewer, "__wrapped__", viewer)  # napari gives plugins a proxy, which is soon gone
        self._viewer, self.folder = ref(viewer), folder
        self.files: WeakKeyDictionary[Labels, Path] = WeakKeyDictionary()
        self.schedule: Callable[[float], None] = lambda seconds: None  # noqa: ARG005
        self.offer: Callable[[list[Rescue]], None] = lambda found: None  # noqa: ARG005
        self._pending: dict[Labels, float] = {}  # since when
        self._refusals: dict[Labels, str] = {}  # of the last `tasks`
        self._rounds: WeakKeyDictionary[Labels, int] = WeakKeyDictionary()
        self._steps: WeakKeyDictionary[Labels, tuple[int, int]] = WeakKeyDictionary()
        self._callbacks: WeakKeyDictionary[Labels, Callable[..., None]] = WeakKeyDictionary()
        self._offered: set[Path] = set()
        self._unsaved: WeakSet[Labels] = WeakSet()
        viewer.layers.events.inserted.connect(self._inserted)
        for layer in viewer.layers:
            self._watch(layer)
        _keepers[id(viewer)] = self
        finalize(viewer, _keepers.pop, id(viewer), None)

    @property
    def layers(self) -> list[Layer]:
        """Those of the viewer; a viewer that is gone has none."""
        viewer = self._viewer()
        return list(viewer.layers) if viewer is not None else []

    def waiting(self, source: str | None = None) -> list[Rescue]:
        """Unsaved masks that are on no layer: of one image, or of all.

        `source` is a key of `source_key`. A mask that is on a layer of any viewer of this process is left out.
        """
        keepers = list(_keepers.values())
        shown = {keeper.files[layer] for keeper in keepers for layer in keeper.layers if layer in keeper.files}
        return [one for one in find_rescues(source, self.folder) if one.path not in shown]

    def tasks(self) -> list[MaskToKeep]:
        """What is to be written now. A layer without a place in the patient is left out: it cannot be saved either.

        They are no longer pending afterwards: whoever asks has to write them, and gives back (`put_back`) what could
        not be written. [] where nobody painted since.
        """
        found = []
        self._refusals = {}
        for layer in self._pending:
            try:
                found.append(self._task(layer))
            except AttnError as error:
                self._refusals[layer] = str(error)
                log.info("A painted layer is not kept: %s", error)
        self._pending.clear()
        return found

    def put_back(self, tasks: Iterable[MaskToKeep]) -> None:
        """Let tasks that could not be written be pending again, but for masks that were saved meanwhile."""
        for task in tasks:
            if task.round == self._rounds.get(task.layer, 0):
                self._pending.setdefault(task.layer, time.monotonic())

    def written(self, task: MaskToKeep, path: Path) -> None:
        """Remember the file of a layer; the file of a mask that was saved or kept anew meanwhile goes at once.

        To be called in the window's thread, after `task` was written to `path`.
        """
        if task.round == self._rounds.get(task.layer, 0) and self.files.get(task.layer, path) == path:
            self.files[task.layer] = path
        else:
            path.unlink(missing_ok=True)

    def keep(self) -> list[Path]:
        """Write what is pending, here and now. Raises `FileError`; what was not written is then pending again."""
        tasks = self.tasks()
        paths: list[Path] = []
        try:
            for task in tasks:
                paths.append(task.write())
                self.written(task, paths[-1])
        except AttnError:
            self.put_back(tasks[len(paths) :])
            raise
        return paths

    def keep_unsaved(self) -> list[str]:
        """See to it that each unsaved mask that is open has its copy; gives a reason for each that can have none.

        These are the masks without a place in the patient. Raises `FileError` when the disk refuses.
        """
        for layer in self.unsaved():
            if layer not in self.files or not self.files[layer].is_file():
                self._pending.setdefault(layer, time.monotonic())
        self.keep()
        return [self._refusals[layer] for layer in self.unsaved() if layer in self._refusals]

    def restore(self, rescue: Rescue) -> Labels:
        """Add an unsaved mask as a layer; it stays kept until it is saved. Raises `FileError`.

        The layer is named "unsaved mask". Provenance, warnings and whether a hand changed the mask come back with it.
        """
        given = dict(rescue.provenance)
        name = marked("unsaved mask", given.get("warnings"))
        edited = bool(given.pop(EDITED, True))  # files of earlier versions held painted masks only
        made = {MADE_FROM: given.pop(MADE_FROM)} if MADE_FROM in given else {}
        made |= {PROVENANCE: given} if given else {}
        data, keywords, _ = labels_layer(rescue.labels(), name=name, table=rescue.table)
        keywords["metadata"] = {**keywords["metadata"], **made}
        layer = Labels(data, **keywords)
        viewer = self._viewer()
        if viewer is not None:
            self.files[layer] = rescue.path
            viewer.add_layer(layer)
            (self._changed if edited else self._note)(layer)
        return layer

    def computed(self, layer: Labels) -> None:
        """Keep a mask that a network has just made, at once: nobody has painted on it yet."""
        if isinstance(layer, Labels) and layer.ndim == 3:
            self._note(layer, pause_s=0.0)

    def unsaved(self) -> list[Labels]:
        """The masks that are open, were painted, renamed or computed, and are in no file of the user's yet."""
        return [layer for layer in self.layers if layer in self._unsaved]

    def forget(self, layer: Labels) -> None:
        """The mask is safe: its file goes.

        A round of writing that is still on its way removes its own file when it ends.
        """
        self._pending.pop(layer, None)
        self._unsaved.discard(layer)
        self._rounds[layer] = self._rounds.get(layer, 0) + 1
        path = self.files.pop(layer, None)
        if path is not None:
            path.unlink(missing_ok=True)

    def look(self, layer: Layer) -> None:
        """Offer the unsaved masks of an image or mask that was opened; each once."""
        origin = origin_of(layer)
        if origin is not None and origin.path is not None:
            self.greet(source_key(origin.path, origin.grid))

    def greet(self, source: str | None = None) -> None:
        """Offer the unsaved masks of one image, or all of them, but for those that were offered already.

        `source` is a key of `source_key`, None for all images. Nothing is offered where nothing is found.
        """
        found = [one for one in self.waiting(source) if one.path not in self._offered]
        self._offered |= {one.path for one in found}
        if found and self._viewer() is not None:
            self.offer(found)

    def _inserted(self, event: Any) -> None:
        """Watch a new layer; napari's copy of an unsaved mask is unsaved too."""
        layer = event.value
        self._watch(layer)
        parent = layer.source.parent
        if isinstance(layer, Labels) and parent is not None and parent() in self._unsaved:
            self._note(layer)
        self.look(layer)

    def _watch(self, layer: Layer) -> None:
        if isinstance(layer, Labels) and layer.ndim == 3 and layer not in self._callbacks:
            make_paintable(layer)
            self._steps[layer] = step_counts(layer)
            self._callbacks[layer] = callback = lambda event: self._moved(event.source)
            layer.events.paint.connect(lambda event: self._changed(event.source))
            layer.events.set_data.connect(callback)

    def _moved(self, layer: Labels) -> None:
        """Undo and redo have no event of their own: the layer is drawn anew, and its history has changed."""
        if layer.metadata.get(EDITED) and self._steps.get(layer) != step_counts(layer):
            self._changed(layer)

    def _changed(self, layer: Labels) -> None:
        """Note that a mask was painted on, and ask to be called when the next pause is over."""
        if is_of_the_user(layer):
            layer.metadata[EDITED] = True
            self._note(layer)

    def _note(self, layer: Labels, *, pause_s: float = PAUSE_S) -> None:
        """Keep a mask in the next round, after a pause without painting."""
        self._unsaved.add(layer)
        self._steps[layer] = step_counts(layer)
        since = self._pending.setdefault(layer, time.monotonic())
        self.schedule(max(min(pause_s, since + LONGEST_S - time.monotonic()), 0.0))

    def _task(self, layer: Labels) -> MaskToKeep:
        """One mask as it is now. Raises `GeometryError` where its place in the patient is not known."""
        layers = self.layers
        grid, labels = grid_of(layer, layers), volume_of(layer, layers)
        provenance = {**layer.metadata.get(PROVENANCE, {}), EDITED: bool(layer.metadata.get(EDITED))}
        provenance |= {MADE_FROM: layer.metadata[MADE_FROM]} if MADE_FROM in layer.metadata else {}
        path, sources = self.files.get(layer), sources_of(grid, layers)
        return MaskToKeep(
            layer, labels, layer_table(layer), sources, provenance, path, self.folder, self._rounds.get(layer, 0)
        )


def keeper_of(viewer: ViewerModel) -> Keeper | None:
    """The keeper that watches a viewer already."""
    return _keepers.get(id(getattr(viewer, "__wrapped__", viewer)))  # napari gives plugins a proxy


def renamed(layer: Labels) -> None:
    """A structure of a labels layer got another name, which is in no file of the user's yet; no voxel was edited."""
    for keeper in list(_keepers.values()):
        if layer in keeper.layers and is_of_the_user(layer):
            keeper._note(layer)


def saved(data: Any) -> None:
    """The very array of a labels layer, no copy of it, was saved to a file of the user's: what was kept of it goes."""
    for keeper in list(_keepers.values()):
        for layer in keeper.layers:
            if isinstance(layer, Labels) and layer.data is data:
                keeper.forget(layer)
