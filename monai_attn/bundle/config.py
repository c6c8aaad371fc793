"""The config of a bundle as plain values: walked, looked up, changed. None of its code runs.

This is the only file that walks a config, and the only file that looks up its `@references`. It loads neither torch nor
MONAI. An id names a place in a config, with `::` between the levels: `preprocessing::transforms::0::keys`. MONAI's
older sign between the levels, `#`, is understood too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

__all__ = [
    "NOTHING",
    "TARGET",
    "Component",
    "at",
    "component_of",
    "components_of",
    "config_ids",
    "is_expression",
    "leaves",
    "mapping_at",
    "overridden",
    "parents_of_id",
    "resolve",
    "rewritten",
    "texts_of",
    "texts_replaced",
    "walk_config",
]

TARGET = "_target_"
"""The key under which MONAI's configs name the class or function of a component."""

NOTHING = object()
"""What `at` gives for an id that a config does not have."""


class Component(NamedTuple):
    """A part of a config of which MONAI makes a Python object: its id, its `_target_`, and all its keys."""

    id: str
    target: str
    settings: dict[str, Any]

    @property
    def name(self) -> str:
        """The last part of the target.

        >>> Component("a", "monai.transforms.LoadImaged", {}).name
        'LoadImaged'
        """
        return self.target.rpartition(".")[2]


def walk_config(node: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every part of a config with its id, from the outside in; the config itself comes first, with the id "".

    >>> list(walk_config({"keys": ["t1"]}))
    [('', {'keys': ['t1']}), ('keys', ['t1']), ('keys::0', 't1')]
    """
    yield place, node
    for key, child in _children(node):
        yield from walk_config(child, _joined(place, key))


def config_ids(config: Any) -> Iterator[str]:
    """Every id of a config; none for an empty config.

    >>> list(config_ids({"inferer": {"overlap": 0.5}, "keys": ["t1"]}))
    ['inferer', 'inferer::overlap', 'keys', 'keys::0']
    """
    return (place for place, _ in walk_config(config) if place)


def components_of(config: Any, *names: str) -> Iterator[Component]:
    """The components of a config whose target ends in one of these names; all components when no name is given.

    >>> [one.id for one in components_of({"a": [{"_target_": "monai.inferers.SimpleInferer"}]}, "SimpleInferer")]
    ['a::0']
    """
    found = (component_of(place, node) for place, node in walk_config(config))
    return (one for one in found if one is not None and (not names or one.name in names))


def component_of(place: str, node: Any) -> Component | None:
    """A part of a config as a component; None when the part has no target."""
    target = node.get(TARGET) if isinstance(node, dict) else None
    return Component(place, target, node) if isinstance(target, str) else None


def texts_of(config: Any) -> Iterator[str]:
    """Every text among the values of a config, expressions and references among them.

    >>> list(texts_of({"device": "$torch.device('cpu')", "overlap": 0.5}))
    ["$torch.device('cpu')"]
    """
    return (node for _, node in walk_config(config) if isinstance(node, str))


def leaves(node: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Ids and values of all that is no mapping; a list of plain values counts as one value.

    >>> list(leaves({"roi_size": [96, 96, 96], "inferer": {"overlap": 0.5}}))
    [('roi_size', [96, 96, 96]), ('inferer::overlap', 0.5)]
    """
    plain = isinstance(node, list) and not any(isinstance(value, dict | list) for value in node)
    if plain or not isinstance(node, dict | list):
        yield place, node
        return
    for key, child in _children(node):
        yield from leaves(child, _joined(place, key))


def resolve(said: Any, config: Any) -> Any:
    """The plain value behind a reference, also of references in a list, and of references to references.

    An expression (`$...`) stays the text that it is. So does a reference to an id that the config does not have, and a
    reference to itself.

    >>> resolve("@key", {"key": "@name", "name": "image"})
    'image'
    """
    return _resolved(said, config, frozenset())


def is_expression(said: Any) -> bool:
    """Whether a value is a text that stands for something else: an expression `$`, a reference `@`, a macro `%`.

    >>> is_expression("@device"), is_expression("cpu")
    (True, False)
    """
    return isinstance(said, str) and said[:1] in ("$", "@", "%")


def parents_of_id(place: str) -> list[str]:
    """An id in MONAI's present spelling, preceded by all ids above it, the outermost first.

    >>> parents_of_id("train#trainer#max_epochs")
    ['train', 'train::trainer', 'train::trainer::max_epochs']
    """
    parts = _parts(place)
    return ["::".join(parts[:depth]) for depth in range(1, len(parts) + 1)]


def overridden(config: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a config with other values at some ids.

    An id whose parent the config does not have is passed over; `monai_attn.bundle.overrides.check_ids` refuses such
    ids.

    >>> overridden({"inferer": {"overlap": 0.5}}, {"inferer::overlap": 0.25})
    {'inferer': {'overlap': 0.25}}
    """
    changed = deepcopy(dict(config))
    for place, value in overrides.items():
        *parents, last = _parts(place)
        parent = at(changed, "::".join(parents)) if parents else changed
        if isinstance(parent, dict):
            parent[last] = value
        elif isinstance(parent, list) and last.isdigit() and int(last) < len(parent):
            parent[int(last)] = value
    return changed


def rewritten(node: Any, change: Callable[[Component], dict[str, Any]], place: str = "") -> Any:
    """A copy of a config in which each component is what `change` makes of it, from the inside out.

    >>> rewritten([{"_target_": "A"}], lambda one: {"_target_": one.target + "d"})
    [{'_target_': 'Ad'}]
    """
    if isinstance(node, list):
        return [rewritten(child, change, _joined(place, key)) for key, child in _children(node)]
    if not isinstance(node, dict):
        return node
    copy = {key: rewritten(child, change, _joined(place, key)) for key, child in node.items()}
    component = component_of(place, copy)
    return copy if component is None else change(component)


def mapping_at(config: Any, place: str) -> dict[str, Any]:
    """The part of a config at an id, where that part is a mapping of names; empty for anything else.

    >>> mapping_at({"inputs": None}, "inputs::image")
    {}
    """
    found = at(config, place)
    return found if isinstance(found, dict) else {}


def texts_replaced(node: Any, change: Callable[[str], Any]) -> Any:
    """A copy of a config in which each text among the values is what `change` makes of it.

    >>> texts_replaced({"keys": ["t1"]}, str.upper)
    {'keys': ['T1']}
    """
    if isinstance(node, dict):
        return {key: texts_replaced(child, change) for key, child in node.items()}
    if isinstance(node, list):
        return [texts_replaced(child, change) for child in node]
    return change(node) if isinstance(node, str) else node


def _children(node: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(node, dict):
        yield from node.items()
    elif isinstance(node, list):
        yield from enumerate(node)


def _joined(place: str, key: object) -> str:
    return f"{place}::{key}" if place else str(key)


def _parts(place: str) -> list[str]:
    return place.replace("#", "::").split("::")


def at(config: Any, place: str) -> Any:
    """The part of a config at an id; `NOTHING` where the config has no such id.

    >>> at({"keys": ["t1"]}, "keys::0")
    't1'
    """
    for part in _parts(place):
        if isinstance(config, dict) and part in config:
            config = config[part]
        elif isinstance(config, list) and part.isdigit() and int(part) < len(config):
            config = config[int(part)]
        else:
            return NOTHING
    return config


def _resolved(said: Any, config: Any, seen: frozenset[str]) -> Any:
    if isinstance(said, str) and said.startswith("@") and said not in seen:
        found = at(config, said[1:])
        return said if found is NOTHING else _resolved(found, config, seen | {said})
    if isinstance(said, list | tuple):
        return [_resolved(one, config, seen) for one in said]
    return said
