"""What the tests of the plugin share: the plugin registered, and volumes as files."""

from __future__ import annotations

from pathlib import Path

import pytest
from napari.components import ViewerModel
from npe2 import PluginManager, PluginManifest
from npe2._pytest_plugin import TestPluginManager

import monai_attn.napari
from monai_attn.napari.keep import rescue

MANIFEST = Path(monai_attn.napari.__file__).with_name("napari.yaml")


@pytest.fixture
def plugin(npe2pm: TestPluginManager) -> PluginManager:
    """napari with our plugin and napari's own; discovery is blocked in tests."""
    npe2pm.register(PluginManifest.from_file(MANIFEST))
    return npe2pm


@pytest.fixture
def model(plugin: PluginManager) -> ViewerModel:
    """A viewer without a window, which can open files with the plugin."""
    return ViewerModel()


@pytest.fixture(autouse=True)
def own_state_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unsaved masks of the tests never reach the user's own state folder."""
    folder = tmp_path_factory.mktemp("state", numbered=True)
    monkeypatch.setattr(rescue, "state_folder", lambda: folder)


@pytest.fixture(autouse=True, scope="session")
def no_state_folder_at_the_end(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nor when the application quits after the last test, which keeps what windows have left: not taken back."""
    folder = tmp_path_factory.mktemp("last_state")

    def state_folder() -> Path:
        """A folder of the tests, in place of the user's."""
        return folder

    rescue.state_folder = state_folder
