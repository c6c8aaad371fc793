"""Connections to napari's events that are taken back together.

Panels and notes of the canvas use `Links`, so that a closed panel leaves no callback behind in the viewer.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["Links", "closing"]


class Links:
    """Callbacks connected to event emitters, until `close`.

    napari holds a bound method weakly: whoever owns it decides how long it lives.
    """

    def __init__(self) -> None:
        self._links: list[tuple[Any, Callable[..., None]]] = []

    def follow(self, callback: Callable[..., None], *emitters: Any) -> None:
        """Call back on each of the emitters; None among them is left out.

        `emitters` are event emitters of napari (`layer.events.data`, `viewer.dims.events.point`) or psygnal signals.
        """
        for emitter in emitters:
            if emitter is not None:
                emitter.connect(callback)
                self._links.append((emitter, callback))

    def follow_layer(self, callback: Callable[..., None], layer: Any, names: tuple[str, ...]) -> None:
        """Call back on those of the named events that a layer has."""
        self.follow(callback, *(getattr(layer.events, name, None) for name in names))

    def close(self) -> None:
        """Disconnect all; doing it again does no harm."""
        links, self._links = self._links, []
        for emitter, callback in links:
            with contextlib.suppress(ValueError, RuntimeError):  # gone already, with its layer or window
                emitter.disconnect(callback)


class _Closable(Protocol):
    def close(self) -> None: ...


def closing(*things: _Closable) -> Callable[[], None]:
    """A function that closes them, for a widget's `destroyed`: it does not keep the widget.

    Qt may emit `destroyed` when the Python side of the widget is gone; a bound method of the widget would fail then.
    """

    def close() -> None:
        for thing in things:
            thing.close()

    return close
