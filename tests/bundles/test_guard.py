"""What the guard of a bundle refuses before anything runs."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from monai.bundle import ConfigWorkflow
from workbench import BUNDLES, NAMES

from monai_attn.bundle import guard
from monai_attn.errors import BundleError, FileError, OverrideError


def running(bundle, name: str, **overrides):
    """A workflow before `initialize`, made as `monai.bundle run` makes it."""
    path = str(bundle / "configs" / f"{name}.json")
    return ConfigWorkflow(path, workflow_type=name, logging_file=False, **overrides)


def refusal(workflow) -> BaseException:
    with pytest.raises(RuntimeError) as caught:
        workflow.initialize()
    assert caught.value.__cause__ is not None
    return caught.value.__cause__


@pytest.mark.parametrize("original", BUNDLES, ids=NAMES)
class TestGuard:
    def test_a_component_may_gain_an_argument_it_takes(self, original):
        workflow = running(original, "train", **{"network_def::dropout": 0.1, "loss::focal_weight": 0.5})
        workflow.initialize()
        assert workflow.parser["network_def::dropout"] == 0.1

    def test_every_unknown_id_is_named_with_what_comes_close(self, original):
        wrong = refusal(running(original, "train", **{"max_epoch": 3, "network_def::chanels": [8], "validate::x": 1}))
        assert isinstance(wrong, OverrideError)
        for part in ("'max_epoch' (did you mean max_epochs", "(did you mean network_def::channels", "'validate::x'"):
            assert part in str(wrong)

    def test_an_id_of_another_config_is_unknown(self, original):
        assert "'max_epochs'" in str(refusal(running(original, "inference", max_epochs=3)))

    def test_a_new_id_that_something_uses_is_known(self, original):
        running(original, "train", learning="fast", seed="$0 if @learning == 'fast' else 1").initialize()

    def test_the_words_true_and_false_are_booleans(self, original):
        workflow = running(original, "train", resume="false", amp="True")
        workflow.initialize()
        assert workflow.parser.get_parsed_content("resume") is False
        assert workflow.parser.get_parsed_content("amp") is True
        assert "resume is true or false, not 'perhaps'" in str(refusal(running(original, "train", resume="perhaps")))

    def test_an_older_package_is_refused(self, original):
        workflow = running(original, "train")
        workflow.parser["_meta_::required_packages_version"] = {"numpy": "99.0", "monai_attn": "0.1.0"}
        wrong = refusal(workflow)
        assert isinstance(wrong, BundleError)
        assert "needs numpy 99.0 or newer" in str(wrong)

    def test_a_missing_package_is_refused(self, original):
        workflow = running(original, "train")
        workflow.parser["_meta_::required_packages_version"] = {"no_such_package": "1.0"}
        assert "It needs no_such_package 1.0 or newer, and none is installed" in str(refusal(workflow))


def test_outside_a_workflow_the_folder_is_unknown():
    with pytest.raises(BundleError, match="Set bundle_root"):
        guard.bundle_root()


def test_our_sentence_comes_last_only_in_monais_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    guard._end_with_our_sentence()
    assert sys.excepthook is sys.__excepthook__
    command = SimpleNamespace(__spec__=SimpleNamespace(name="monai.bundle.__main__"))
    monkeypatch.setitem(sys.modules, "__main__", command)
    guard._end_with_our_sentence()
    error = RuntimeError("Failed to evaluate")
    error.__cause__ = FileError("Set --weights.")
    sys.excepthook(RuntimeError, error, None)
    assert capsys.readouterr().err.endswith("\nFileError: Set --weights.\n")
