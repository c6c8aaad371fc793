"""What the tab Segment needs is imported in pieces, before the tab is shown."""

from __future__ import annotations

import os
import subprocess
import sys

SCRIPT = """
import sys, time
from qtpy.QtCore import QCoreApplication, QObject
from monai_attn.napari.dock.ahead import PIECES, ImportAhead
app, parent = QCoreApplication([]), QObject()
ahead = ImportAhead(parent)
assert not set(PIECES) & set(sys.modules)
end = time.monotonic() + 200
while ahead._timer.isActive() and time.monotonic() < end:
    app.processEvents()
assert set(PIECES) <= set(sys.modules), set(PIECES) - set(sys.modules)
before = set(sys.modules)
import monai_attn.napari.segment.panel
assert before == set(sys.modules)
print(*sorted({'torch', 'monai', 'openvino'} & before))
"""


def test_the_modules_of_the_tab_segment_are_imported_one_by_one_and_torch_is_not():
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT]
    run = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300, env=environment)
    assert run.stdout.strip() == ""
