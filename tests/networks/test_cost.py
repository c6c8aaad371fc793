"""The cost of the family, and the command that prints it."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

import pytest
import torch

from monai_attn.cli import network as command
from monai_attn.errors import InputError
from monai_attn.networks import ATTENTION
from monai_attn.networks.cost import Cost, count_gflop, count_parameters, family, measure_peak_mib


def members(*attentions, channels=(4, 8), strides=(2,)):
    return {member.name: member for member in family(attentions, channels, strides)}


def run(*arguments):
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    args = parser.parse_args(["network", *arguments])
    return args.run(args)


def test_the_family_starts_with_no_attention_and_ends_with_other_designs():
    assert list(members("gate", "none", "gate", "local")) == [
        "AttnUNet none", "AttnUNet gate", "AttnUNet local", "AttnUNet none, ASPP", "AttnFCN none",
    ]  # fmt: skip


def test_parameters_and_gflop_by_hand():
    # Convolutions of 27 weights a pair of channels: 1>4, 4>4 and 8>4, 4>4 on the grid of 512 voxels, 4>8 and 8>8 on
    # that of 64; from 8 to 4 channels by a transposed convolution of 8 weights a pair; 4>3 by one of 1.
    fine, coarse, up, head = 27 * (4 + 16 + 32 + 16), 27 * (32 + 64), 8 * 32, 12
    norms, biases = 2 * (4 * 4 + 2 * 8), 4 + 3
    member = members()["AttnUNet none"]
    assert count_parameters(member.build(3)) == fine + coarse + up + head + norms + biases
    # Each weight multiplies and adds once a voxel; those of the transposed convolution once a coarse voxel.
    assert count_gflop(member, (8, 8, 8)) * 1e9 == pytest.approx(2 * (512 * (fine + head) + 64 * (coarse + up)))


def test_the_products_of_self_attention_are_counted():
    # 8 windows of 64 neighbours, one head of 16 channels: 64 x 64 scores and as many values taken, 2 * 16 each.
    products = 8 * 2 * (2 * 16 * 64 * 64)
    projections = 512 * 2 * (4 * 48 + 16 * 4)
    plain, local = (count_gflop(members("local")[f"AttnUNet {name}"], (8, 8, 8)) for name in ("none", "local"))
    assert (local - plain) * 1e9 == pytest.approx(products + projections)


@torch.no_grad()
def test_the_count_without_data_is_that_with_data():
    for member in members(*ATTENTION).values():
        with torch.utils.flop_counter.FlopCounterMode(display=False) as counter:
            member.build(3)(torch.zeros(1, 1, 8, 8, 8))
        assert count_gflop(member, (8, 8, 8)) == counter.get_total_flops() / 1e9


def test_the_spread_and_the_ratio_of_rounds():
    none = Cost("a", 1, 1.0, (1.0, 2.0, 3.0, 4.0, 5.0), (1.0, 1.0, 2.0, 1.0, 1.0), None)
    other = Cost("b", 1, 1.0, (1.0,), (3.0, 3.0, 6.0, 1.0, 9.0), None)
    assert none.spread == (2.0, 3.0, 4.0)
    assert other.spread == (1.0, 1.0, 1.0)
    assert other.times(none) == 3.0


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak of memory is read from Linux's /proc")
def test_the_peak_of_memory_holds_the_features_and_grows_with_the_image():
    member = members(channels=(16, 16))["AttnUNet none"]
    small, large = (measure_peak_mib(member, (side,) * 3) for side in (48, 96))
    finest = 16 * 96**3 * 4 / 2**20  # MiB of one feature of the finest level
    assert 2 * finest < large < 20 * finest
    assert 4 < large / small < 16  # eight times the voxels


def test_a_table_and_json_of_the_same_members(capsys, monkeypatch):
    monkeypatch.setattr("monai_attn.networks.cost.measure_peak_mib", lambda *_: 12.0)  # processes of their own: slow
    options = [
        "--attention",
        "gate",
        "--channels",
        "4",
        "8",
        "--strides",
        "1,2,2",
        "--size",
        "6",
        "8",
        "8",
        "--runs",
        "3",
    ]
    assert run(*options, "--threads", "1") == 0
    table = capsys.readouterr().out
    assert "| AttnUNet gate | " in table
    assert "One image of 6 x 8 x 8, channels [4, 8], strides [[1, 2, 2]]; median of 3 interleaved" in table
    assert run(*options, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in told["members"]] == list(members("gate"))
    assert told["members"][0]["times_none"] == 1
    assert all(len(row["seconds"]) == len(row["cpu_seconds"]) == 3 for row in told["members"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--attention", "gates"], "Unknown attention 'gates'. Choose one of none, gate"),
        (["--runs", "0"], "--runs is 1 or more, not 0."),
        (["--threads", "0"], "--threads is 1 or more, not 0."),
        (["--size", "8", "8"], "--size is 1 or 3 positive numbers, not 8 8."),
        (["--size", "-8"], "--size is 1 or 3 positive numbers, not -8."),
        (["--channels", "4", "0"], "--channels are positive, not 4 0."),
        (["--channels", "4", "8", "--strides", "2", "2"], "2 levels need 1 strides between them"),
        (["--strides", "2", "2,2", "2"], "A stride is a positive whole number or 3 of them"),
    ],
)
def test_bad_values_are_refused_and_named(options, message):
    with pytest.raises(InputError) as refused:
        run(*options)
    assert message in str(refused.value)


def test_a_stride_that_is_no_number_is_refused_by_the_parser(capsys):
    with pytest.raises(SystemExit):
        run("--strides", "2x2")
    assert "a stride is written 2 or 1,2,2, not '2x2'" in capsys.readouterr().err


def test_the_parser_loads_neither_torch_nor_monai():
    code = "import sys, monai_attn.cli.network; sys.exit('torch' in sys.modules or 'monai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
