"""Labels and certainties of small images, by NumPy, are those of the compiled loops."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from monai_attn.transforms import label_arrays, label_kernels
from monai_attn.transforms.cells import along_axes
from monai_attn.transforms.certainty import ONE

SHAPE = (13, 11, 12)
BOX = (np.array([1, 0, 2]), np.array([11, 10, 10]))
"""Voxels with logits that may be used: some at the border may not."""


def logits_of(channels: int, seed: int) -> np.ndarray:
    """Smooth logits, some of them equal between channels, and some exactly 0."""
    generator = np.random.default_rng(seed)
    coarse = generator.normal(0, 3, (channels, 5, 4, 4)).repeat(3, 1).repeat(3, 2).repeat(3, 3)
    logits = coarse[:, : SHAPE[0], : SHAPE[1], : SHAPE[2]] + generator.normal(0, 0.5, (channels, *SHAPE))
    logits[:, :3] = np.rint(logits[:, :3])
    return logits.astype(np.float32)


def classified(loops, logits: np.ndarray, regions: bool) -> tuple[bool, np.ndarray]:
    codes = np.zeros(np.array(logits.shape[1:]) + 2, np.uint16)
    finite = [loops.classify(logits, codes, regions, *BOX, *part) for part in ((0, 5), (5, 13))]
    return all(finite), codes


@pytest.mark.parametrize("regions", [False, True], ids=["classes", "regions"])
@pytest.mark.parametrize("channels", [1, 2, 3, 9])
@pytest.mark.parametrize("seed", [0, 1])
def test_arrays_and_loops_give_the_same_codes_certainties_and_labels(channels, regions, seed):
    logits = logits_of(channels, seed)
    values = np.arange(channels + 1, dtype=np.uint8) * 3
    (finite, codes), (_, expected) = (classified(loops, logits, regions) for loops in (label_arrays, label_kernels))
    assert finite
    assert np.array_equal(codes, expected)
    for name, arguments in (("label_cells", along()), ("label_voxels", askew(seed))):
        shape, *rest = arguments
        made = []
        for loops in (label_arrays, label_kernels):
            out = np.full(shape, 77, np.uint8)
            for part in ((0, 4), (4, 9)):
                getattr(loops, name)(logits, codes, out, values, regions, *BOX, *rest, *part)
            made.append(out)
        assert np.array_equal(*made)
        assert len(np.unique(made[0])) > min(channels, 2)  # labels, and what was not written
    sums = []
    for loops in (label_arrays, label_kernels):
        found = np.zeros((2, channels + 1), np.int64)
        loops.add_certainty(logits, codes, regions, *BOX, ONE, found, 0, 13)
        sums.append(found)
    assert np.array_equal(sums[0][1], sums[1][1])
    assert np.abs(sums[0][0] - sums[1][0]).max() <= 2  # of millionths
    assert sums[0][1].any() == (channels > 1 or regions)


def along():
    """Nine cells of the first axis and all of the others, at a spacing of 0.37; the rest is left as it is."""
    matrix = np.array([[0.37, 0, 0, 0.4], [0, -0.37, 0, 9.2], [0, 0, 0.37, -0.5]])
    axes = along_axes(matrix, (30, 28, 33), np.array([[0.0] * 3, np.array(SHAPE) - 1.0]))
    runs = [one.runs() for one in axes]
    return (30, 28, 33), tuple(r[0] for r in runs), tuple(r[1] for r in runs), tuple(one.place for one in axes)


def askew(seed: int):
    """A turned grid; only voxels of cells 2 to 9 of the second axis are written."""
    turn = Rotation.from_rotvec([0.3, -0.2, 0.4]).as_matrix() * 0.8
    middle = np.array(SHAPE) / 2 - turn @ [4.5, 8, 8] + seed
    lattice = np.array([[0.0] * 3, np.array(SHAPE) - 1.0])
    matrix = np.column_stack([turn, middle])
    return (9, 16, 17), matrix, lattice, np.zeros(3, np.int64), 1, np.array([2.0, 9.0])


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_logits_that_are_not_finite_are_found(wrong):
    logits = logits_of(2, 0)
    logits[1, 5, 5, 5] = wrong
    assert not classified(label_arrays, logits, False)[0]
    logits = logits_of(2, 0)
    logits[1, 0, 0, 0] = wrong  # outside of the box, where nothing is used
    assert classified(label_arrays, logits, False)[0]


def test_the_exponential_is_that_of_the_compiled_loops_but_for_a_last_bit_now_and_then():
    import numba

    @numba.njit
    def compiled(values):
        out = np.empty_like(values)
        for number in range(len(values)):
            out[number] = np.exp(values[number])
        return out

    values = -np.random.default_rng(0).uniform(0, 14, 200_000).astype(np.float32)
    expected, given = compiled(values), label_arrays._exp(values)
    assert (expected != given).mean() < 0.005
    assert np.abs(expected - given).max() <= np.spacing(np.float32(0.5))


def test_a_small_image_loads_no_compiler_and_a_large_one_does():
    code = (
        "import sys; from monai_attn.transforms.label_arrays import loops_for as of\n"
        "small = of(10**5).__name__, 'numba' in sys.modules\n"
        "print(*small, of(10**8).__name__, of(10**5).__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    arrays, kernels = "monai_attn.transforms.label_arrays", "monai_attn.transforms.label_kernels"
    assert done.stdout.split() == [arrays, "False", kernels, kernels]
