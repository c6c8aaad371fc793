"""Local processes of which one may die without the others: `ProcessPoolExecutor` ends all of them when one dies."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from typing import Any, ParamSpec, TypeVar

from monai_attn.cohort.work import begin

__all__ = ["SeparateProcesses"]

P = ParamSpec("P")
T = TypeVar("T")


class SeparateProcesses(Executor):
    """An executor of `count` processes, each an executor of its own. A process that dies is replaced.

    A future whose process died raises `BrokenExecutor`. All processes end with `kill`, and when this process is
    killed: they wait for the end of a pipe that only this process holds.
    """

    def __init__(self, count: int, threads: int) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._reader, self._writer = self._context.Pipe(duplex=False)
        self._threads = threads
        self._pools = [self._pool() for _ in range(count)]
        self._sent = [0] * count

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call a function in the process with the least to do."""
        number = min(range(len(self._pools)), key=self._sent.__getitem__)
        try:
            future = self._pools[number].submit(fn, *args, **kwargs)
        except BrokenExecutor:  # its process died
            self._pools[number] = self._pool()
            future = self._pools[number].submit(fn, *args, **kwargs)
        self._sent[number] += 1
        future.add_done_callback(lambda _: self._ended(number))
        return future

    def _ended(self, number: int) -> None:
        self._sent[number] -= 1

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes once their calls are finished."""
        for pool in self._pools:
            pool.shutdown(wait, cancel_futures=cancel_futures)

    def kill(self) -> None:
        """End the processes now, in the middle of a call where need be."""
        self._writer.close()
        self.shutdown(cancel_futures=True)
        self._reader.close()

    def _pool(self) -> ProcessPoolExecutor:
        begun: Any = (self._reader, self._threads)
        return ProcessPoolExecutor(1, self._context, initializer=begin, initargs=begun)
