"""What a case is: one study of one person, with a name and the places of its images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from monai_attn.cases.images import ImageFile

__all__ = ["Case"]


@dataclass(frozen=True)
class Case:
    """One study of one person: the name that its results bear, and where its images are.

    `source` is a file or folder, or for several images a mapping of each image's name to its file or folder.
    `label` is the reference mask, where the case has one. No file is opened. `images` says more of the images, where
    the series of each was chosen already. A case with a `problem` cannot be segmented, and the sentence says why.

    >>> Case("case_017", Path("case_017/t1.nii.gz")).paths
    (PosixPath('case_017/t1.nii.gz'),)
    """

    name: str
    source: Path | Mapping[str, Path]
    label: Path | None = None
    images: Mapping[str, ImageFile] = field(default_factory=dict)
    problem: str = ""

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every path of the images, in the order of `source`."""
        return (self.source,) if isinstance(self.source, Path) else tuple(self.source.values())

    def row(self, image: str = "image") -> dict[str, str]:
        """The case as the configs of MONAI bundles want it: `{"case": name, image: path, "label": path}`.

        `image` names the one image of a case that has no names for it; "label" is there where the case has one.
        """
        images = {image: self.source} if isinstance(self.source, Path) else self.source
        label = {} if self.label is None else {"label": str(self.label)}
        return {"case": self.name, **{name: str(path) for name, path in images.items()}, **label}
