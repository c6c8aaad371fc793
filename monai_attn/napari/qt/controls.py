"""Buttons, numbers and rows, as our panels have them.

They only build widgets of Qt: no panel, layer or setting is known here. Panels give the texts and the actions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from monai_attn.napari.qt.calm import CalmDoubleSpinBox

__all__ = ["button", "check_box", "releasing", "row", "spin", "switch"]


def spin(value: float, limits: tuple[float, float], suffix: str = "", tip: str = "") -> QDoubleSpinBox:
    """A number between two limits, with one decimal.

    `suffix` is the unit with a blank before it, such as " mm"; `tip` is shown when the mouse rests on the box. Qt moves
    a value beyond the limits to the nearer limit.
    """
    box = CalmDoubleSpinBox()
    box.setRange(*limits)
    box.setDecimals(1)
    box.setValue(value)
    box.setSuffix(suffix)
    box.setToolTip(tip)
    return box


def check_box(text: str, tip: str) -> QCheckBox:
    """A choice between yes and no.

    Not ticked at first; `tip` is shown when the mouse rests on the box.
    """
    box = QCheckBox(text)
    box.setToolTip(tip)
    return box


def switch(text: str, tip: str) -> QPushButton:
    """A button that stays down until it is clicked again.

    Up at first; `tip` is shown when the mouse rests on the button.
    """
    push = QPushButton(text)
    push.setCheckable(True)
    push.setToolTip(tip)
    return push


def button(name: str, tip: str, action: Callable[[str], None]) -> QPushButton:
    """A button that calls `action` with its name.

    The name is shown with a capital letter. One method of a panel can so serve several buttons.
    """
    push = QPushButton(name[:1].upper() + name[1:])
    push.setToolTip(tip)
    push.clicked.connect(lambda: action(name))
    return push


def row(*parts: QWidget) -> QWidget:
    """Parts beside each other.

    From left to right, without margins; the row is not stretched in height.
    """
    line = QWidget()
    layout = QHBoxLayout(line)
    layout.setContentsMargins(0, 0, 0, 0)
    line.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
    for part in parts:
        layout.addWidget(part)
    return line


def releasing(links: Iterable[tuple[Any, Callable[..., None]]]) -> Callable[[], None]:
    """What a panel that is gone does with the (emitter, callback) it was connected by: let go of them.

    The function that is returned disconnects them when it is called; it is meant for `QWidget.destroyed`, and only
    once.
    """

    def release() -> None:
        for emitter, callback in links:
            emitter.disconnect(callback)

    return release
