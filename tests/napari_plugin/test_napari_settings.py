"""The settings page of the manifest, and what we read from it."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from napari.settings import get_plugin_settings
from npe2 import PluginManager

from monai_attn.errors import InputError
from monai_attn.napari.settings import PLUGIN, Settings, settings


@pytest.fixture
def given(plugin_settings: None, plugin: PluginManager) -> object:
    return get_plugin_settings(PLUGIN)


def test_without_the_plugin_the_defaults_hold(plugin_settings: None) -> None:
    assert settings() == Settings()


def test_the_defaults_of_the_manifest_are_ours(given: object) -> None:
    assert settings() == Settings()
    groups = [getattr(given, name) for name in ("display", "computing", "folders")]
    assert sum(len(type(group).model_fields) for group in groups) == len(fields(Settings))


def test_every_setting_is_read(given: object, tmp_path: Path) -> None:
    given.display.convention, given.display.legend = "neurological", False
    given.display.window_ct, given.display.window_pet, given.display.window_mr = "-600/1500", "2.5/5", "5-95 %"
    given.computing.device, given.computing.threads = "cuda:1", 4
    given.folders.images = given.folders.results = given.folders.bundles = str(tmp_path)
    assert settings() == Settings(
        False, False, "-600/1500", "2.5/5", "5-95 %", "cuda:1", 4, tmp_path, tmp_path, tmp_path
    )
    assert [settings().window_of(kind) for kind in ("CT", "PT", "")] == ["-600/1500", "2.5/5", "5-95 %"]


def test_a_wrong_setting_is_refused_by_its_name(given: object) -> None:
    given.display.window_ct = "wide"
    with pytest.raises(InputError, match=r"'Window of CT' in Preferences .* centre/width.* Change or empty it there"):
        settings()
    given.display.window_ct = "40/400"
    given.folders.images = given.folders.results = given.folders.bundles = "/nowhere/at all"
    here = settings()  # a folder is checked where it is used
    for name, title in (("images", "Images"), ("results", "Results"), ("bundles", r"Bundles \(models\)")):
        with pytest.raises(InputError, match=rf"'{title}' .* no folder 'at all'"):
            getattr(here, name)


def test_napari_refuses_values_out_of_bounds(given: object) -> None:
    with pytest.raises(ValueError, match="enum"):
        given.display.convention = "upside down"
    with pytest.raises(ValueError, match="greater than or equal"):
        given.computing.threads = -1
