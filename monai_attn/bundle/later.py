"""Modules that are loaded when somebody uses them, not when a package imports them beforehand.

`import torch` registers how each operation would compute without numbers, for `torch.compile` and `torch.export`. That
takes a third of its time. A segmentation that runs a network on numbers has no use for it.

Importing this module loads neither torch nor MONAI.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

__all__ = ["load_later"]


def load_later(modules: Iterable[str], before: Iterable[str] = ()) -> None:
    """From now on, an import of one of `modules` gives an empty module, which is filled at the first look for a name.

    Modules that are there already stay as they are. Some modules work by what they register, and nobody looks into
    them. So an import of one of `before`, or of a part of it, fills all of `modules` first.

    >>> load_later(["this"])
    >>> import this  # prints nothing yet
    >>> len(this.s) > 800  # doctest: +ELLIPSIS
    The Zen of Python, by Tim Peters
    ...
    True
    """
    sys.meta_path.insert(0, _Finder([name for name in modules if name not in sys.modules], before))


class _Finder(MetaPathFinder):
    """Finds the modules of `load_later`."""

    def __init__(self, modules: Iterable[str], before: Iterable[str]) -> None:
        self.waiting = set(modules)
        self.before = tuple(before)
        self.loaders: list[_Loader] = []

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The module's own place, with a loader that waits; None for all other modules."""
        if name not in self.waiting:
            if any(name == one or name.startswith(f"{one}.") for one in self.before) and _is_complete(name):
                self.before = ()
                self.waiting.clear()
                for loader in self.loaders:
                    loader.fill()
            return None
        self.waiting.discard(name)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
            self.loaders.append(spec.loader)
        return spec


def _is_complete(name: str) -> bool:
    """Whether the package of a module has been imported to its end: what it leaves for later may need all of it."""
    package = sys.modules.get(name.partition(".")[0])
    return package is not None and not getattr(package.__spec__, "_initializing", False)


class _Loader(Loader):
    """Loads a module when a name is looked up in it; several threads wait for one that loads."""

    def __init__(self, own: Loader) -> None:
        self.own = own
        self.lock = threading.RLock()
        self.module: ModuleType | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """What the module's own loader makes."""
        return self.own.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Wait: Python asks a module's `__getattr__` for names that it does not have."""
        self.module = module
        module.__dict__["__getattr__"] = self.look_up

    def look_up(self, name: str) -> Any:
        """The value of a name in the module, which is filled for it. Raises `AttributeError` as ever."""
        if name.startswith("__") and name.endswith("__"):  # Python's own questions, such as for __wrapped__
            raise AttributeError(name)
        self.fill()
        return getattr(self.module, name)

    def fill(self) -> None:
        """Run the module's code, once."""
        with self.lock:
            if self.module is not None and self.module.__dict__.get("__getattr__") == self.look_up:
                del self.module.__dict__["__getattr__"]
                self.own.exec_module(self.module)
