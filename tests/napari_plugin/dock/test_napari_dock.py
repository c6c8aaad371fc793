"""The dock of all panels in a real window: tabs, keys, tool tips, wheel, small screens, closing and reopening."""

from __future__ import annotations

import time
from typing import Any

import pytest
from qtpy.QtCore import QPoint, QPointF, QSize, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDockWidget,
    QFormLayout,
    QLabel,
    QLineEdit,
    QSlider,
    QToolButton,
    QWidget,
)

from monai_attn.napari.dock.place import is_small
from monai_attn.napari.dock.tabs import TABS
from monai_attn.napari.dock.window import dock_of, tab_key

pytestmark = pytest.mark.gui

KEYS = {f"Alt+{number + 1}": getattr(Qt.Key, f"Key_{number + 1}") for number in range(9)}


def wheel(box: QWidget) -> None:
    """Turn the mouse wheel over a box, as a user who scrolls does."""
    middle = QPointF(box.rect().center())
    turn = QPoint(0, -120)
    nothing = Qt.MouseButton.NoButton
    event = QWheelEvent(
        middle, QPointF(box.mapToGlobal(middle.toPoint())), turn, turn, nothing, Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(box, event)


def values(page: QWidget) -> list[Any]:
    """What all boxes of a page are set to."""
    return [
        *(box.currentIndex() for box in page.findChildren(QComboBox)),
        *(box.text() for box in page.findChildren(QAbstractSpinBox)),
        *(box.value() for box in page.findChildren(QSlider)),
    ]


def test_the_dock_from_the_first_tab_to_the_last(make_napari_viewer, plugin, plugin_settings, qtbot, monkeypatch):
    viewer = make_napari_viewer(show=True)
    window = viewer.window._qt_window
    dock = dock_of(viewer)
    assert list(dock.panels) == ["Open"]  # the others are made when they are shown
    viewer.open_sample("monai_attn", "phantom")
    window.activateWindow()
    qtbot.waitUntil(lambda: window.isActiveWindow(), timeout=5000)
    for number, tab in enumerate(TABS):
        QTest.keyClick(window, KEYS[tab_key(tab.title)], Qt.KeyboardModifier.AltModifier)
        qtbot.waitUntil(lambda title=tab.title: dock.shown == title, timeout=2000)
        assert list(dock.panels) == [one.title for one in TABS[: number + 1]]
        page = dock.panels[tab.title]
        assert page.isVisible()
        assert page.main.isVisibleTo(dock)
        below = page.main.mapTo(dock, QPoint(0, page.main.height()))
        assert below.y() <= dock.height()  # in view without scrolling

        quiet = [
            part for part in page.findChildren(QWidget)
            if isinstance(part, (QAbstractButton, QComboBox, QAbstractSpinBox, QLineEdit, QSlider))
            and not part.toolTip() and not isinstance(part.parent(), (QComboBox, QAbstractSpinBox))
            and not part.objectName().startswith("qt_") and type(part) is not QAbstractButton
        ]  # fmt: skip
        assert [(type(part).__name__, getattr(part, "text", str)()) for part in quiet] == [], tab.title

        nameless = [
            label.text() for form in page.findChildren(QFormLayout) for row in range(form.rowCount())
            if (item := form.itemAt(row, QFormLayout.ItemRole.LabelRole)) is not None
            and not (label := item.widget()).toolTip()
        ]  # fmt: skip
        assert nameless == [], tab.title  # each label has a sentence

        for fold in page.findChildren(QToolButton):
            if fold.isCheckable():
                fold.setChecked(True)
        before = values(page)
        for box in (*page.findChildren(QComboBox), *page.findChildren(QAbstractSpinBox), *page.findChildren(QSlider)):
            box.clearFocus()
            wheel(box)
        assert values(page) == before, tab.title
    assert viewer.layers.selection.active._type_string == "labels"  # what Save saves
    assert window.minimumSizeHint().width() <= 1000
    assert window.minimumSizeHint().height() <= 600

    spin = dock.panels["Correct"].diameter
    spin.setValue(17)
    ours = next(one for one in window.findChildren(QDockWidget) if one.isAncestorOf(dock))
    asked = []
    dock.asking = lambda *said: bool(asked.append(said[1]))  # "Stay"
    dock.panels["Segment"].stopping.setEnabled(True)  # as during a run
    ours.titleBarWidget().close_button.click()
    assert asked == ["Still running: Segment."]
    assert dock.parentWidget() is not None
    dock.panels["Segment"].stopping.setEnabled(False)
    look = dock.panels["Look"]
    look.centre.setValue(100)
    ours.titleBarWidget().close_button.click()
    assert dock.panels["Correct"].parentWidget() is None  # let go of the viewer
    again = dock_of(viewer)
    again.show_tab("Correct")
    assert again.panels["Correct"].diameter.value() == 17
    assert again.panels["Correct"].brush.on
    image = next(layer for layer in viewer.layers if layer._type_string == "image")
    image.contrast_limits = (0, 80)
    assert (look.centre.value(), look.width_.value()) == (40, 80)  # it follows the viewer again


def test_the_tab_segment_costs_the_windows_thread_half_a_second_of_cpu_at_most(
    make_napari_viewer, plugin, plugin_settings
):
    viewer = make_napari_viewer(show=False)
    dock = dock_of(viewer)
    viewer.open_sample("monai_attn", "mni152")
    began = time.thread_time()
    panel = dock.show_tab("Segment")
    panel.refresh()
    assert panel.check.estimate is not None
    assert time.thread_time() - began < 0.5


def test_the_names_of_the_panels_lead_to_the_tabs_of_one_dock(make_napari_viewer, plugin, plugin_settings, qtbot):
    viewer = make_napari_viewer(show=False)
    for title in ("Look", "Save all"):
        _, lead = viewer.window.add_plugin_dock_widget("monai_attn", title)
        assert lead.panel.main is not None
        qtbot.waitUntil(lambda: len(viewer.window.dock_widgets) == 1, timeout=5000)
    (dock,) = viewer.window.dock_widgets.values()
    assert dock.shown == "Save"
    assert list(dock.panels) == ["Open", "Look", "Save"]


def test_the_keys_press_the_main_button_and_stop(make_napari_viewer, plugin, plugin_settings):
    viewer = make_napari_viewer(show=False)
    dock = dock_of(viewer)
    page = dock.show_tab("Look")
    pressed = []
    page.main.clicked.connect(lambda: pressed.append("main"))
    page.main.toggled.disconnect()
    dock.press_main()
    segment = dock.show_tab("Segment")
    segment.stopping.setEnabled(True)
    segment.stopping.clicked.connect(lambda: pressed.append("stop"))
    dock.show_tab("Look")
    dock.press_stop()
    assert pressed == ["main", "stop"]


@pytest.mark.parametrize(("size", "small"), [((1280, 800), False), ((1366, 768), False), ((910, 512), True)])
def test_a_small_screen_has_the_docks_as_tabs_of_each_other(
    make_napari_viewer, plugin, plugin_settings, qtbot, monkeypatch, size, small
):
    assert is_small(QSize(*size)) is small
    if not small:
        return
    monkeypatch.setattr("monai_attn.napari.dock.place.is_small", lambda _: True)
    viewer = make_napari_viewer(show=True)
    dock = dock_of(viewer)
    viewer.open_sample("monai_attn", "phantom")
    window = viewer.window._qt_window
    ours = next(one for one in window.findChildren(QDockWidget) if one.isAncestorOf(dock))
    qtbot.waitUntil(lambda: len(window.tabifiedDockWidgets(ours)) >= 2, timeout=5000)
    dock.show_tab("Segment")
    assert window.minimumSizeHint().width() <= 910
    assert window.minimumSizeHint().height() <= 500
    assert dock.findChildren(QLabel)
