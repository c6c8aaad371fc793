"""How sure a bundle is of known cases: `python -m monai_attn.segmenter.certainty BUNDLE DATASET_DIR`.

The ranges go into `made_for` of the bundle's metadata.json, where `monai_attn.preflight.check_mask` finds them. The
cases are those of the validation where the bundle has a `split.json` with such a list, else the training cases. A
network is over-sure of cases that it was trained on. Where a case may lack images, each choice of images is segmented
and has a range of its own: the fewer images, the less sure a network is.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from monai_attn.bundle.locate import find_bundle, read_metadata
from monai_attn.bundle.training_cases import training_cases
from monai_attn.cases import split_cases
from monai_attn.errors import AttnError
from monai_attn.io.jsonfile import read_json
from monai_attn.preflight import MadeFor, Range
from monai_attn.preflight.made_for import choice_key
from monai_attn.preflight.refresh import write_made_for
from monai_attn.segmenter.segmenter import Segmenter

__all__ = ["certainty_ranges", "known_cases", "main"]


def certainty_ranges(segmenter: Segmenter, cases: Iterable[Mapping[str, str]]) -> dict[int, dict[str, Range]]:
    """The least and the greatest certainty of each structure over cases, by label value and choice of images.

    `cases` are such as `{"t1": path, "ct": path, "label": path}`. A choice is named as `choice_key` says. Where the
    bundle takes all its images or none, there is one choice. A structure that is never found has no range.

    Raises what a call of the segmenter raises.
    """
    found: dict[int, dict[str, Range]] = {}
    for case in cases:
        for names in _choices(segmenter, case):
            made = segmenter({name: case[name] for name in names}, force=True)
            for value, certainty in made.certainty.items():
                ranges = found.setdefault(value, {})
                least, most = ranges.get(choice_key(names), (certainty, certainty))
                ranges[choice_key(names)] = (min(least, certainty), max(most, certainty))
    return {value: found[value] for value in sorted(found)}


def known_cases(root: Path, dataset_dir: str | Path, *, trust: bool = False) -> list[dict[str, str]]:
    """The validation cases of a bundle's `configs/split.json`; without such a list its training cases.

    Raises as `split_cases` and `training_cases` do.
    """
    split = root / "configs" / "split.json"
    if split.is_file() and read_json(split).get("validation"):  # a bundle of folds lists training cases alone
        return split_cases(dataset_dir, split, "validation")
    return training_cases(root, dataset_dir, trust=trust)


def _choices(segmenter: Segmenter, case: Mapping[str, str]) -> Iterator[Sequence[str]]:
    """The names of the images of a case: all, and where a case may lack some, every choice of them."""
    there = [one.name for one in segmenter.parts.inputs if one.name in case]
    for count in range(1 if segmenter.parts.partial else len(there), len(there) + 1):
        yield from itertools.combinations(there, count)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 0, or 2 with the reason on the error stream."""
    parser = argparse.ArgumentParser(prog="python -m monai_attn.segmenter.certainty", description=__doc__)
    parser.add_argument("bundle", help="a shipped bundle's name, or a folder")
    parser.add_argument("dataset_dir", type=Path, help="the data set of the training")
    parser.add_argument("--trust", action="store_true", help="run a bundle that did not come with monai_attn")
    args = parser.parse_args(arguments)
    try:
        root = find_bundle(args.bundle)
        known = MadeFor.from_json(read_metadata(root).get("made_for") or {})
        segmenter = Segmenter.from_bundle(args.bundle, device="cpu", trust=args.trust)
        ranges = certainty_ranges(segmenter, known_cases(root, args.dataset_dir, trust=args.trust))
        write_made_for(root, (known or MadeFor(0, {}, {})).with_certainty(ranges))
    except AttnError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"metadata.json of {root.name}: the certainty of {len(ranges)} structures written.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
