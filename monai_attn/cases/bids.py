"""BIDS, the layout of brain imaging data sets: `sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz`.

Source: the Brain Imaging Data Structure, https://bids-specification.readthedocs.io, versions 1.x.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from monai_attn.cases.case import Case
from monai_attn.cases.folders import subfolders
from monai_attn.cases.naming import safe_name
from monai_attn.errors import InputError
from monai_attn.io.names import VOLUME_SUFFIXES, stem, suffix_of

__all__ = ["bids_cases", "holds_bids"]

KINDS = {"t1": "T1w", "t2": "T2w", "flair": "FLAIR", "pd": "PDw", "ct": "ct", "pet": "pet", "image": "T1w"}
"""How BIDS calls an image, by how a bundle calls it; an image with a name of its own is called so in BIDS too."""

DATA_TYPES = ("anat", "ct", "pet")


def holds_bids(folder: Path) -> bool:
    """Whether a folder is a data set in BIDS: it has a `dataset_description.json` and folders `sub-...`."""
    return (folder / "dataset_description.json").is_file() and any(_subjects(folder))


def bids_cases(folder: Path, names: Sequence[str], kinds: Sequence[str] = ()) -> list[Case]:
    """The cases of a data set in BIDS, one for each image of a bundle of one image, one for each session otherwise.

    `names` are those of the bundle's images; `kinds` say in the same order how BIDS calls them (T1w, ct), by default
    `KINDS`. Derivatives are left out. Cases are called by their file, or by subject and session. A session with two
    images of one kind, as of two runs, is a case with a problem.

    Raises `InputError` when there is no such image, with the kinds that there are.
    """
    wanted = dict(zip(names, kinds or [KINDS.get(name.lower(), name) for name in names], strict=True))
    cases: list[Case] = []
    there: set[str] = set()
    for place in _sessions(folder):
        files = _images(place)
        there |= set(map(_kind, files))
        fits = {name: [path for path in files if _kind(path) == kind] for name, kind in wanted.items()}
        if len(names) == 1:
            cases += [Case(safe_name(stem(path)), path) for path in fits[names[0]]]
        elif any(fits.values()):
            called = "_".join(place.relative_to(folder).parts)
            cases.append(_session_case(safe_name(called), fits))
    if not cases:
        raise InputError(
            f"No image of the data set {folder.name!r} is {' or '.join(wanted.values())}; there are "
            f"{', '.join(sorted(there)) or 'none'}. Name the files, or a table of cases."
        )
    return cases


def _session_case(called: str, fits: Mapping[str, Sequence[Path]]) -> Case:
    """The case of a session; with a problem where two files could be one of its images, as of two runs."""
    for name, paths in fits.items():
        if len(paths) > 1:
            why = f"{paths[0].name} and {paths[1].name} could both be {name}. Name the images in a table of cases."
            return Case(called, {}, problem=why)
    return Case(called, {name: paths[0] for name, paths in fits.items() if paths})


def _subjects(folder: Path) -> list[Path]:
    return [path for path in subfolders(folder) if path.name.startswith("sub-")]


def _sessions(folder: Path) -> list[Path]:
    """The folders of the sessions; the folder of a subject who has none."""
    found = []
    for subject in _subjects(folder):
        sessions = [path for path in subfolders(subject) if path.name.startswith("ses-")]
        found += sessions or [subject]
    return found


def _images(session: Path) -> list[Path]:
    """The image files of a session by name, without masks."""
    folders = [session / name for name in DATA_TYPES if (session / name).is_dir()]
    files = [path for folder in folders for path in sorted(folder.iterdir()) if suffix_of(path) in VOLUME_SUFFIXES]
    return [path for path in files if _kind(path) not in ("dseg", "mask", "probseg")]


def _kind(path: Path) -> str:
    """How BIDS calls an image: what stands behind the last "_" of the name.

    >>> _kind(Path("sub-01_run-2_T1w.nii.gz"))
    'T1w'
    """
    return stem(path).rpartition("_")[2]
