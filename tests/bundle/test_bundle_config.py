"""A config is read, walked, looked up and changed in one file, and a damaged one is a sentence."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from tiny_bundle import config, make_bundle

import monai_attn
from monai_attn import Segmenter
from monai_attn.bundle.config import (
    Component,
    components_of,
    config_ids,
    leaves,
    overridden,
    parents_of_id,
    resolve,
    rewritten,
    texts_of,
)
from monai_attn.bundle.locate import read_config, read_metadata
from monai_attn.bundle.settings import read_settings
from monai_attn.cli.main import main
from monai_attn.errors import BundleError

PACKAGE = Path(monai_attn.__file__).parent

ROOMS = ("bundle/", "cases/", "preflight/", "segmenter", "cli/", "cohort/")
"""The rooms that meet configs; others walk what a network gives, tables and records."""

NO_CONFIG = {"cohort/measure.py"}
"""A function there calls one of another room that has its own name."""


def test_a_reference_is_followed_through_others_and_inside_lists():
    settings = {"a": "@b", "b": "@c::d", "c": {"d": [1, "@e"]}, "e": 2.5}
    assert resolve("@a", settings) == [1, 2.5]
    assert resolve(["@e", "image"], settings) == [2.5, "image"]
    assert resolve("@c#d#0", settings) == 1


@pytest.mark.parametrize("said", ["@nothing", "@a::b", "@itself", "$@a + 1", "$[1, 2]", "%other.json::a", 3, None])
def test_what_no_reference_leads_to_stays_as_it_is(said):
    assert resolve(said, {"a": [1], "itself": "@itself"}) == said


def test_references_that_go_round_in_a_list_end():
    assert resolve("@a", {"a": ["@b"], "b": ["@a"]}) == [["@a"]]


def test_components_are_found_at_any_depth_by_the_last_part_of_their_target():
    found = list(components_of(config(), "LoadImaged", "SaveImaged"))
    assert [one.id for one in found] == ["preprocessing::transforms::0", "postprocessing::transforms::2"]
    assert [one.name for one in components_of({"_target_": "monai.transforms.LoadImaged"}, "LoadImaged")] == [
        "LoadImaged"
    ]


def test_ids_leaves_and_texts_of_a_config():
    settings = {"a": {"b": [{"c": 1}, "x"]}, "roi": [8, 8]}
    assert list(config_ids(settings)) == ["a", "a::b", "a::b::0", "a::b::0::c", "a::b::1", "roi", "roi::0", "roi::1"]
    assert list(leaves(settings)) == [("a::b::0::c", 1), ("a::b::1", "x"), ("roi", [8, 8])]
    assert list(texts_of(settings)) == ["x"]
    assert parents_of_id("a#b::0") == ["a", "a::b", "a::b::0"]


def test_overrides_change_a_copy_and_pass_over_what_has_no_place():
    settings = {"inferer": {"overlap": 0.5}, "steps": [{"keys": "a"}]}
    changed = overridden(settings, {"inferer#overlap": 0.25, "steps::0::keys": "b", "no::such": 1, "steps::7": 1})
    assert changed == {"inferer": {"overlap": 0.25}, "steps": [{"keys": "b"}]}
    assert settings == {"inferer": {"overlap": 0.5}, "steps": [{"keys": "a"}]}


def test_rewriting_changes_components_and_copies_the_rest():
    settings = {"outer": {"_target_": "A", "inner": [{"_target_": "B", "keys": ["x"]}]}, "plain": {"a": 1}}
    seen: list[Component] = []
    copy = rewritten(settings, lambda one: seen.append(one) or {**one.settings, "seen": True})
    assert [one.id for one in seen] == ["outer::inner::0", "outer"]
    assert copy["outer"]["seen"]
    assert copy["outer"]["inner"][0] == {"_target_": "B", "keys": ["x"], "seen": True}
    assert "seen" not in settings["outer"]
    assert copy["plain"] == {"a": 1}


BROKEN = {
    "inference.json": [
        '{"a": 1',
        "[1, 2]",
        "\ufeff",
        "[" * 100_000,
        '{"a": "\ud800"}'.encode("utf-8", "surrogatepass"),
    ],
    "inference.yaml": ["a: [1", "a: {b: ]", "- 1\n- 2", "a: &x [*x]", "a: !!python/object:os.system {}", "\t- x: ["],
    "metadata.json": ['{"version": ', "3", "null"],
}


@pytest.mark.parametrize(("name", "content"), [(name, one) for name, some in BROKEN.items() for one in some])
def test_a_damaged_file_of_a_bundle_is_a_sentence(tmp_path, capsys, name, content):
    root = make_bundle(tmp_path / "broken")
    if name == "inference.yaml":
        (root / "configs" / "inference.json").unlink()
    (root / "configs" / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    sentence = rf"^broken/configs/{name} (cannot be read: |must hold an object |is nested too deeply)"
    with pytest.raises(BundleError, match=sentence):
        (read_metadata if name == "metadata.json" else read_config)(root)
    with pytest.raises(BundleError, match=sentence):
        Segmenter.from_bundle(root, trust=True)
    image = tmp_path / "image.nii.gz"
    image.touch()
    assert main(["segment", str(image), "-b", str(root), "-o", str(tmp_path / "out"), "--trust"]) == 2
    assert capsys.readouterr().err.count("\n") <= 8


def test_a_yaml_config_is_read_as_a_json_config_is(tmp_path):
    (tmp_path / "inference.yaml").write_text("inferer:\n  overlap: 0.5\n")
    assert read_settings(tmp_path / "inference.yaml") == {"inferer": {"overlap": 0.5}}


def test_no_config_is_walked_and_no_reference_looked_up_outside_one_file():
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
        walking = sorted(node.name for node in functions if _walks(node))
        if walking and name.startswith(ROOMS) and name not in NO_CONFIG:
            found[name] = walking
    assert found == {"bundle/config.py": ["_resolved", "is_expression", "leaves", "rewritten", "texts_replaced"]}


def _walks(function: ast.FunctionDef) -> bool:
    """Whether it calls itself and asks for a mapping, or looks for the sign of a reference."""
    calls = {
        node.func.id for node in ast.walk(function) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    names = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
    looks_up = any(isinstance(node, ast.Constant) and node.value == "@" for node in ast.walk(function))
    return looks_up or (function.name in calls and bool(names & {"dict", "Mapping"}))
