"""What the study of attention compares: the networks, the data sets, the budgets and the disturbed images.

Everything here is an override of a bundle's own train.json and evaluate.json. `attention_runs.py` applies them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sarcoma import COARSE

from monai_attn.bundle import find_bundle
from monai_attn.io.jsonfile import read_json

Options = Mapping[str, Any]

SEEDS = (1, 2, 3)
BUDGETS = ("small", "long", "full", "quick")
"""Minutes, ten times as many steps, hours, and two steps to see that all works."""

UNET, FCN = "monai_attn.networks.AttnUNet", "monai_attn.networks.AttnFCN"

VARIANTS: dict[str, Options] = {
    "none": {"attention": "none"},
    "gate": {"attention": "gate"},
    "channel": {"attention": "channel"},
    "spatial": {"attention": "spatial"},
    "scse": {"attention": "scse"},
    "cbam": {"attention": "cbam"},
    "local": {"attention": "local"},
    "wide": {"attention": "none", "channels": {2: 80, 3: 144}},
    "fcn": {"attention": "none", "_target_": FCN},
    "aspp": {"attention": "none", "bottleneck": "aspp"},
}
"""Name of a network, and how it differs from the bundle's. `wide` has no attention and as much arithmetic as `local`,
the dearest: its two deepest levels have more channels (level: channels)."""

NEVER = 10**6
"""A validation every so many epochs: none. All networks train for the same steps, and the last weights count."""


@dataclass(frozen=True)
class Data:
    """A data set of the study.

    - `folder`: its folder in the folder of all data. `bundle`: whose recipe is used.
    - `train`: for each budget the overrides of train.json. `evaluate`: those of evaluate.json.
    - `band_mm`: how thick the rim is that the boundary Dice compares.
    - `edges_ml`: where size classes begin; thirds of the cases where there are none.
    - `scenes`: disturbed images, by name, as overrides of evaluate.json.
    - `without`: scans without the structure, by name: image and its file in the folder of all data.
    """

    folder: str
    bundle: str
    train: Mapping[str, Options]
    evaluate: Options = field(default_factory=dict)
    band_mm: float = 1.0
    edges_ml: tuple[float, ...] | None = None
    scenes: Mapping[str, Options] = field(default_factory=dict)
    without: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def network(self, variant: str) -> dict[str, Any]:
        """The `network_def` of a variant: the bundle's, with what the variant changes."""
        root = find_bundle(self.bundle)
        options = dict(read_json(root / "configs" / "train.json")["network_def"])
        changes = dict(VARIANTS[variant])
        wider = changes.pop("channels", {})
        options["channels"] = [wider.get(level, number) for level, number in enumerate(options["channels"])]
        options.update(changes)
        if options["_target_"] == FCN:
            options.pop("presence", None)  # it has none
        return options

    def cases(self, root: Path) -> Path:
        """The folder of the data set."""
        return (root / self.folder).resolve()


def disturbed(*transforms: Options) -> Options:
    """Overrides of evaluate.json: these transforms after the preprocessing, the same for each network."""
    return {
        "clutter": list(transforms),
        "dataset::transform": {"_target_": "Compose", "transforms": "$[*@preprocessing.transforms, *@clutter]"},
        "run": ["$monai.utils.set_determinism(seed=0)", "$@evaluator.run()"],
    }


def noise(std: float) -> Options:
    return disturbed({"_target_": "RandGaussianNoised", "keys": "image", "prob": 1.0, "std": std, "sample_std": False})


CONTRAST = disturbed({"_target_": "AdjustContrastd", "keys": "image", "gamma": 2.0, "retain_stats": True})

SHORT_EPOCHS: dict[str, Any] = {
    "train::dataloader::shuffle": False,
    "train::dataloader::sampler": {
        "_target_": "torch.utils.data.RandomSampler",
        "data_source": "@train::dataset",
        "num_samples": "$10 * @batch_size",
    },
}
"""Epochs of ten steps, so that a short training has a whole schedule of learning rates and can be resumed."""

TWO_STEPS = {
    "train::dataloader::sampler": {**SHORT_EPOCHS["train::dataloader::sampler"], "num_samples": "$2 * @batch_size"}
}

PREPARED_ONCE: dict[str, Any] = {
    "train::dataset": {
        "_target_": "PersistentDataset",
        "data": "@train_cases",
        "transform": "@train::preprocessing",
        "cache_dir": "$@output_dir + '/../prepared_' + 'x'.join(map(str, @pixdim))",
    }
}
"""The prepared cases of all runs of a budget and a grid, in one folder beside theirs."""

COARSE_CT: dict[str, Any] = {"pixdim": [5.0, 5.0, 4.0], "roi_size": [48, 48, 32]}
"""A grid on which 400 steps take some minutes. The rates of the small budget are those that `learn` has for 400 steps.

With 150 steps on the bundle's own grid, and its rates for thousands of steps, most structures were not found yet.
"""

TRAINING_CT: dict[str, Any] = read_json(find_bundle("head_neck_ct") / "configs" / "train.json")

QUICK_CT: dict[str, Any] = {
    "dataset::data::cases::part": "test",
    "overlap": 0.25,
    "inferer": {"_target_": "monai_attn.inferers.CPUAutocastInferer", "inferer": TRAINING_CT["inferer"]},
    "body_of_image": [{**step, "keys": "image"} for step in TRAINING_CT["body"]],
    "dataset::transform": {"_target_": "Compose", "transforms": "$[*@preprocessing.transforms, *@body_of_image]"},
}
"""The forty test CTs in a few minutes: cut to the body as in the training, in bf16 where the processor has it."""

DATA: dict[str, Data] = {
    "hippocampus": Data(
        folder="hippocampus",
        bundle="hippocampus_mri",
        train={
            "small": {"max_epochs": 12, "warmup_epochs": 1, "save_interval": 3, **SHORT_EPOCHS},
            "long": {"max_epochs": 120, "warmup_epochs": 10, "save_interval": 10, **SHORT_EPOCHS},
            "full": {"patience": NEVER},
            "quick": {"max_epochs": 1, "warmup_epochs": 0, "save_interval": 1, **SHORT_EPOCHS, **TWO_STEPS},
        },
        scenes={"noise": noise(0.5), "contrast": CONTRAST},
    ),
    "sarcoma": Data(
        folder="soft_tissue_sarcoma",
        bundle="soft_tissue_sarcoma",
        train={"small": {**COARSE, "max_epochs": 30}, "full": {}},
        evaluate={key: COARSE[key] for key in ("pixdim", "roi_size")},
        band_mm=2.0,
        edges_ml=(50, 150, 500),
        scenes={"t1 alone": {"images": ["t1"]}, "ct alone": {"images": ["ct"]}, "pet alone": {"images": ["pet"]}},
        without={"ct_trunk": ("ct", "images/ct_trunk_3mm.nii.gz"), "mr_trunk": ("t1", "images/mr_trunk_3mm.nii.gz")},
    ),
    "head_neck": Data(
        folder="head_neck_ct",
        bundle="head_neck_ct",
        train={
            "small": {
                **PREPARED_ONCE,
                **COARSE_CT,
                "minutes": None,
                "max_steps": 400,
                "epoch_steps": 40,
                "val_limit": 1,
                "head_rate": 0.01,
                "ema_momentum": 0.025,
                "ema::warmup_iters": 80,
            },
            "full": {**PREPARED_ONCE, "minutes": None, "max_steps": 3000, "val_limit": 1},
            "quick": {**PREPARED_ONCE, "minutes": None, "max_steps": 2, "epoch_steps": 2, "val_limit": 1},
        },
        evaluate={**QUICK_CT, **COARSE_CT},
        band_mm=4.0,
    ),
}
"""The data sets, in the order in which they are run. The full sarcoma runs have the bundle's grid of 4 mm."""
