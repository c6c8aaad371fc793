"""Undo and redo of a mask together with the scribbles that changed it, by button or key. No Qt.

napari keeps a history for each layer. Without this file a stroke whose effect was undone would stay on the layer of the
scribbles, and the next stroke would apply it again.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monai_attn.napari.layers.links import Links
from monai_attn.napari.layers.strokes import step_counts

if TYPE_CHECKING:
    from napari.layers import Labels

__all__ = ["CommonUndo"]


@dataclass(frozen=True)
class Span:
    """How many strokes lay on the layer of the scribbles before and after a step of the mask."""

    before: int
    after: int


class CommonUndo:
    """The histories of a mask and of its scribbles, from now on until `close`.

    `strokes` is the number of strokes that lie on the layer of the scribbles. A step of the mask that strokes have made
    is undone and redone with these strokes, and the strokes with the step.
    """

    def __init__(self, mask: Labels, scribbles: Labels) -> None:
        self.strokes = 0
        self._mask, self._scribbles = mask, scribbles
        self._counts = {layer: step_counts(layer) for layer in (mask, scribbles)}
        self._done: list[Span | None] = []  # the steps of the mask that can be undone, the last one at the end
        self._undone: list[Span | None] = []  # those that can be redone; None for a step that no stroke has made
        self._span: Span | None = None
        self._busy = False
        self._links = Links()
        self._links.follow(self._mask_painted, mask.events.paint)
        self._links.follow(self._mask_moved, mask.events.set_data)
        self._links.follow(self._stroke_made, scribbles.events.paint)
        self._links.follow(self._strokes_moved, scribbles.events.set_data)

    def close(self) -> None:
        """Let the layers go; each has its own undo again."""
        self._links.close()

    @contextmanager
    def step_by(self, strokes: int) -> Generator[None, None, None]:
        """What changes the mask meanwhile is a step that the strokes up to this number have made."""
        before = next((span.after for span in reversed(self._done) if span is not None), 0)
        self._span = Span(before, strokes)
        try:
            yield
        finally:
            self._span = None

    def _mask_painted(self, event: Any = None) -> None:  # noqa: ARG002
        self._counts[self._mask] = step_counts(self._mask)
        self._done.append(self._span)
        self._undone.clear()

    def _stroke_made(self, event: Any = None) -> None:  # noqa: ARG002
        self._counts[self._scribbles] = step_counts(self._scribbles)
        self.strokes += 1

    def _mask_moved(self, event: Any = None) -> None:  # noqa: ARG002
        """After undo or redo of the mask, go to the strokes that belong to it."""
        moved = self._moved(self._mask)
        source, target = (self._done, self._undone) if moved < 0 else (self._undone, self._done)
        for _ in range(abs(moved)):
            span = source.pop() if source else None
            target.append(span)
            if span is not None:
                self._go_to(span.before if moved < 0 else span.after)

    def _strokes_moved(self, event: Any = None) -> None:  # noqa: ARG002
        """After undo or redo of a stroke, undo or redo the step of the mask that the stroke made.

        Nothing else happens where the mask was changed in another way since.
        """
        moved = self._moved(self._scribbles)
        self.strokes += moved
        steps = self._done if moved < 0 else self._undone
        span = steps[-1] if steps else None
        if self._busy or not moved or span is None:
            return
        if moved < 0 and self.strokes < span.after:
            self._mask.undo()
        elif moved > 0 and self.strokes >= span.after:
            self._mask.redo()
        self._mask_moved()  # a mask that is not seen has no event

    def _go_to(self, strokes: int) -> None:
        """Undo or redo strokes until there are so many, as far as napari remembers them."""
        self._busy = True
        while self.strokes > strokes and step_counts(self._scribbles)[0]:
            self._scribbles.undo()
            self._strokes_moved()
        while self.strokes < strokes and step_counts(self._scribbles)[1]:
            self._scribbles.redo()
            self._strokes_moved()
        self._busy = False

    def _moved(self, layer: Labels) -> int:
        """How many steps were redone (above 0) or undone (below 0) since the last time.

        Only an undo or redo takes steps from one history to the other: their sum stays.
        """
        (done, undone), now = self._counts[layer], step_counts(layer)
        self._counts[layer] = now
        return now[0] - done if sum(now) == done + undone else 0
