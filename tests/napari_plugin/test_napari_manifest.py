"""napari finds the plugin as it is installed, and everything the manifest names is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from napari._app_model.constants._menus import is_menu_contributable
from npe2 import PluginManifest

import monai_attn.napari

MANIFEST = Path(monai_attn.napari.__file__).with_name("napari.yaml")


def test_the_installed_package_is_found_as_a_plugin() -> None:
    installed = PluginManifest.from_distribution("monai_attn")
    assert installed.name == "monai_attn"  # npe2 ignores a plugin that is not called like its package
    assert installed.contributions.readers


def test_every_command_of_the_manifest_is_there() -> None:
    manifest = PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()


@pytest.mark.parametrize(
    "title", ["monai-attn", "Open", "Look", "Segment", "Structures", "Correct", "Compare", "Save all", "Learn"]
)
def test_the_panels_have_the_names_of_the_documentation(title: str) -> None:
    widgets = PluginManifest.from_file(MANIFEST).contributions.widgets or []
    assert title in [widget.display_name for widget in widgets]


def test_every_panel_is_also_in_a_menu_that_plugins_may_add_to() -> None:
    contributions = PluginManifest.from_file(MANIFEST).contributions
    menus = contributions.menus
    assert all(is_menu_contributable(menu) for menu in menus)
    listed = {item.command for items in menus.values() for item in items}
    assert listed == {widget.command for widget in contributions.widgets}
