"""A progress callback of a user within a bundle's code, which may swallow what the callback raises."""

from __future__ import annotations

from monai_attn.progress import Progress

__all__ = ["Watched"]


class Watched:
    """A progress callback that remembers its exception, which stops the run whatever a bundle makes of it."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.raised: BaseException | None = None

    def __call__(self, done: int, total: int | None) -> None:
        """Call the callback; what it raises is kept in `raised` and goes on."""
        try:
            self.progress(done, total)
        except BaseException as error:
            self.raised = error
            raise
