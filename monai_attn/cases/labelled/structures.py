"""Which structures the masks of a data set hold, and how the values in the files become those of the label table.

A network has a channel for each structure, counted without a gap. So the table has the values 1, 2, 3 and so on. Where
the files have other values (17 and 53, or regions of nnU-Net that join several), `Structures.values` maps them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from monai_attn.errors import InputError, LabelError
from monai_attn.io.label_text import labels_beside
from monai_attn.labels import Code, Label, LabelTable, default_colour

__all__ = ["Structures", "joined_structures", "names_in", "numbered", "structures_of"]

BACKGROUND = {"background", "clear label", "unlabeled", "unlabelled", "empty"}
"""What data sets call the value 0."""


@dataclass(frozen=True)
class Structures:
    """The label table, the table's value by the value in the files (empty: the same), and by the name in DICOM files.

    `regions` has the table's value by the name of a region of nnU-Net, in small letters.

    >>> numbered({17: "left", 53: "right"}).values
    {17: 1, 53: 2}
    """

    table: LabelTable
    values: Mapping[int, int] = field(default_factory=dict)
    names: Mapping[str, int] = field(default_factory=dict)
    regions: Mapping[str, int] = field(default_factory=dict)

    def chosen(self, given: Any) -> frozenset[int]:
        """Values of the table, from values in the files or names of structures, as a list or as text ("1, 3").

        Raises `InputError` for a structure that the table does not have.
        """
        if isinstance(given, str):
            given = [part for part in given.replace(";", ",").replace("|", ",").split(",") if part.strip()]
        known = self.values or {label.value: label.value for label in self.table}
        called = {**self.regions, **{label.name.lower(): label.value for label in self.table}}
        found = set()
        for one in given if isinstance(given, Collection) else [given]:
            word = str(one).strip()
            value = known.get(int(word)) if word.isdecimal() else called.get(word.lower())
            if value is None and word not in ("0", "background"):
                has = ", ".join(f"{label.value} {label.name}" for label in self.table)
                raise InputError(f"There is no structure {word!r}. The data set has: {has}.")
            found.add(value)
        return frozenset(value for value in found if value is not None)


def numbered(names: Mapping[int, str]) -> Structures:
    """The structures of these names by value in the files, numbered 1, 2, 3 in the order of the values.

    Raises `LabelError` when there is none, or two have one name.
    """
    found = {value: name for value, name in sorted(names.items()) if value != 0}
    if not found:
        raise LabelError("There is no structure besides the background. Name at least one under labels.")
    values = {value: number for number, value in enumerate(found, start=1)}
    table = LabelTable.of_names({values[value]: name for value, name in found.items()})
    same = all(value == number for value, number in values.items())
    return Structures(table, {} if same else values)


def structures_of(content: Mapping[str, Any], where: str) -> Structures:
    """The structures of a `dataset.json`: "labels" by value (Decathlon) or by name (nnU-Net), regions among them.

    A region of nnU-Net is a list of values. `regions_class_order` has the value with which each region is painted, one
    over the other. So each value in the files becomes the last region that holds it, and the table has these values,
    as the results of nnU-Net have. What a region has lost to later ones stands in its name: "kidney without tumour".

    Raises `LabelError`, with `where`.
    """
    labels = content.get("labels")
    if not isinstance(labels, Mapping) or not labels:
        raise LabelError(f'{where} names no labels. Write for example "labels": {{"0": "background", "1": "liver"}}.')
    try:
        if "ignore" in labels:
            raise LabelError(
                f"the value {labels['ignore']} marks voxels to be ignored, which a training here cannot use. "
                "Set them to the background or to a structure, or say for each case which structures were drawn."
            )
        if all(str(key).strip().isdecimal() for key in labels):
            return numbered(_by_value((key, name) for key, name in labels.items()))
        if any(isinstance(value, list) for value in labels.values()):
            return _regions(labels, content.get("regions_class_order"))
        return numbered(_by_value((value, name) for name, value in labels.items()))
    except LabelError as error:
        raise LabelError(f"{where}: {error}") from error
    except (TypeError, ValueError) as error:
        raise LabelError(f"{where}: a label needs a name and a whole number; {dict(labels)} has others.") from error


def _by_value(pairs: Iterable[tuple[Any, Any]]) -> dict[int, str]:
    """Names by value. Raises `LabelError` for a value that is no whole number, is there twice, or names 0 otherwise."""
    found: dict[int, str] = {}
    for given, name in pairs:
        value = _whole(given)
        if value in found:
            raise LabelError(f"the value {value} has two names, {found[value]!r} and {name!r}. Leave one of them out.")
        if value == 0 and str(name).strip().lower() not in BACKGROUND:
            raise LabelError(
                f"the value 0 is called {name!r}, and 0 is the background in every mask here. Give the structure "
                "another value in the masks, or call 0 background."
            )
        found[value] = str(name)
    return found


def _whole(given: Any) -> int:
    """A whole number, also as text. Raises `LabelError` for anything else, such as 1.7 and True."""
    value = int(given) if isinstance(given, str) else given
    if isinstance(value, bool) or value != int(value):
        raise LabelError(f"a label has the value {given!r}, and values of labels are whole numbers. Correct it.")
    return int(value)


def names_in(held: Iterable[tuple[str, Code | None]]) -> tuple[str, ...]:
    """The names of the structures that a file holds, in small letters, by which `Structures.names` knows them."""
    return tuple(name.strip().lower() for name, _ in held)


def joined_structures(folder: Path, held: Iterable[Iterable[tuple[str, Code | None]]]) -> Structures:
    """The structures of all files by name in small letters, in the order in which they appear.

    `held` are the names and codes that each file holds. A file `labels` in the folder chooses among them. Raises
    `InputError` for a name that no file holds, and `LabelError` for files without a structure.
    """
    found: dict[str, tuple[str, Code | None]] = {}
    for name, code in chain.from_iterable(held):
        if name.strip():
            found.setdefault(name.strip().lower(), (name.strip(), code))
    beside = labels_beside(folder / "labels.nii.gz")
    if beside is not None:
        wanted = {label.name.lower(): label.name for label in beside.table}
        missing = [name for key, name in wanted.items() if key not in found]
        if missing:
            raise InputError(
                f"{beside.source} names the structure {missing[0]!r}, which no file holds. The files hold: "
                f"{', '.join(name for name, _ in found.values())}."
            )
        found = {key: (name, found[key][1]) for key, name in wanted.items()}
    if not found:
        raise LabelError("The files of structures hold none. Keep those that were drawn on an image.")
    table = LabelTable(
        tuple(
            Label(value, name, default_colour(value), code)
            for value, (name, code) in enumerate(found.values(), start=1)
        )
    )
    return Structures(table, {}, {key: value for value, key in enumerate(found, start=1)})


def _regions(labels: Mapping[str, Any], order: Any) -> Structures:
    """Regions as a label map: a value of the files becomes the region that is painted last over it."""
    regions = {
        str(name): {_whole(one) for one in (value if isinstance(value, list) else [value])}
        for name, value in labels.items()
        if str(name).lower() not in BACKGROUND and value not in (0, [0])
    }
    if not isinstance(order, Sequence) or isinstance(order, str) or len(order) != len(regions):
        raise LabelError(
            f"its labels are regions, and regions_class_order must list {len(regions)} values, the order in which they "
            "are painted. Add that key, or give each structure one value."
        )
    painted: dict[int, str] = {}
    for name, members in regions.items():  # nnU-Net: region number i gets the value order[i], later ones on top
        painted |= dict.fromkeys(members, name)
    missing = [name for name in regions if name not in painted.values()]
    if missing:
        raise LabelError(
            f"the region {missing[0]!r} lies wholly under the regions after it, and a label map cannot show it. "
            "Change the order of the regions, or leave that region out."
        )
    ordinary = list(range(1, len(regions) + 1))
    given = [_whole(value) for value in order]
    numbers = dict(zip(regions, given if sorted(given) == ordinary else ordinary, strict=True))
    values = {value: numbers[name] for value, name in sorted(painted.items())}
    same = all(value == number for value, number in values.items())
    table = LabelTable.of_names(
        {numbers[name]: _shown(name, regions) for name in sorted(regions, key=numbers.__getitem__)}
    )
    called = {name.strip().lower(): number for name, number in numbers.items()}
    return Structures(table, {} if same else values, regions=called)


def _shown(name: str, regions: Mapping[str, Collection[int]]) -> str:
    """The name of a region in a label map, where later regions lie over it: "kidney without masses".

    A later region within another later one is not said.

    >>> _shown("kidney", {"kidney": {1, 2, 3}, "masses": {2, 3}, "tumour": {2}})
    'kidney without masses'
    """
    names = list(regions)
    over = [one for one in names[names.index(name) + 1 :] if set(regions[one]) & set(regions[name])]
    largest = [one for one in over if not any(set(regions[one]) < set(regions[other]) for other in over)]
    return f"{name} without {' and '.join(largest)}" if largest else name
