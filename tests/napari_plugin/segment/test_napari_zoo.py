"""The list of bundles ends with "Get more…", which lists the model zoo and downloads only when asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from zoo_bundle import write_bundle

from monai_attn.bundle.zoo import zoo_list
from monai_attn.napari.segment.bundles import GET_MORE
from monai_attn.napari.segment.panel import SegmentWidget
from monai_attn.napari.segment.zoo import ZooDialog

pytestmark = pytest.mark.gui


@pytest.fixture
def own(tmp_path, monkeypatch) -> Path:
    """The user's folder of bundles, with one bundle in it, and no network."""
    monkeypatch.setenv("MONAI_ATTN_BUNDLES", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    write_bundle(tmp_path / "spleen_ct_segmentation")
    return tmp_path


def test_get_more_is_the_last_entry_and_leaves_the_choice(own, make_napari_viewer, qtbot):
    panel = SegmentWidget(make_napari_viewer())
    qtbot.addWidget(panel)
    box = panel.form.bundles
    names = [box.itemText(row) for row in range(box.count())]
    assert names[-1] == GET_MORE
    assert "spleen_ct_segmentation" in names
    before = panel.bundle
    box.setCurrentIndex(box.count() - 1)
    box.activated.emit(box.count() - 1)
    assert panel.bundle == before
    (dialog,) = panel.findChildren(ZooDialog)
    assert dialog.isVisible()
    assert dialog.bundles.count() == len(zoo_list())
    dialog.bundles.setCurrentRow([one.name for one in zoo_list()].index("spleen_ct_segmentation"))
    dialog.download.click()  # it is there already
    assert panel.bundle == str(own / "spleen_ct_segmentation")
    dialog.close()


def test_without_a_network_the_dialog_says_so(own, make_napari_viewer, qtbot):
    make_napari_viewer()
    dialog = ZooDialog()
    qtbot.addWidget(dialog)
    dialog.bundles.setCurrentRow([one.name for one in zoo_list()].index("vista3d"))
    dialog.download.click()
    qtbot.waitUntil(lambda: "There is no network" in dialog.status.text(), timeout=20000)
    assert dialog.download.isEnabled()
    assert not (own / "vista3d").exists()
