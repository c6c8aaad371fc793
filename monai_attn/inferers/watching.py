"""How far an inferer is, and what it has finished: for a progress bar, and for a mask that grows on the screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec

from monai.inferers import Inferer, SimpleInferer, SlidingWindowInferer, SlidingWindowInfererAdapt
from torch import Tensor, nn

from monai_attn.inferers.windows import lay_windows
from monai_attn.progress import Finished, Progress

__all__ = ["RunWatch", "WatchableInferer", "WatchedInferer", "watch_inferer"]


P = ParamSpec("P")


class RunWatch:
    """Counts the windows of one run for `progress`, and passes on what is finished to `finished`; None for neither.

    `runs`: how often the inferer goes over the image, as for mirror images; whoever repeats a run multiplies it.
    """

    def __init__(self, progress: Progress | None = None, finished: Finished | None = None) -> None:
        self.progress = self._noted(progress)
        self.finished = self._noted(finished)
        self.raised: BaseException | None = None
        self.runs = 1
        self.done = 0
        self.total: int | None = None

    def _noted(self, callback: Callable[P, None] | None) -> Callable[P, None] | None:
        """A callback whose exception is noted in `raised` as well, so that it can be told from one of the bundle."""
        if callback is None:
            return None

        def noted(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                callback(*args, **kwargs)
            except BaseException as error:
                self.raised = error
                raise

        return noted

    def expect(self, windows: int | None) -> None:
        """Note how many windows one pass over the image has; None where that is not known.

        Only the first pass of a run counts, so that the total does not grow during the run.
        """
        if self.total is None and windows is not None:
            self.total = windows * self.runs

    def count(self, windows: int) -> None:
        """Note that so many windows more are done, and tell `progress`. An exception of `progress` stops the run."""
        self.done += windows
        if self.progress is not None:
            self.progress(self.done, self.total)


class WatchableInferer(Inferer):  # type: ignore[misc]  # MONAI has no type hints
    """An inferer that can say how far it is: `watched` gives a copy that reports to a `RunWatch`."""

    def watched(self, watch: RunWatch) -> Inferer:
        """A copy of this inferer that reports to the watch; this inferer stays as it is."""
        raise NotImplementedError


class WatchedInferer(WatchableInferer):
    """Another inferer whose windows are counted as they pass through the network.

    The number of all windows is known for MONAI's `SimpleInferer` and `SlidingWindowInferer`, and None for others.
    """

    def __init__(self, inferer: Inferer, watch: RunWatch) -> None:
        super().__init__()
        self.inferer = inferer
        self.watch = watch

    def __call__(self, inputs: Tensor, network: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The output of the other inferer."""
        self.watch.expect(_number_of_windows(self.inferer, inputs))
        with _counted(network, self.watch) as counted:
            return self.inferer(inputs, counted, *args, **kwargs)

    def watched(self, watch: RunWatch) -> Inferer:
        """The other inferer with this watch in place of the present one."""
        return WatchedInferer(self.inferer, watch)


def watch_inferer(inferer: Any, watch: RunWatch) -> Any:
    """A copy of the inferer that reports to the watch how far it is, whatever inferer it is."""
    return inferer.watched(watch) if isinstance(inferer, WatchableInferer) else WatchedInferer(inferer, watch)


@contextmanager
def _counted(network: Callable[..., Any], watch: RunWatch) -> Iterator[Callable[..., Any]]:
    """The network, each call of which is counted while within."""
    if isinstance(network, nn.Module):
        hook = network.register_forward_hook(lambda _, inputs, __: watch.count(len(inputs[0])))
        try:
            yield network
        finally:
            hook.remove()
        return

    def call(windows: Tensor, *args: Any, **kwargs: Any) -> Any:
        output = network(windows, *args, **kwargs)
        watch.count(len(windows))
        return output

    yield call


def _number_of_windows(inferer: Inferer, inputs: Tensor) -> int | None:
    """The windows of one pass over a batch `(N, channels, *spatial)`.

    None for an inferer of which it is not known, such as those of a bundle's own scripts.
    """
    if type(inferer) is SimpleInferer:
        return len(inputs)
    if type(inferer) in (SlidingWindowInferer, SlidingWindowInfererAdapt):
        return len(inputs) * len(lay_windows(inputs.shape[2:], inferer.roi_size, inferer.overlap))
    return None
