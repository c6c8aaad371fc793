"""Notes on a viewer's canvas, as one overlay that is drawn in one go.

napari's text overlays cost 1 to 4 ms each per drawing (their boxes are built anew whenever a text changes), which is
felt when one scrolls through slices. Here all notes are patches of one picture, painted anew only where a text
changed. That takes napari's private table of overlays. Where it is missing or has changed, `PlainNotes` shows the same
texts with public overlays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol
from weakref import ref

from monai_attn.napari.look.notes import Note
from monai_attn.napari.look.overlays import overlay_class

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["notes_surface"]

NOTES_KEY = "monai_attn_notes"


class NotesSurface(Protocol):
    """Something that shows notes on a canvas, by name, until it is closed."""

    def show(self, notes: Mapping[str, Note]) -> None:
        """Draw these notes in place of those before."""

    def close(self) -> None:
        """Take the notes off the canvas."""


def notes_surface(viewer: ViewerModel) -> NotesSurface:
    """What shows notes on the canvas of a viewer; it does not keep the viewer alive.

    `SpriteNotes` where this version of napari allows it, else `PlainNotes`, which a warning in the log says once.
    """
    return SpriteNotes(viewer) if _overlay_class() is not None else PlainNotes(viewer)


class SpriteNotes:
    """All notes as one overlay. Raises `RuntimeError` where napari's private table of overlays is out of reach."""

    def __init__(self, viewer: ViewerModel) -> None:
        made = _overlay_class()
        if made is None:
            raise RuntimeError("This napari draws overlays in another way; use PlainNotes.")
        self._viewer = ref(viewer)
        self._overlay = made(box=False, position=None, visible=False)
        viewer.canvas.overlays[NOTES_KEY] = self._overlay

    def show(self, notes: Mapping[str, Note]) -> None:
        """Show these notes and no others.

        The overlay is drawn anew only where a note differs. {} hides it.
        """
        if self._overlay.notes != notes:
            self._overlay.notes = dict(notes)
        if self._overlay.visible != bool(notes):
            self._overlay.visible = bool(notes)

    def close(self) -> None:
        """Take them off the canvas; doing it again does no harm."""
        viewer = self._viewer()
        if viewer is not None:
            viewer.canvas.overlays.pop(NOTES_KEY, None)


class PlainNotes:
    """Each note as one of napari's own text overlays, without boxes and patches of colour.

    Used where `SpriteNotes` cannot be; slower when one scrolls through slices.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = ref(viewer)
        self._overlays: dict[str, Any] = {}

    def show(self, notes: Mapping[str, Note]) -> None:
        """Show these notes and no others."""
        for name, note in notes.items():
            overlay = self._overlays.get(name) or self._add(name, note)
            if overlay.text != note.text:
                overlay.text = note.text
        for name, overlay in self._overlays.items():
            if overlay.visible != (name in notes):
                overlay.visible = name in notes

    def close(self) -> None:
        """Take them off the canvas; doing it again does no harm."""
        viewer = self._viewer()
        if viewer is not None:
            for name in self._overlays:
                viewer.canvas.overlays.pop(f"{NOTES_KEY}_{name}", None)

    def _add(self, name: str, note: Note) -> Any:
        """The overlay of a name, made when its first note is shown; it keeps the colour and place of that note."""
        from napari.components.overlays import TextOverlay

        overlay = TextOverlay(position=note.place, color=note.colour, font_size=note.size_pt, box=False)
        self._overlays[name] = overlay
        viewer = self._viewer()
        if viewer is not None:
            viewer.canvas.overlays[f"{NOTES_KEY}_{name}"] = overlay
        return overlay


def _overlay_class() -> Any:
    return overlay_class("notes_visual", "Notes on the canvas are drawn by napari's text overlays")
