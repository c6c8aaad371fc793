"""The panel "Save all": what it says, names and offers belongs to the case that is open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from corrected import opened, phantom

from monai_attn.napari.save.panel import SaveAllWidget

pytestmark = pytest.mark.gui


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The errors that are shown. The report is not drawn: its pictures take seconds."""
    said: list[str] = []
    monkeypatch.setattr("monai_attn.napari.save.panel.show_error", said.append)
    monkeypatch.setattr("monai_attn.napari.save.saving.case_page", lambda *page: "<html>")  # noqa: ARG005
    return said


def panel_of(viewer: Any, qtbot: Any, folder: Path) -> SaveAllWidget:
    """The panel without a window, which saves into a folder."""
    panel = SaveAllWidget(viewer)
    qtbot.addWidget(panel)
    panel.folder.setText(str(folder))
    return panel


def save(panel: SaveAllWidget, qtbot: Any) -> None:
    """Press the button, and wait for the end."""
    panel.save.click()
    qtbot.waitUntil(lambda: panel.worker is None, timeout=60000)


def test_what_was_saved_before_is_not_said_of_a_saving_that_was_refused(
    qtbot: Any, tmp_path: Path, shown: list[str]
) -> None:
    viewer, _, _ = opened(phantom())
    panel = panel_of(viewer, qtbot, tmp_path)
    save(panel, qtbot)
    assert panel.said.text().startswith("Saved: case_1")
    with qtbot.captureExceptions() as raised:
        save(panel, qtbot)
    assert raised == []
    assert shown == [
        "case_1_seg.nii.gz exists and is not overwritten. Choose another folder or case, or tick 'replace files that "
        "exist' below Advanced."
    ]
    assert panel.replace.text() in shown[0]
    assert panel.said.text() == "Nothing was written."
    panel.replace.setChecked(True)
    save(panel, qtbot)
    assert panel.said.text().startswith("Saved: case_1")
    panel.case.setText("a/b")
    save(panel, qtbot)
    assert panel.said.text() == ""
    assert len(shown) == 2
