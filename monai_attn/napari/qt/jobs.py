"""Work for a thread of napari with a name that a user understands.

napari shows what its workers do in a list, and in a question when its window is closed. For a plain function it writes
Python's own description of the function there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

__all__ = ["Job", "named"]


class Job(partial[Any]):
    """A function with its arguments, as `functools.partial`, that calls itself by its `title`; `named` makes it."""

    title = ""

    def __str__(self) -> str:
        return self.title


def named(title: str, function: Callable[..., Any], *given: Any) -> Job:
    """A function with its arguments under a title, for `napari.qt.threading.create_worker`.

    >>> str(named("comparing two masks", max, 1, 2))
    'comparing two masks'
    """
    job = Job(function, *given)
    job.title = title
    return job
