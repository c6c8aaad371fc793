"""The network of an `organ_bundle` inside nnU-Net's own predictor: one CT to one label map. Run by `whole_ct.py`.

    python benchmarks/nnunet_peer.py BUNDLE CT OUTPUT

nnU-Net's default but for test-time augmentation, which is off: its NIfTI reader, cubic resampling of the image, windows
that overlap by half with Gaussian weights, linear resampling of the logits. `CTNormalization` is told the numbers that
make it the bundle's own scaling.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from monai_attn.networks import AttnUNet


def main(bundle: Path, ct: Path, output: Path) -> None:
    torch.set_num_threads(torch.get_num_threads())
    config = json.loads((bundle / "configs" / "inference.json").read_text())
    state = torch.load(bundle / "models" / "model.pt", weights_only=True)
    options = {key: value for key, value in config["network_def"].items() if key != "_target_"}
    dataset = {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, **{f"structure {label}": label for label in range(1, options["out_channels"])}},
        "file_ending": ".nii.gz",
        "numTraining": 1,
    }
    manager = PlansManager(plans(config))
    predictor = nnUNetPredictor(
        tile_step_size=0.5, use_gaussian=True, use_mirroring=False, device=torch.device("cpu"), allow_tqdm=False
    )
    predictor.manual_initialization(
        AttnUNet(**options).eval(), manager, manager.get_configuration("3d"), [state], dataset, "nnUNetTrainer", None
    )
    predictor.predict_from_files_sequential([[str(ct)]], [str(output).removesuffix(".nii.gz")])


def plans(config: dict[str, Any]) -> dict[str, Any]:
    """nnU-Net's plans with the bundle's grid, window and intensities; axes in the bundle's order."""
    spacing = next(one["pixdim"] for one in config["preprocessing"]["transforms"] if "pixdim" in one)
    scaling = next(one for one in config["preprocessing"]["transforms"] if "a_min" in one)
    low, high = scaling["a_min"], scaling["a_max"]
    resampling: dict[str, Any] = {"order_z": 0, "force_separate_z": None}
    name = "resample_data_or_seg_to_shape"
    return {
        "dataset_name": "benchmark",
        "plans_name": "benchmark",
        "image_reader_writer": "NibabelIO",
        "transpose_forward": [2, 1, 0],  # the reader turns the axes, and this turns them back
        "transpose_backward": [2, 1, 0],
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {
            "0": {
                "percentile_00_5": low,
                "percentile_99_5": high,
                "mean": (low + high) / 2,
                "std": (high - low) / (scaling["b_max"] - scaling["b_min"]),
            }
        },
        "configurations": {
            "3d": {
                "data_identifier": "benchmark",
                "preprocessor_name": "DefaultPreprocessor",
                "batch_size": 2,
                "patch_size": list(config["inferer"]["roi_size"]),
                "spacing": list(spacing),
                "normalization_schemes": ["CTNormalization"],
                "use_mask_for_norm": [False],
                "resampling_fn_data": name,
                "resampling_fn_data_kwargs": {"is_seg": False, "order": 3, **resampling},
                "resampling_fn_seg": name,
                "resampling_fn_seg_kwargs": {"is_seg": True, "order": 1, **resampling},
                "resampling_fn_probabilities": name,
                "resampling_fn_probabilities_kwargs": {"is_seg": False, "order": 1, **resampling},
                "batch_dice": False,
                "architecture": {},
            }
        },
    }


if __name__ == "__main__":
    main(*(Path(text) for text in sys.argv[1:4]))
