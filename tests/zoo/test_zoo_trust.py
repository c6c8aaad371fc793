"""What a bundle would run is shown before it runs, the dangerous part first; a yes holds until the code changes."""

from __future__ import annotations

import importlib.util
import json
import os
import py_compile
import subprocess
import sys
from pathlib import Path

import pytest
from zoo_bundle import config, write_bundle

from monai_attn.bundle.code import code_of_bundle, code_of_config
from monai_attn.bundle.describe import describe_bundle
from monai_attn.bundle.expressions import is_harmless_expression
from monai_attn.bundle.harmless import is_harmless_target
from monai_attn.bundle.locate import shipped
from monai_attn.bundle.scripts import make_scripts_importable
from monai_attn.bundle.trust import is_trusted, pieces_of, remember_trust, require_trust
from monai_attn.cli.main import main
from monai_attn.errors import BundleError, TrustError


@pytest.mark.parametrize(
    "target",
    [
        "monai.utils.run_cmd",
        "monai.utils.misc.run_cmd",
        "run_cmd",
        "monai.bundle.download",
        "monai.apps.download_url",
        "monai.data.NumpyReader",
        "monai.transforms.LoadImage",
        "monai.handlers.CheckpointSaver",
        "monai.networks.nets.FlexibleUNet",
        "monai.utils.misc.subprocess.run",
        "torch.load",
        "torch.hub.load",
        "torch.os.system",
        "torch.nn.functional.warnings.sys.exit",
        "numpy.load",
        "numpy.save",
        "monai_attn.cli.main.main",
        "monai_attn.transforms.os.system",
        "subprocess.run",
        "scripts.own.Net",
        "@name",
        "$os.system",
        "%name",
    ],
)
def test_a_target_that_may_run_load_or_write_is_shown(target):
    (piece,) = [piece for piece in code_of_config({"network_def": {"_target_": target}}) if piece.matters]
    assert (piece.text, piece.place) == (target, "network_def")


@pytest.mark.parametrize(
    "target",
    [
        "UNet",
        "monai.networks.nets.SegResNet",
        "monai.transforms.spatial.dictionary.Spacingd",
        "Invertd",
        "torch.nn.Conv3d",
        "torch.device",
        "numpy.array",
        "monai_attn.transforms.LoadVolumed",
        "monai_attn.bundle.guard.check",
    ],
)
def test_a_target_that_only_computes_is_no_danger(target):
    assert is_harmless_target(target)


@pytest.mark.parametrize(
    "expression",
    [
        "$import glob",
        "$import torch.nn.functional as F",
        "$from pathlib import Path",
        "$sorted(glob.glob(os.path.join(@dataset_dir, '*.nii.gz')))",
        "$@bundle_root + '/models/model.pt'",
        "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "$@network_def.to(@device)",
        "$[{'image': name} for name in @datalist]",
        "$@evaluator.run()",
        "$lambda x: torch.argmax(x, dim=1).float()",
        "$monai.utils.set_determinism(seed=1)",
        "$np.float32",
        "$None",
        "$1 if @a::b#c else 2",
        "$setattr(torch.backends.cudnn, 'benchmark', True)",
    ],
)
def test_an_expression_that_only_computes_is_no_danger(expression):
    assert is_harmless_expression(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "$os.system('ls')",
        "$__import__('os').system('ls')",
        "$open('a', 'w').write('b')",
        "$eval('1')",
        "$sorted(@names, key=os.system)",
        "$[f('ls') for f in [os.system]]",
        "$[f('ls') for f in @functions]",
        "$@function('ls')",
        "$[len('ls') for len in @functions]",
        "$(lambda: 0)()",
        "$@module.system('ls')",
        "$@module.replace('a', 'b')",
        "$().__class__.__mro__[1].__subclasses__()",
        "$torch.load(@path)",
        "$np.load(@path, allow_pickle=True)",
        "$pathlib.Path('a').touch()",
        "$getattr(os, 'system')",
        "$import subprocess",
        "$import os as glob",
        "$import scripts",
        "$from os import system",
        "$from . import scripts",
        "$import glob; import subprocess",
        "$x = 1",
        "$this is no Python",
        "$(os := @module)",
        "$setattr(torch.backends.cudnn, 'benchmark', @function('ls'))",
        "$setattr(torch, 'load', @function)",
    ],
)
def test_an_expression_that_may_do_more_is_shown(expression):
    assert not is_harmless_expression(expression)


def test_what_matters_comes_first_scripts_with_their_sizes(tmp_path):
    inference = {**config(), "zzz": {"_target_": "monai.utils.run_cmd", "cmd_list": ["ls"]}, "last": "$os.system('ls')"}
    root = write_bundle(tmp_path / "foreign", inference, scripts={"own.py": "x = 1\n"})
    for name in ("scripts/inner/deep.py", "top.py", "scripts/run.sh"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("y = 2\n" * 400)
    (root / "scripts" / "__pycache__").mkdir()
    (root / "scripts" / "__pycache__" / "own.cpython-311.pyc").write_bytes(b"old")
    shown = [str(piece) for piece in pieces_of(root) if piece.matters]
    assert shown == [
        "scripts/__init__.py (0 bytes)",
        "scripts/inner/deep.py (2.4 kB)",
        "scripts/own.py (6 bytes)",
        "scripts/run.sh (2.4 kB)",
        "top.py (2.4 kB)",
        "monai.utils.run_cmd (zzz)",
        "$os.system('ls') (last)",
    ]
    assert [piece.matters for piece in pieces_of(root)] == [True] * 7 + [False] * (len(pieces_of(root)) - 7)


def test_code_in_the_metadata_and_the_debugger_are_shown(tmp_path):
    root = write_bundle(tmp_path / "foreign", {**config(), "debug": {"_target_": "UNet", "_mode_": "debug"}})
    file = root / "configs" / "metadata.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "authors": "$os.system('ls')"}))
    assert [str(piece) for piece in pieces_of(root) if piece.matters] == [
        "UNet (debug)",
        "$os.system('ls') (_meta_::authors)",
    ]


def test_a_target_that_another_part_makes_is_shown():
    (piece,) = [piece for piece in code_of_config({"a": {"_target_": ["os.system"]}}) if piece.matters]
    assert str(piece) == "['os.system'] (a)"


def test_a_part_from_another_file_is_shown_with_what_it_runs(tmp_path):
    root = write_bundle(tmp_path / "foreign", {**config(), "network_def": "%configs/parts.json::nets::small"})
    parts = {"nets": {"small": "%configs/more.yaml#net"}}
    (root / "configs" / "parts.json").write_text(json.dumps(parts))
    (root / "configs" / "more.yaml").write_text("net:\n  _target_: subprocess.run\n")
    assert [str(piece) for piece in pieces_of(root) if piece.matters] == [
        "subprocess.run (network_def)",
        "%configs/parts.json::nets::small (network_def)",
    ]


@pytest.mark.parametrize(
    ("macro", "sentence"),
    [
        ("%configs/none.json::a", "takes a part from a file that is missing: %configs/none.json::a"),
        ("%configs/inference.json::nothing", "takes a part that inference.json does not have"),
        ("%configs/inference.json::round", "has a macro that contains itself"),
    ],
)
def test_a_macro_that_leads_nowhere_is_a_sentence(tmp_path, macro, sentence):
    root = write_bundle(tmp_path / "foreign", {**config(), "round": macro})
    with pytest.raises(BundleError, match=sentence):
        describe_bundle(root)


def test_our_own_bundles_run_nothing_to_segment_that_matters():
    for root in shipped().values():
        assert [str(piece) for piece in pieces_of(root) if piece.matters] == []


def test_the_refusal_shows_what_matters_and_counts_the_rest(tmp_path):
    root = write_bundle(tmp_path / "foreign", {**config(), "x": {"_target_": "subprocess.run"}}, scripts={"own.py": ""})
    with pytest.raises(TrustError) as refused:
        require_trust(root, trust=False)
    harmless = sum(not piece.matters for piece in pieces_of(root))
    assert str(refused.value) == (
        "The bundle foreign did not come with monai_attn, and opening it runs its code:\n"
        "  scripts/__init__.py (0 bytes)\n"
        "  scripts/own.py (0 bytes)\n"
        "  subprocess.run (x)\n"
        f"  and {harmless} pieces that only compute\n"
        "All of it: monai-attn info BUNDLE --code. If you trust its source, say trust=True (or --trust)."
    )


def test_a_bundle_that_only_computes_still_asks(tmp_path):
    with pytest.raises(TrustError, match=r"\n  \d+ pieces that only compute\n"):
        require_trust(write_bundle(tmp_path / "foreign"), trust=False)


@pytest.mark.parametrize("changed", ["scripts/own.py", "configs/inference.json", "configs/metadata.json", "new.py"])
def test_trust_is_remembered_until_a_file_changes(tmp_path, changed):
    root = write_bundle(tmp_path / "foreign", scripts={"own.py": "x = 1\n"})
    remember_trust(root)
    require_trust(root, trust=False)
    (root / "models" / "model.pt").write_bytes(b"other weights")
    assert is_trusted(root)
    file = root / changed
    file.write_text((file.read_text() if file.is_file() else "") + "\n")
    with pytest.raises(TrustError):
        require_trust(root, trust=False)


def test_trust_ends_when_the_file_of_a_macro_changes(tmp_path):
    other = tmp_path / "elsewhere.json"
    other.write_text('{"net": {"_target_": "UNet"}}')
    root = write_bundle(tmp_path / "foreign", {**config(), "network_def": f"%{other}::net"})
    remember_trust(root)
    assert is_trusted(root)
    other.write_text('{"net": {"_target_": "subprocess.run"}}')
    assert not is_trusted(root)


def test_trust_in_one_bundle_is_no_trust_in_another(tmp_path):
    remember_trust(write_bundle(tmp_path / "one"))
    assert not is_trusted(write_bundle(tmp_path / "two"))


def test_a_damaged_memory_of_trust_trusts_nobody(tmp_path):
    root = write_bundle(tmp_path / "foreign")
    remember_trust(root)
    Path(os.environ["MONAI_ATTN_HOME"], "trusted_bundles.json").write_text("[1")
    assert not is_trusted(root)
    remember_trust(root)
    assert is_trusted(root)


def test_a_refusal_loads_no_torch_and_takes_half_a_second(tmp_path):
    root = write_bundle(tmp_path / "foreign", scripts={f"part{number}.py": "x = 1\n" for number in range(30)})
    (tmp_path / "t1.nii.gz").write_bytes(b"")
    command = ["segment", str(tmp_path / "t1.nii.gz"), "-b", str(root), "-o", str(tmp_path / "o")]
    code = (
        f"import sys, time; from monai_attn.cli.main import main; code = main({command});"
        "print(code, *sorted({'torch', 'monai'} & set(sys.modules)), time.process_time() < 2)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["2", "True"]
    assert "opening it runs its code" in run.stderr
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("name", ["inference.json", "metadata.json"])
@pytest.mark.parametrize("content", [b"{", b"[1, 2]", b'{"a": 1,}', b"\xff\xfe\x00", b""])
def test_malformed_json_is_a_sentence(tmp_path, name, content, capsys):
    root = write_bundle(tmp_path / "foreign")
    (root / "configs" / name).write_bytes(content)
    assert main(["info", str(root)]) == 2
    assert f"foreign/configs/{name} " in capsys.readouterr().err


@pytest.mark.parametrize("content", ["a: [1", "- 1", "a: !!python/object/apply:os.system ['ls']", "a: b: c", "\t"])
def test_malformed_yaml_is_a_sentence(tmp_path, content, capsys):
    root = write_bundle(tmp_path / "foreign")
    (root / "configs" / "inference.json").unlink()
    (root / "configs" / "inference.yaml").write_text(content)
    assert main(["info", str(root)]) == 2
    assert "foreign/configs/inference.yaml " in capsys.readouterr().err


def test_every_piece_of_code_is_listed_once(tmp_path):
    root = write_bundle(tmp_path / "foreign")
    texts = [piece.text for piece in code_of_bundle(config(), root)]
    assert len(texts) == len(set(texts)) > 10


def test_all_the_code_is_listed_on_request(tmp_path, capsys):
    root = write_bundle(tmp_path / "foreign", scripts={"own.py": ""})
    assert main(["info", str(root), "--code"]) == 0
    printed = capsys.readouterr().out
    assert "trusted        no" in printed
    assert "may do more    scripts/__init__.py (0 bytes)" in printed
    assert all(str(piece) in printed for piece in pieces_of(root))
    remember_trust(root)
    assert main(["info", str(root), "--code"]) == 0
    assert "trusted        yes" in capsys.readouterr().out


def test_scripts_run_as_they_were_shown_whatever_lies_in_pycache(tmp_path, monkeypatch):
    root = write_bundle(tmp_path / "foreign", scripts={"own.py": "VALUE = 'evil'\n"})
    own = root / "scripts" / "own.py"
    py_compile.compile(str(own), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    own.write_text("VALUE = 'shown'\n")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "path_hooks", list(sys.path_hooks))
    make_scripts_importable(root)
    assert importlib.import_module("scripts.own").VALUE == "shown"
    for name in ("scripts.own", "scripts"):
        del sys.modules[name]
    assert [path.name for path in root.rglob("*.pyc")] == [Path(importlib.util.cache_from_source("own.py")).name]


def test_scripts_in_a_folder_without_init_are_found_each_time_a_bundle_is_opened(tmp_path, monkeypatch):
    from pydoc import locate

    monkeypatch.setattr(sys, "path", list(sys.path))
    root = write_bundle(tmp_path / "unest")
    (root / "scripts" / "networks").mkdir(parents=True)
    (root / "scripts" / "networks" / "own.py").write_text("class Net:\n    pass\n")
    for _ in range(3):
        make_scripts_importable(root)
        assert locate("scripts.networks.own.Net") is not None


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
@pytest.mark.parametrize("place", ["linked", "scripts/__pycache__"])
def test_trust_ends_when_a_script_behind_a_link_or_beside_compiled_ones_changes(tmp_path, place):
    """Such scripts were neither shown nor did a change of them end the trust."""
    root = write_bundle(tmp_path / "somebodys")
    (root / "scripts").mkdir(exist_ok=True)
    folder = tmp_path / "elsewhere" if place == "linked" else root / place
    folder.mkdir()
    if place == "linked":
        (root / "scripts" / "linked").symlink_to(folder)
    (folder / "net.py").write_text("WIDTH = 8")
    assert any(piece.text.endswith("net.py") for piece in pieces_of(root))
    remember_trust(root)
    assert is_trusted(root)
    (folder / "net.py").write_text("WIDTH = 9")
    assert not is_trusted(root)


@pytest.mark.parametrize("name", ["LoadImaged", "SaveImaged", "LoadImageDict"])
def test_a_reader_or_writer_within_an_expression_is_shown(name):
    """Only as a `_target_` are these replaced by our own."""
    assert is_harmless_target(f"monai.transforms.{name}")
    assert not is_harmless_expression(f"$monai.transforms.{name}(keys='x', output_dir='out')")


def test_trust_that_cannot_be_remembered_holds_for_this_run(tmp_path, monkeypatch, caplog):
    """The command ended before it segmented anything."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("MONAI_ATTN_HOME", str(tmp_path / "file" / "home"))
    remember_trust(write_bundle(tmp_path / "somebodys"))
    assert "could not be remembered" in caplog.text
