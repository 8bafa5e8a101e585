"""Keep models in memory up to a budget: the least recently used is closed, and opened again when somebody asks for it.

A request for a model that is closed waits while it is opened; others of the same model wait with it, those of other
models do not. A model is never closed while it answers. What a model takes is counted as its bundle's size on disk.
"""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

import numpy.typing as npt

from headgate.base.errors import HeadgateError, Unavailable
from headgate.features.predictor import MakeRuntime
from headgate.registry.bundle import Manifest, open_bundle
from headgate.registry.ports import ModelRuntime
from headgate.registry.signature import Columns


class Residence:
    """The models that are open, and how much they take together.

    Args:
        budget: Bytes that open models may take; one that alone is larger is opened alone.
        make: Builds the runtime that a bundle names.
    """

    def __init__(self, budget: int, make: MakeRuntime) -> None:
        self._budget = budget
        self._make = make
        self._lock = Lock()
        self._open: OrderedDict[Lodger, None] = OrderedDict()  # the least recently used first
        self.taken = 0

    def __call__(self, folder: Path, manifest: Manifest) -> "Lodger":
        """Return a runtime that is open only while there is room for it; opened once now, to prove that it can be."""
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        lodger = Lodger(self, lambda: self._make(folder, manifest), folder, manifest, size)
        lodger.enter(check=False)
        lodger.leave()
        return lodger

    def make_room(self, size: int) -> list[ModelRuntime]:
        """Take idle models out until so much more fits; return them, to be closed. For nothing more, one may stay."""
        out: list[ModelRuntime] = []
        with self._lock:
            for lodger in list(self._open):
                if self.taken + size <= self._budget or (not size and len(self._open) == 1):
                    break
                if lodger.users == 0 and lodger.inner is not None:
                    out.append(lodger.inner)
                    self._drop(lodger)
        return out

    def settle(self, lodger: "Lodger", inner: ModelRuntime) -> None:
        """Note that a model is open now, with one user."""
        with self._lock:
            lodger.inner, lodger.users = inner, 1
            self._open[lodger] = None
            self.taken += lodger.size

    def use(self, lodger: "Lodger") -> ModelRuntime | None:
        """Return the open model for one more user; None when it is closed."""
        with self._lock:
            if lodger.inner is None:
                return None
            lodger.users += 1
            self._open.move_to_end(lodger)
            return lodger.inner

    def let_go(self, lodger: "Lodger") -> bool:
        """Note that a user is done; return whether more is open than should be, since all of it was in use."""
        with self._lock:
            lodger.users -= 1
            return self.taken > self._budget and len(self._open) > 1

    def move_out(self, lodger: "Lodger") -> ModelRuntime | None:
        """Take a model out for good; return it when it was open."""
        with self._lock:
            inner = lodger.inner
            if inner is not None:
                self._drop(lodger)
            return inner

    def _drop(self, lodger: "Lodger") -> None:
        lodger.inner = None
        del self._open[lodger]
        self.taken -= lodger.size


class Lodger:
    """A ModelRuntime that is open now and then.

    Attributes:
        apart: It may block while it opens, and so must not run on the loop.
        inner: The open runtime; None while it is closed.
        users: How many calls it answers at this moment.
        size: Bytes that it counts as.
    """

    apart = True

    def __init__(
        self, home: Residence, reopen: Callable[[], ModelRuntime], folder: Path, manifest: Manifest, size: int
    ) -> None:
        self.inner: ModelRuntime | None = None
        self.users = 0
        self.size = size
        self._home = home
        self._reopen = reopen
        self._folder = folder
        self._digest = manifest.digest
        self._opening = Lock()

    def run(self, features: Columns) -> dict[str, npt.NDArray[Any]]:
        """Return the outputs of these rows; opens the model first when it is closed."""
        inner = self.enter()
        try:
            return inner.run(features)
        finally:
            self.leave()

    def enter(self, *, check: bool = True) -> ModelRuntime:
        """Return the open model and keep it open; the bundle's digest is checked before it is opened again.

        Raises:
            Unavailable: It cannot be opened any more.
        """
        if (inner := self._home.use(self)) is not None:
            return inner
        with self._opening:
            if (inner := self._home.use(self)) is not None:  # another request has opened it meanwhile
                return inner
            for other in self._home.make_room(self.size):
                other.close()
            try:
                if check:
                    open_bundle(self._folder, self._digest)
                inner = self._reopen()
            except HeadgateError as error:
                if not check:
                    raise
                raise Unavailable(
                    f"the model cannot be opened again: {error.what}", where=error.where, way_out=error.way_out
                ) from error
            self._home.settle(self, inner)
            return inner

    def leave(self) -> None:
        """Give back what enter returned; it stays open until its room is needed."""
        if self._home.let_go(self):
            for other in self._home.make_room(0):
                other.close()

    def close(self) -> None:
        """Let go of the model; a second call does nothing."""
        inner = self._home.move_out(self)
        if inner is not None:
            inner.close()
