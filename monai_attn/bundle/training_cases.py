"""The cases that a bundle's weights were trained on, as the bundle's own train.json lists them."""

from __future__ import annotations

from pathlib import Path

from monai.bundle import ConfigParser

from monai_attn.bundle.parts import why
from monai_attn.bundle.settings import expanded
from monai_attn.bundle.trust import require_trust
from monai_attn.errors import BundleError

__all__ = ["training_cases"]


def training_cases(root: Path, dataset_dir: str | Path, *, trust: bool = False) -> list[dict[str, str]]:
    """`{"case": name, image name: path, "label": path}` for each training case of a data set.

    They are what `train_cases` of `configs/train.json` gives, of all folds where there are folds. Cases of its
    validation and test lists are not among them. The config's own code lists them, so a bundle that did not come with
    the package needs `trust`. Raises `TrustError` without it, `BundleError` where the config does not list its cases,
    and what that code raises for a data set that does not fit.
    """
    parser = ConfigParser()
    parser.read_config(str(root / "configs" / "train.json"))
    require_trust(root, parser.get(), trust=trust)
    parser.set(expanded(parser.get(), root))
    parser["bundle_root"] = str(root)
    parser["dataset_dir"] = str(dataset_dir)
    if "fold" in parser:
        parser["fold"] = "all"
    if "train_cases" not in parser:
        raise BundleError(f"configs/train.json of {root.name} names no train_cases, so its training data are unknown.")
    try:
        cases: list[dict[str, str]] = parser.get_parsed_content("train_cases")
    except RuntimeError as error:  # what MONAI makes of our own errors
        raise why(error, f"The bundle {root.name} cannot list its training cases") from error
    return cases
