"""Work for a thread of napari with a name that a user understands, and refusals in one sentence.

napari shows what its workers do in a list, and in a question when its window is closed. For a plain function it writes
Python's own description of the function there. Of an exception it shows the traceback, so refusals come as values.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any

from monai_attn.errors import AttnError

__all__ = ["Job", "named", "safely"]


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


def safely(steps: Callable[..., Generator[Any, None, Any]], *given: Any) -> Generator[Any, None, tuple[Any, str]]:
    """The steps of a generator; at the end its result and "", or None and why there is none.

    Only refusals of ours (`AttnError`) become a sentence. Any other error is raised, and napari shows it.
    """
    try:
        return (yield from steps(*given)), ""
    except AttnError as error:
        return None, str(error)
