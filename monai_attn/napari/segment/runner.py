"""Runs what the window asks for, with the same `Segmenter` as everywhere.

`running` calls this file in a thread. PyTorch and MONAI are imported here, at the first run, so that the window opens
without them. There is no Qt in this file.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from monai_attn.napari.segment.growing import Growing
from monai_attn.napari.segment.loading import (
    in_short_turns,
    load_torch_library,
    without_collections,
    without_reading_sources,
)
from monai_attn.napari.segment.produced import RunLayers, produced
from monai_attn.napari.segment.request import Request
from monai_attn.napari.segment.work import Work, resting_bytes
from monai_attn.preflight.speeds import bytes_besides, remember
from monai_attn.segmentation import Segmentation

if TYPE_CHECKING:
    from monai_attn.segmenter import Segmenter

__all__ = ["Runner"]


class Runner:
    """Runs requests and keeps the last segmenter, so that a second run of the same bundle starts at once.

    The segmenter is made anew when the bundle's folder, the execution or the overrides change. A bundle whose files
    were changed on the disk meanwhile is not noticed.
    """

    def __init__(self) -> None:
        self._key: Any = None
        self._segmenter: Segmenter | None = None
        self._resting = resting_bytes()

    def run(self, request: Request, work: Work[RunLayers]) -> RunLayers:
        """The result as layers, with a place and a sentence.

        Raises as `Segmenter` does, and `Cancelled` when the work was stopped.
        """
        with in_short_turns():
            segmentation = self.segment(request, work)
            work.say("Preparing the layers")
            return produced(segmentation, request)

    def segment(self, request: Request, work: Work[Any]) -> Segmentation:
        """The segmentation; the seconds that its windows took are remembered for the next estimate.

        `work` hears each stage and each batch of windows, and gets the growing labels to show. Raises as `run`.
        """
        began, cold = time.perf_counter(), not self.has_open(request)
        segmenter = self._open(request, work)
        opened = time.perf_counter() - began
        work.say("Preparing the image")
        growing = Growing(request.grid, segmenter.parts.table, request.title)
        work.show(growing)

        def progress(done: int, total: int | None) -> None:
            work.say("Segmenting")
            work.tell(done, total)

        segmentation = segmenter(
            request.source, region=request.asked, progress=progress, finished=growing.take, maps=request.maps
        )
        self._remember(request, work, time.perf_counter() - began, opened if cold else 0.0)
        return segmentation

    def has_open(self, request: Request) -> bool:
        """Whether the bundle of a request is open already, so that its next run starts at once."""
        return self._segmenter is not None and _key(request) == self._key

    def _remember(self, request: Request, work: Work[Any], seconds: float, opened: float) -> None:
        """Keep what a run took, `seconds` in all. Where it had to open the bundle, all but its windows is its start.

        `opened` is how long the opening took, 0 where the bundle was open. The pace of the later windows counts: the
        first ones include the conversion of the network. Where there is but one batch of windows, no pace is known.
        Where a finder may have looked for the regions first, only the pace is kept, so that its time is in no window.
        """
        paced, windows = work.pace()
        if request.asked is None and request.bundle.finder is not None and not opened:
            if not windows:
                return
            seconds = paced / windows * work.windows
        start = max(opened, seconds - paced / windows * work.windows) if opened and windows else opened
        expected = request.expected.bytes if request.expected is not None else 0
        known = bytes_besides(request.bundle, request.execution)
        besides = work.peak_bytes - self._resting - (expected - known) if expected and work.peak_bytes else 0
        remember(
            request.bundle,
            request.execution,
            windows=work.windows,
            seconds=seconds - start,
            start=start,
            besides=besides,
            maps=request.maps,
        )

    def _open(self, request: Request, work: Work[Any]) -> Segmenter:
        """The segmenter of a request: the last one where nothing that matters has changed, else a new one."""
        if not self.has_open(request):
            self._segmenter = None  # free the memory of the last one first
            work.say("Loading PyTorch and the bundle (model)")
            with without_collections(), without_reading_sources():
                load_torch_library()
                from monai_attn.segmenter import Segmenter

            work.say("Loading the bundle (model)")
            self._segmenter = Segmenter.from_bundle(
                request.bundle.root,
                overrides=request.overrides,
                execution=request.execution,
                trust=request.trust,
            )
            self._key = _key(request)
        assert self._segmenter is not None  # it is open: has_open says so, or it was made above
        return self._segmenter


def _key(request: Request) -> tuple[Any, ...]:
    """What must be the same for a segmenter to serve a request."""
    return request.bundle.root, request.execution, dict(request.overrides)
