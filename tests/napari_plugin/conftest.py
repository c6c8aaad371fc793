"""What the tests of the plugin share: the plugin registered, and volumes as files."""

from __future__ import annotations

from pathlib import Path

import pytest
from napari.components import ViewerModel
from npe2 import PluginManager, PluginManifest
from npe2._pytest_plugin import TestPluginManager

import monai_attn.napari

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
