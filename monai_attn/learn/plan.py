"""The plan of a training: every decision, and in one sentence why it was made."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from monai_attn.learn.fingerprint import Fingerprint
from monai_attn.learn.grid import choose_levels, choose_spacing, choose_window
from monai_attn.learn.normalisation import Normalisation, normalisation_of, why_normalised
from monai_attn.learn.sides import mirror_axes
from monai_attn.wording import counted

__all__ = ["DEFORMED", "HEAD_RATE", "Machine", "Plan", "make_plan"]

Three = tuple[float, float, float]

WINDOW_VOXELS = {"cpu": 64 * 64 * 48, "gpu": 128**3}
"""Voxels of a window, at most."""

WINDOWS = {"cpu": (4.0, 15.0), "gpu": (15.0, 15.0)}
"""How many windows' voxels the median image has on the network's grid, at most: in a short, and in a long training.

With few steps a window has to show much of the image. Eight minutes gave the spleen of deformed CTs a Dice of 0.29 in
windows of 95 mm, each 1/16 of the image, and 0.75 in windows of 154 mm.
"""

CORE_MINUTES = 5.0
"""Minutes of a processor core for each further window of an image."""

STEP_VOXELS = {"cpu": 2 * 64 * 64 * 48, "gpu": 4 * 96**3}
"""Voxels of a batch of windows, about."""

CHANNELS = {"cpu": [16, 32, 64, 128], "gpu": [32, 64, 128, 256, 320]}
"""Features on each level, finest first."""

INSTANCE = ["instance", {"affine": True}]
"""Each channel normalised over its window, with a factor and an offset that are learned.

Tumours in the T1 of twelve validation patients had a Dice of 0.44 with "voxel" and 0.53 with this, after eight minutes.
"""

WHOLE = 0.9
"""A window shows the whole image where each edge has this share of it: windows are rounded to the strides."""

BACKGROUND = 1.0
"""The first bias of the last layers: this for the background and its negative for each structure.

Without it the first steps only teach that most voxels are background.
"""

HEAD_RATE = {"few": 0.01, "many": 0.004}
"""The rate of AdamW for last layers, norms and biases, with few steps and with many.

On phantoms 60 steps of 0.002, a tenth of Muon's rate, had found nothing; those of 0.01 had a Dice of 0.95.
"""

DEFORMED = (0.2, 0.8)
"""The share of the windows that are zoomed and rotated: where each case is seen in few windows, and in many.

14 windows of each head and neck, of which 0.8 were deformed, had brought a Dice of 0.687 on the validation; 0.3 brought
0.700. Who has seen little has nothing yet to be told apart from chance.
"""


@dataclass(frozen=True)
class Machine:
    """What computes: its kind ("cpu" or "gpu"), and the number of processor cores and bytes of memory."""

    kind: str = "cpu"
    cores: int = 1
    memory: int = 8 * 2**30


@dataclass(frozen=True)
class Plan:
    """All decisions of a training. `why` has a sentence for each decision, by the name of the field.

    - `minutes`: for the training with its validations. `steps`: about how many steps fit into them; None before the
      time of a step was measured. `step_seconds`, `case_seconds`: the time of a step and of the validation of a case.
    - `spacing_mm`, `window` (voxels), `batch` (windows), `channels`, `strides`, `kernels`: grid and network.
      `norm`, `bias`: its normalisation, and whether convolutions have biases, as `AttnUNet` takes them.
    - `normalisation`: of each image. `mirror`: the axes that are mirrored; `pairs`: values that exchange their places.
    - `zoom`, `rotate`: the random factors and the largest angles in radians, of the share `deform` of the windows.
      `foreground`: the share of the windows that hold a structure. `cases`: how many the network learns from.
    - `learning_rate`: of Muon; `head_rate`: of the last layers, norms and biases. `average`: the momentum of the
      average of weights. `background`: see `BACKGROUND`.
    - `epoch_steps`: steps of an epoch. `validation_cases`: how many cases are validated, every `validation_epochs`.
    - `overlap`: of the windows of a sliding window. `in_memory`: whether prepared cases are kept in memory or on disk.
    - `initial`: the bundle whose weights the training begins with, "" for none.
    """

    minutes: float
    spacing_mm: Three
    window: tuple[int, int, int]
    batch: int
    channels: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]
    kernels: tuple[tuple[int, ...], ...]
    normalisation: tuple[Normalisation, ...]
    mirror: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]
    zoom: tuple[float, float]
    rotate: Three
    foreground: float
    class_weights: tuple[float, ...] | None
    learning_rate: float
    head_rate: float
    average: float
    overlap: float
    deform: float = DEFORMED[1]
    cases: int = 0
    norm: Any = "voxel"
    bias: bool = True
    background: float = BACKGROUND
    deep_supervision: bool = True
    steps: int | None = None
    step_seconds: float | None = None
    case_seconds: float | None = None
    epoch_steps: int = 50
    validation_cases: int = 8
    validation_epochs: int = 2
    initial: str = ""
    in_memory: bool = True
    why: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Each decision with its value and the reason, as `plan.json` holds it."""
        rows: dict[str, Any] = {}
        for one in fields(self):
            if one.name != "why":
                rows[one.name] = {"value": _plain(getattr(self, one.name)), "why": self.why.get(one.name, "")}
        return rows


def make_plan(fingerprint: Fingerprint, minutes: float, machine: Machine, validation_cases: int) -> Plan:
    """The plan for data of this fingerprint, before the time of a step is known; `monai_attn.learn.pace` completes it.

    `minutes` are those of the training with its validations, and `validation_cases` the cases kept for these.
    """
    why: dict[str, str] = {}
    image = fingerprint.images[0]
    spacing, why["spacing_mm"] = choose_spacing(fingerprint, machine.kind, _wanted_voxels(machine, minutes))
    size = [edge * old / new for edge, old, new in zip(image.size, image.spacing_mm, spacing, strict=True)]
    channels = CHANNELS[machine.kind]
    strides, kernels = choose_levels(spacing, size, len(channels) - 1)
    multiple = [math.prod(stride[axis] for stride in strides) for axis in range(3)]
    window, why["window"] = choose_window(image, spacing, WINDOW_VOXELS[machine.kind], multiple)
    batch = max(min(round(STEP_VOXELS[machine.kind] / math.prod(window)), 4), 1)
    why["batch"] = f"{batch} windows in a step, about {batch * math.prod(window) / 1e6:.2f} million voxels."
    why["channels"] = (
        f"{len(strides) + 1} levels with {', '.join(map(str, channels[: len(strides) + 1]))} features, so that at "
        "least four voxels are left along each axis of the deepest level."
    )
    why["strides"] = why["kernels"] = "Axes with longer voxels are halved later, and convolved later."
    normalisation = tuple(normalisation_of(one) for one in fingerprint.images)
    why["normalisation"] = " ".join(why_normalised(one) for one in fingerprint.images)
    structures = fingerprint.structures
    sides = {one.value: one.side for one in structures}
    mirror, why["mirror"] = mirror_axes({one.value: one.name for one in structures}, fingerprint.pairs, sides)
    why["pairs"] = (
        f"{counted(len(fingerprint.pairs), 'pair')} of left and right structures; mirroring exchanges their labels."
        if fingerprint.pairs
        else "No names of structures differ in left and right alone."
    )
    why["zoom"] = "Each window is zoomed at random, so that small and large patients look alike to the network."
    why["rotate"] = "Heads and bodies lie a little tilted; 0.2 rad are 11 degrees."
    why["foreground"] = "Two of three windows hold a structure, each structure equally often; the others lie anywhere."
    why["class_weights"] = "None: windows are drawn so that each structure is met equally often."
    why["learning_rate"] = "Muon: it had learned more than AdamW after 100 steps and after 2000."
    norm, why["norm"] = _norm(fingerprint, size, window)
    why["bias"] = (
        "With this normalisation a convolution without bias loses how bright a region is."
        if norm == "voxel"
        else "This normalisation takes away what a bias adds."
    )
    why["background"] = "The network begins with background everywhere, so that no step is spent on learning that."
    in_memory, why["in_memory"] = _in_memory(fingerprint, size, machine)
    why["cases"] = "The cases of the part that the network learns from."
    why["overlap"] = "Windows overlap by half when an image is segmented, which smooths the seams."
    why["deep_supervision"] = "Each level learns from the labels, which brings short trainings further."
    return Plan(
        minutes=minutes,
        spacing_mm=spacing,
        window=window,
        batch=batch,
        channels=tuple(channels[: len(strides) + 1]),
        strides=tuple(map(tuple, strides)),
        kernels=tuple(map(tuple, kernels)),
        normalisation=normalisation,
        mirror=mirror,
        pairs=fingerprint.pairs,
        zoom=(0.8, 1.25),
        rotate=(0.2, 0.2, 0.2),
        foreground=0.67,
        class_weights=None,
        learning_rate=0.02,
        head_rate=HEAD_RATE["few"],
        average=0.01,
        overlap=0.5,
        norm=norm,
        bias=norm == "voxel",
        cases=fingerprint.cases,
        validation_cases=validation_cases,
        in_memory=in_memory,
        why=why,
    )


def _wanted_voxels(machine: Machine, minutes: float) -> tuple[float, float]:
    """Voxels of the median image on the network's grid, at most: of thick structures alone, and of thinner ones.

    In a short training a window shows thick structures and all around them; in a long one there is no difference.
    """
    few, many = WINDOWS[machine.kind]
    part = min(max(minutes * machine.cores / CORE_MINUTES, few), many)
    whole = part if few == many else 1 + (many - 1) * (part - few) / (many - few)
    return WINDOW_VOXELS[machine.kind] * whole, WINDOW_VOXELS[machine.kind] * part


def _norm(fingerprint: Fingerprint, size: Sequence[float], window: Sequence[int]) -> tuple[Any, str]:
    """How the network normalises, as `AttnUNet` takes it."""
    image, *others = fingerprint.images
    shown = all(edge >= WHOLE * voxels for edge, voxels in zip(window, size, strict=True))
    if others or image.unit or shown:
        return "voxel", "Layer normalisation of each voxel: what becomes of a voxel does not depend on its window."
    return INSTANCE, (
        "Instance normalisation: the grey values have no unit and a window shows a part of the image, so what counts "
        "is how a region differs from its surroundings."
    )


def _in_memory(fingerprint: Fingerprint, size: Sequence[float], machine: Machine) -> tuple[bool, str]:
    """Whether all prepared cases fit into half of the memory: float16 for each channel, a byte for each label."""
    channels = 1 if len(fingerprint.images) == 1 else 2 * len(fingerprint.images)
    needed = fingerprint.cases * math.prod(size) * (2 * channels + 1)
    fits = needed < machine.memory / 2
    words = "kept in memory" if fits else "kept on disk while the training runs, since the memory is too small"
    return fits, f"The prepared training cases take {needed / 2**30:.2g} GiB; they are {words}."


def _plain(value: Any) -> Any:
    """Values of a plan as JSON has them."""
    if isinstance(value, Normalisation):
        return {"image": value.image, "unit": value.unit, "transforms": [dict(one) for one in value.transforms]}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value
