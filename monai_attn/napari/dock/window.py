"""The dock "monai-attn": tabs from opening an image to saving a mask, of which one is seen.

napari makes it from the menu Plugins > monai-attn; `dock_of` gives the one of a viewer. It makes each panel when its
tab is first shown, and leads the keys to the panel that is shown. When the dock is closed it keeps the panels, so that
all settings are there when the dock is opened again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import QButtonGroup, QGridLayout, QPushButton, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget
from typing_extensions import override

from monai_attn.napari.dock.ahead import ImportAhead
from monai_attn.napari.dock.place import ask_before_closing, settle_dock
from monai_attn.napari.dock.tabs import TABS, Tab, make_panel
from monai_attn.napari.keep.guard import guard_window
from monai_attn.napari.keep.leaving import ask
from monai_attn.napari.keep.window import watch
from monai_attn.napari.look.canvas import canvas_notes
from monai_attn.napari.qt.choices import is_mask
from monai_attn.napari.qt.page import in_order, tip_labels
from monai_attn.napari.qt.shortcuts import WindowKeys
from monai_attn.napari.qt.windows import main_window
from monai_attn.napari.settings import PLUGIN

if TYPE_CHECKING:
    import napari.viewer

__all__ = ["DOCK", "MAIN_KEY", "NEXT_CASE_KEY", "STOP_KEY", "AttnDock", "dock_of", "tab_key"]

DOCK = "monai-attn"
"""The name of the dock in napari's menu."""

MAIN_KEY, STOP_KEY, NEXT_CASE_KEY = "Ctrl+Return", "Ctrl+Backspace", "Alt+PgDown"
"""Keys for the main button of the tab that is shown, for the button that stops, and for the next case."""

GOES_ON = "It goes on while this panel is closed. Open the panel again, from the menu Plugins, to see or to stop it."
"""What is said when the dock is closed during a run."""

COLUMNS = 5
"""Tabs in a row; the two rows have room for ten."""

LOOKS = "QPushButton { padding: 3px 2px; } QPushButton:checked { background: #2d6cdf; color: white; }"

_kept: WeakKeyDictionary[Any, dict[str, QWidget]] = WeakKeyDictionary()
"""The panels of each viewer: they outlive a dock that is closed."""


def tab_key(title: str) -> str:
    """The key that shows a tab.

    >>> tab_key("Segment")
    'Alt+3'
    """
    return f"Alt+{[tab.title for tab in TABS].index(title) + 1}"


class AttnDock(QWidget):
    """All panels as tabs. `shown` is the title of the tab that is seen; `panels` holds those made so far.

    The keys are Alt+1, Alt+2 and so on for the tabs, and `MAIN_KEY`, `STOP_KEY` and `NEXT_CASE_KEY`.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = getattr(viewer, "__wrapped__", viewer)  # napari gives its plugins a proxy of the viewer
        watch(self.viewer)
        canvas_notes(self.viewer)
        self.panels = _kept.setdefault(self.viewer, {})
        self.shown, self.asking = "", ask
        actions: dict[str, Callable[[], None]] = {tab_key(tab.title): partial(self._raise, tab.title) for tab in TABS}
        actions |= {MAIN_KEY: self.press_main, STOP_KEY: self.press_stop, NEXT_CASE_KEY: self.next_case}
        self._keys = WindowKeys(actions)
        self.stack, self.group = QStackedWidget(), QButtonGroup(self)
        self.buttons = {tab.title: self._button(tab) for tab in TABS}
        grid, layout = QGridLayout(), QVBoxLayout(self)
        grid.setSpacing(2)
        for number, button in enumerate(self.buttons.values()):
            grid.addWidget(button, number // COLUMNS, number % COLUMNS)
        layout.setContentsMargins(2, 2, 2, 2)
        layout.addLayout(grid)
        layout.addWidget(self.stack, 1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.timeout.connect(partial(settle_dock, self))
        for panel in self.panels.values():
            self.stack.addWidget(panel)
        self.show_tab("Segment" if len(self.viewer.layers) else "Open")
        self.ahead = ImportAhead(self)

    def show_tab(self, title: str) -> Any:
        """Show a tab, and give its panel. Raises `KeyError` for a title that no tab has."""
        panel = self.panel(title)
        tab = next(tab for tab in TABS if tab.title == title)
        self.stack.setCurrentWidget(panel)
        self.buttons[title].setChecked(True)
        self.shown = title
        if tab.mask:
            self._choose_mask()
        return panel

    def panel(self, title: str) -> Any:
        """The panel of a tab, made if it was not yet; the tab that is seen stays. Raises `KeyError`."""
        if title not in self.panels:
            tab = {tab.title: tab for tab in TABS}[title]
            panel = make_panel(tab, self.viewer)
            tip_labels(panel)
            self.panels[title] = panel
            self.stack.addWidget(panel)
        return self.panels[title]

    def press_main(self) -> None:
        """Press the main button of the tab that is seen; nothing happens where the button cannot be used."""
        main = getattr(self.panels[self.shown], "main", None)
        if main is not None:
            main.click()

    def press_stop(self) -> None:
        """Stop what the tab that is seen runs, else what "Segment" runs."""
        for title in (self.shown, "Segment"):
            stop = getattr(self.panels.get(title), "stopping", None)
            if stop is not None and stop.isEnabled():
                stop.click()
                return

    def next_case(self) -> None:
        """Open the next case beside the one that is open."""
        self.show_tab("Open").next_case()

    def may_close(self) -> bool:
        """Whether the dock may be closed: yes where nothing runs, else what the user answers."""
        stops = {title: getattr(panel, "stopping", None) for title, panel in self.panels.items()}
        running = [title for title, stop in stops.items() if stop is not None and stop.isEnabled()]
        return not running or self.asking(self, f"Still running: {', '.join(running)}.", GOES_ON, "Still running")

    @override
    def focusNextPrevChild(self, forward: bool) -> bool:
        """Let the tab key go from the tabs through the panel that is seen, from top to bottom, and around again."""
        parts = [*self.buttons.values(), *in_order(self.panels[self.shown])]
        parts = [part for part in parts if part.isVisible() and part.isEnabled()]
        now = self.focusWidget()
        at = parts.index(now) if now in parts else -1
        if not parts:
            return False
        parts[(at + (1 if forward else -1)) % len(parts)].setFocus(Qt.FocusReason.TabFocusReason)
        return True

    def event(self, event: QEvent) -> bool:
        """Let the panels go when the dock is closed: each then lets go of the viewer, and keeps its settings."""
        if event.type() == QEvent.Type.ParentChange and hasattr(self, "_settle"):
            if self.parentWidget() is None:
                for panel in self.panels.values():
                    panel.setParent(None)
                self._bind(None)
            else:
                self._settle.start(0)
        if event.type() == QEvent.Type.Show and hasattr(self, "_settle"):
            for panel in self.panels.values():
                if panel.parentWidget() is None:
                    self.stack.addWidget(panel)
            self._bind(main_window(self))
            ask_before_closing(self, self.may_close)
        return bool(super().event(event))

    def _button(self, tab: Tab) -> QPushButton:
        """The button that shows a tab."""
        button = QPushButton(tab.title)
        button.setCheckable(True)
        button.setToolTip(f"{tab.tip} ({tab_key(tab.title)})")
        button.setStyleSheet(LOOKS)
        button.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        self.group.addButton(button)
        button.clicked.connect(lambda: self.show_tab(tab.title))
        return button

    def _choose_mask(self) -> None:
        """Make the newest mask active where no mask is: the panel works on the active one."""
        layers = self.viewer.layers
        active = layers.selection.active
        masks = [layer for layer in layers if is_mask(layer) and layer.ndim == 3]
        if masks and (active is None or not is_mask(active)):
            layers.selection.active = masks[-1]

    def _bind(self, window: QWidget | None) -> None:
        """Bind the keys in a window, whichever tab or dock is in front; None takes the keys back."""
        if window is not None and window is not self._keys.window:
            guard_window(self.viewer, window)
            window.destroyed.connect(partial(_drop, ref(self.viewer)))
        self._keys.bind(window)

    def _raise(self, title: str) -> None:
        """Show a tab by its key, in front of other docks."""
        dock_of(self.viewer).show_tab(title)


def _drop(viewer: ref[Any], *_: object) -> None:
    """The window is gone: nothing of its panels is kept."""
    gone = viewer()
    if gone is not None:
        _kept.pop(gone, None)


def dock_of(viewer: napari.viewer.Viewer) -> AttnDock:
    """The dock of a viewer, in front; it is made where the viewer has none."""
    dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, DOCK)
    dock.show()
    dock.raise_()
    made: AttnDock = widget
    return made
