"""Every public name exists, explains itself, and is nobody else's in MONAI's eyes."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import linecache
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import monai_attn

PACKAGE = Path(monai_attn.__file__).parent

MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
)

WINDOWED = "monai_attn.napari"
"""The one room that needs an extra at import."""


def load(name: str) -> ModuleType:
    if name.startswith(WINDOWED):
        pytest.importorskip("napari")
    return importlib.import_module(name)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_names_what_is_public_and_has_it(name: str) -> None:
    module = load(name)
    public = getattr(module, "__all__", None)
    if public is None:
        assert module.__file__
        statements = ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body
        assert len(statements) == 1, f"{name} has code and no __all__"
        return
    assert len(set(public)) == len(public)
    assert [item for item in public if not hasattr(module, item)] == []


@pytest.mark.parametrize("name", MODULES)
def test_public_classes_and_functions_have_docstrings(name: str) -> None:
    module = load(name)
    things = [getattr(module, item) for item in getattr(module, "__all__", ())]
    documented = [thing for thing in things if inspect.isclass(thing) or inspect.isfunction(thing)]
    assert [thing.__qualname__ for thing in documented if not thing.__doc__] == []
    assert module.__doc__


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_hold(name: str) -> None:
    linecache.clearcache()  # doctest looks at each file of it again for each example, which takes longer than they do
    assert doctest.testmod(load(name)).failed == 0


@pytest.mark.parametrize("name", monai_attn.__all__)
def test_a_name_of_the_package_is_there_and_listed(name: str) -> None:
    assert getattr(monai_attn, name).__name__.rpartition(".")[2] == name
    assert name in dir(monai_attn)


def test_the_package_says_when_it_lacks_a_name() -> None:
    with pytest.raises(AttributeError, match="monai_attn attribute Segmentor"):
        monai_attn.Segmentor  # noqa: B018


ENTRY_POINTS = {"run", "load", "is_available"}
"""Functions of MONAI's own command line and plugins, which no config asks for by bare name."""


def test_no_class_or_function_repeats_a_name_of_monai() -> None:
    """MONAI looks up a bare `_target_` in every loaded module that begins with "monai", ours too.

    A name it finds twice is an error, so one of ours would break the bundles of others in the process.
    """
    ours = {
        thing: name
        for name in MODULES
        if not name.startswith(WINDOWED)
        for thing, value in vars(load(name)).items()
        if (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__ == name
    }
    taken = _names_of_monai() - ENTRY_POINTS
    assert {thing: name for thing, name in ours.items() if thing in taken} == {}


def _names_of_monai() -> set[str]:
    """What MONAI's own lookup knows; in a process of its own, where our modules are not loaded."""
    code = (
        "import warnings; warnings.simplefilter('ignore')\n"
        "from monai.bundle.config_item import ComponentLocator\n"
        "locator = ComponentLocator(excludes=['monai_attn'])\n"
        "print(*locator._find_classes_or_functions(locator._find_module_names()))"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    names = set(run.stdout.split())
    assert {"UNet", "DiceLoss", "LoadImaged"} <= names
    return names
