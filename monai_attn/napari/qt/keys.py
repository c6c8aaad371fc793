"""Keys for a viewer that nobody else uses.

A plugin must not take a key from napari or from another plugin: what is taken already stays where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["bind_free_keys", "release_keys"]

Action = Callable[[Any], None]


def bind_free_keys(viewer: ViewerModel, actions: Mapping[str, Action]) -> dict[str, Action]:
    """Bind those keys that neither napari, its layers nor a plugin uses in this viewer; which these were.

    `actions` maps keys as napari writes them ("Shift-F") to functions of the viewer. Keys that are taken are left out
    of the result; the result is what `release_keys` needs later. Shortcuts that the user set in the preferences count
    as taken.
    """
    from napari import layers
    from napari.settings import get_settings
    from napari.utils.key_bindings import coerce_keybinding

    kinds = [viewer, *(getattr(layers, name) for name in ("Image", "Labels", "Points", "Shapes", "Surface"))]
    taken = {key for kind in kinds for key in kind.class_keymap} | set(viewer.keymap)
    taken |= {key for keys in get_settings().shortcuts.shortcuts.values() for key in keys}
    free = {key: action for key, action in actions.items() if coerce_keybinding(key) not in taken}
    for key, action in free.items():
        viewer.bind_key(key, action)
    return free


def release_keys(viewer: ViewerModel, bound: Mapping[str, Action]) -> None:
    """Give keys back that `bind_free_keys` bound, unless somebody took them meanwhile.

    `bound` is what `bind_free_keys` gave. A key that is bound to another function by now is left alone.
    """
    from napari.utils.key_bindings import coerce_keybinding

    for key, action in bound.items():
        if viewer.keymap.get(coerce_keybinding(key)) is action:
            viewer.bind_key(key, None)
