"""The tabs of the dock: their titles, what each is for, and the panel that each shows.

A panel is imported and made when its tab is shown for the first time, so that the dock opens at once. A new tab is one
line in `TABS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from qtpy.QtWidgets import QPushButton, QWidget

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["TABS", "Page", "Tab", "make_panel"]


class Page(Protocol):
    """What the dock asks of a panel: its main button, and the button that stops what runs (None for none)."""

    main: QPushButton
    stopping: QPushButton | None


@dataclass(frozen=True)
class Tab:
    """A tab: its title, a sentence for the mouse, its panel's class as "module:class" within `monai_attn.napari`.

    With `mask` the newest mask becomes the active layer when the tab is shown and no mask is active.
    """

    title: str
    tip: str
    panel: str
    mask: bool = False


TABS = (
    Tab("Open", "Open images, DICOM folders and masks, or a sample.", "open.panel:OpenWidget"),
    Tab("Look", "Grey levels, slabs, planes, left and right, linked views.", "look.panel:LookWidget"),
    Tab("Segment", "Let a network draw the structures.", "segment.panel:SegmentWidget"),
    Tab("Structures", "Volumes and diameters; fly to structures and lesions.", "structures.panel:StructuresWidget"),
    Tab("Correct", "Correct the mask by hand.", "correct.panel:CorrectWidget", mask=True),
    Tab("Compare", "Compare a mask with a reference.", "compare.panel:CompareWidget"),
    Tab("Save", "Save the mask, or mask, measurements and report.", "save.panel:SaveAllWidget", mask=True),
    Tab("Learn", "Train a bundle (model) on your own labelled cases, in minutes.", "learn.panel:LearnWidget"),
    Tab("Review", "Read a cohort: accept, fix or reject its masks by keys.", "review.panel:ReviewWidget"),
)
"""From left to right, in the order in which a case is read; Alt+1 shows the first."""


def make_panel(tab: Tab, viewer: napari.viewer.Viewer) -> QWidget:
    """The panel of a tab, made anew; its module is imported here."""
    module, name = tab.panel.split(":")
    return cast(QWidget, getattr(import_module(f"monai_attn.napari.{module}"), name)(viewer))
