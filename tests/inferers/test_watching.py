"""Whatever the inferer, its windows are counted to the number that was said before, and it is left as it was."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch
from monai.inferers import SimpleInferer, SliceInferer, SlidingWindowInferer
from torch import nn

import monai_attn
from monai_attn.inferers import CPUAutocastInferer, FlippedInferer, StreamingInferer
from monai_attn.inferers.maps import extra_runs, infer_with_maps
from monai_attn.inferers.watching import RunWatch, watch_inferer

ROI = (16, 16, 16)

INFERERS = {
    "sliding": (lambda: SlidingWindowInferer(ROI, sw_batch_size=3, overlap=0.5), True),
    "streaming": (lambda: StreamingInferer(ROI, sw_batch_size=3, overlap=0.5), True),
    "whole": (SimpleInferer, True),
    "flipped": (lambda: FlippedInferer(StreamingInferer(ROI, overlap=0.25), [0, 2]), True),
    "flipped of MONAI's": (lambda: FlippedInferer(SlidingWindowInferer(ROI)), True),
    "in bfloat16": (lambda: CPUAutocastInferer(SlidingWindowInferer(ROI)), True),
    "slices": (lambda: SliceInferer(roi_size=(16, 16), spatial_dim=2), False),
}


class Sharpen(nn.Module):
    """Two classes of an image of two or three dimensions."""

    def forward(self, x):
        return torch.cat([x, -x], dim=1)


@pytest.mark.parametrize("name", INFERERS)
def test_windows_are_counted_to_the_number_that_was_expected(name):
    make, known = INFERERS[name]
    inferer, network, image, seen = make(), Sharpen().eval(), torch.randn(1, 1, 40, 24, 20), []
    watched = watch_inferer(inferer, RunWatch(lambda *counts: seen.append(counts)))
    assert torch.equal(watched(image, network), inferer(image, network))
    done, totals = [done for done, _ in seen], {total for _, total in seen}
    assert done == sorted(set(done))
    assert totals == ({done[-1]} if known else {None})
    count = len(seen)
    inferer(image, network)
    assert len(seen) == count  # neither the inferer nor the network tells any more
    assert not network._forward_hooks


def test_a_flip_for_a_map_is_expected_too():
    seen, image = [], torch.randn(1, 1, 40, 24, 20)
    inferer = SlidingWindowInferer(ROI)
    watch = RunWatch(lambda *counts: seen.append(counts))
    watch.runs += extra_runs(inferer, ["flip_variance"])
    network = Sharpen().eval()
    infer_with_maps(watch_inferer(inferer, watch), network, image, ["flip_variance"], source=network)
    assert seen[-1][0] == seen[-1][1]
    assert extra_runs(FlippedInferer(inferer), ["flip_variance"]) == extra_runs(inferer, ["entropy"]) == 0


@pytest.mark.parametrize("name", INFERERS)
def test_raising_from_progress_stops_the_run_and_leaves_no_hook(name):
    class StopError(Exception):
        pass

    def stop(done: int, total: int | None) -> None:
        raise StopError

    network = Sharpen().eval()
    with pytest.raises(StopError):
        watch_inferer(INFERERS[name][0](), RunWatch(stop))(torch.randn(1, 1, 40, 24, 20), network)
    assert not network._forward_hooks


def test_segmenter_inferers_and_napari_ask_no_object_what_it_has():
    """What one needs of another is in its type; the exceptions ask objects of torch, MONAI and PySide."""
    package = Path(monai_attn.__file__).parent
    rooms = ["segmenter", "inferers", "backends", "napari/segment"]
    found = [
        f"{path.relative_to(package).as_posix()}: {ast.unparse(node)}"
        for room in rooms
        for path in sorted((package / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("hasattr", "getattr")
    ]
    assert found == [
        "segmenter/grid.py: getattr(prediction, 'affine', None)",
        "segmenter/overlapping.py: getattr(prediction, 'ndim', 0)",
        "backends/fingerprint.py: getattr(value, '__qualname__', None)",
        "backends/fingerprint.py: getattr(modules.get(kind.__module__), '__file__', None)",
        "backends/head.py: hasattr(network, '_orig_mod')",
        "napari/segment/loading.py: getattr(builtins, '__feature_import__', None)",
        "napari/segment/loading.py: getattr(builtins, '__orig_import__', None)",
    ]
