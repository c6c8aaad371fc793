"""How often a shipped bundle warns of cases that it was made for: `python benchmarks/false_warnings.py BUNDLE DATASET`.

Segments the training and validation cases of the bundle, never the test cases, and prints every warning and the share
of cases that have one. Images that would be refused count too.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from monai_attn.bundle import find_bundle
from monai_attn.bundle.training_cases import training_cases
from monai_attn.errors import AttnError
from monai_attn.segmenter import Segmenter
from monai_attn.segmenter.certainty import known_cases


def cases_of(bundle: str, dataset: Path) -> list[dict[str, str]]:
    """The cases that may be looked at: those of the training, and where there is a split those of the validation."""
    root = find_bundle(bundle)
    found = [*known_cases(root, dataset), *training_cases(root, dataset)]
    return list({case["case"]: case for case in found}.values())


def main() -> int:
    """Print the warnings, one line each, then the share of cases with a warning."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle")
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--only", nargs="*", help="give only these images, such as t1")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    segmenter = Segmenter.from_bundle(args.bundle, device="cpu", threads=args.threads)
    names = [one.name for one in segmenter.parts.inputs if not args.only or one.name in args.only]
    cases = cases_of(args.bundle, args.dataset)
    marked = 0
    for case in cases:
        try:
            warnings = segmenter({name: case[name] for name in names if name in case}).warnings
        except AttnError as error:
            warnings = (f"refused: {error}",)
        marked += bool(warnings)
        for warning in warnings:
            print(json.dumps({"case": case["case"], "warning": warning}), flush=True)
    print(f"{args.bundle}, {', '.join(names)}: {marked} of {len(cases)} cases with a warning")
    return 0


if __name__ == "__main__":
    sys.exit(main())
