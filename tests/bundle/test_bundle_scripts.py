"""A bundle imports its own scripts, whatever bundle was opened before."""

from __future__ import annotations

import importlib
import sys

import pytest
from tiny_bundle import make_bundle

from monai_attn.bundle.code import scripts_digest
from monai_attn.bundle.scripts import make_scripts_importable


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "scripts"]:
        del sys.modules[name]


def test_each_bundle_gets_its_own_scripts_and_keeps_what_it_has_made(tmp_path):
    roots = [make_bundle(tmp_path / name, scripts={"own.py": f"def name(): return {name!r}"}) for name in "ab"]
    functions = []
    for root in [*roots, roots[0]]:
        make_scripts_importable(root)
        functions.append(importlib.import_module("scripts.own").name)
    assert [function() for function in functions] == ["a", "b", "a"]
    assert sys.path.count(str(roots[0].resolve())) == 1


def test_other_modules_and_bundles_without_scripts_change_nothing(tmp_path):
    before, path = set(sys.modules), list(sys.path)
    make_scripts_importable(make_bundle(tmp_path / "plain"))
    assert (set(sys.modules), sys.path) == (before, path)


def test_the_digest_of_the_scripts_changes_with_a_script_and_with_a_name(tmp_path):
    """Cases counted as done after a script or the name of a label had changed."""
    root = make_bundle(tmp_path / "somebodys", scripts={"own.py": "WIDTH = 8"})
    before = scripts_digest(root, {1: "liver"})
    assert scripts_digest(root, {1: "liver"}) == before
    assert scripts_digest(root, {1: "spleen"}) != before
    (root / "scripts" / "own.py").write_text("WIDTH = 9")
    assert scripts_digest(root, {1: "liver"}) != before


def test_the_finder_and_its_template_count_in_the_digest(tmp_path):
    finder = {"kind": "registration", "template": "head.nii.gz", "size_mm": [1, 2, 3]}
    (tmp_path / "head.nii.gz").write_bytes(b"one")
    before = scripts_digest(tmp_path, {}, finder)
    assert scripts_digest(tmp_path, {}, finder) == before != scripts_digest(tmp_path, {})
    assert scripts_digest(tmp_path, {}, {**finder, "size_mm": [1, 2, 4]}) != before
    (tmp_path / "head.nii.gz").write_bytes(b"two")
    assert scripts_digest(tmp_path, {}, finder) != before
