"""Where cases are computed: local processes, or the workers of a Dask cluster, each as a `concurrent.futures.Executor`.

Dask is an extra: `pip install "monai_attn[cluster]"`. Through dask-jobqueue its workers are jobs of SLURM, PBS, LSF or
SGE. docs/cohorts.md says when which is worth its trouble.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from monai_attn.backends.execution import Execution
from monai_attn.cohort.processes import SeparateProcesses
from monai_attn.errors import InputError

__all__ = ["DaskWorkers", "LocalProcesses", "Workers", "cores", "workers_of"]

JOB_QUEUES = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster", "sge": "SGECluster"}
"""The clusters of dask-jobqueue, by the name of the job scheduler."""

NEEDS = 'The executor {} needs {}. Install it with: pip install "monai_attn[cluster]"'


class Workers(Protocol):
    """Several workers: `threads` for each of them, None where they decide, and an executor for a block.

    `ahead` cases are sent before their turn, so that no worker waits; None sends all.
    """

    @property
    def threads(self) -> int | None:
        """How many threads of the processor each worker has."""

    @property
    def ahead(self) -> int | None:
        """How many cases are sent at a time."""

    def executor(self) -> Any:
        """A context with an executor, whose workers end with the block."""

    def share_of(self, execution: Execution) -> Execution:
        """How each worker runs the network: with the threads of a worker, unless the user has asked for a number."""
        return execution.with_at_hand(self.threads or None)


@dataclass(frozen=True)
class LocalProcesses(Workers):
    """`count` processes on this computer with `threads` threads each.

    >>> LocalProcesses(2, 4).ahead
    2
    """

    count: int
    threads: int | None = 1

    @property
    def ahead(self) -> int | None:
        """As many cases as processes."""
        return self.count

    @contextmanager
    def executor(self) -> Iterator[Executor]:
        """Processes that end with the block, or with this process, however it ends."""
        pool = SeparateProcesses(self.count, self.threads or 1)
        try:
            yield pool
            pool.shutdown()
        finally:
            pool.kill()


@dataclass(frozen=True)
class DaskWorkers(Workers):
    """The workers of a Dask cluster.

    `where` is the address of a scheduler ("tcp://host:8786"), the name of a job scheduler in `JOB_QUEUES`, or "" for a
    cluster of local processes. `count` and `threads` are for clusters that are started here.
    """

    where: str = ""
    count: int = 1
    threads: int | None = None

    @property
    def ahead(self) -> int | None:
        """All cases are sent: the scheduler spreads them, also over workers that come later."""
        return None

    @contextmanager
    def executor(self) -> Iterator[Executor]:
        """An executor of the cluster; a cluster that was started here ends with the block.

        Raises `InputError` where Dask is missing, or the scheduler does not answer.
        """
        try:
            from distributed import Client
        except ImportError as error:
            raise InputError(NEEDS.format("dask", "distributed")) from error
        logging.getLogger("distributed").setLevel(logging.ERROR)  # a row says what became of a case
        with ExitStack() as stack:
            address = stack.enter_context(self._cluster()) if not self._is_address else self.where
            try:
                client = stack.enter_context(Client(address, set_as_default=False))
            except OSError as error:
                raise InputError(
                    f"No Dask scheduler answers at {self.where}. Start one, or check the address."
                ) from error
            yield stack.enter_context(client.get_executor(pure=False))

    @property
    def _is_address(self) -> bool:
        return bool(self.where) and self.where not in JOB_QUEUES

    @contextmanager
    def _cluster(self) -> Iterator[Any]:
        """A cluster of local processes, or of jobs."""
        if self.where:
            try:
                import dask_jobqueue
            except ImportError as error:
                raise InputError(NEEDS.format(f"dask={self.where}", "dask-jobqueue")) from error
            cluster = getattr(dask_jobqueue, JOB_QUEUES[self.where])()  # set up in ~/.config/dask/jobqueue.yaml
            cluster.scale(self.count)
        else:
            from distributed import LocalCluster

            cluster = LocalCluster(self.count, threads_per_worker=1, dashboard_address=None)
        with cluster:
            yield cluster


def workers_of(name: str, count: int | None = None, threads: int | None = None) -> Workers | None:
    """The workers that an option names: "here" (None: this process), "processes", "dask" or "dask=WHERE".

    By default there are as many local workers as the threads of each leave cores for. Raises `InputError` for another
    name, and for a number of workers where this process does the work.

    >>> workers_of("processes", 2, 1)
    LocalProcesses(count=2, threads=1)
    """
    kind, _, where = name.partition("=")
    if kind == "here" and not where:
        if count is not None:
            raise InputError("--workers is for --executor processes or dask. Leave it out, or name an executor.")
        return None
    each = threads or max(1, cores() // count if count else 1)
    number = count or max(1, cores() // each)
    if kind == "processes" and not where:
        return LocalProcesses(number, each)
    if kind == "dask":
        if count is not None and where and where not in JOB_QUEUES:
            raise InputError(f"--workers is for a cluster that is started here; {where} has its own. Leave it out.")
        return DaskWorkers(where, number, threads if where else each)
    raise InputError(f"The executor {name!r} is not known. Choose here, processes, dask or dask=ADDRESS.")


def cores() -> int:
    """The number of processor cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows
        return os.cpu_count() or 1
