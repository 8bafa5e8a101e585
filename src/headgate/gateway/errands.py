"""Threads beside the loop: looks that come round for ever, and errands of which one is done per key at a time.

Nothing that an errand or a look raises ends what comes after it. The threads are daemons: an errand that hangs holds up
no end of the process.
"""

import logging
from collections.abc import Callable
from threading import Event, Lock, Thread

LOG = logging.getLogger("headgate.gateway")
Errand = Callable[[], None]


class Errands:
    """Does errands, each key's one after the other, those of several keys side by side.

    Args:
        most: How many at once.
        name: Of the threads.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._lock = Lock()
        self._waiting: dict[str, Errand] = {}
        self._busy: set[str] = set()
        self._threads = 0

    def __call__(self, key: str, errand: Errand) -> None:
        """Do an errand as soon as its key's turn comes; it takes the place of one of this key that still waits."""
        with self._lock:
            self._waiting[key] = errand
            if self._threads == self._most:
                return
            self._threads += 1
        Thread(target=self._work, name=self._name, daemon=True).start()

    def _work(self) -> None:
        while (found := self._next()) is not None:
            key, errand = found
            try:
                errand()
            except Exception:
                LOG.exception("%s %s failed", self._name, key)
            with self._lock:
                self._busy.discard(key)

    def _next(self) -> tuple[str, Errand] | None:
        with self._lock:
            for key in self._waiting:
                if key not in self._busy:
                    self._busy.add(key)
                    return key, self._waiting.pop(key)
            self._threads -= 1
            return None


class Rounds:
    """Looks again and again until it is told to stop.

    Args:
        name: Of the thread.
        look: What is done each time.
        seconds: Between two looks.
    """

    def __init__(self, name: str, look: Callable[[], None], seconds: float) -> None:
        self._name = name
        self._look = look
        self._seconds = seconds
        self._stop = Event()
        self._said = ""

    def start(self) -> None:
        """Look in a thread of its own from now on."""
        Thread(target=self.run, name=self._name, daemon=True).start()

    def run(self) -> None:
        """Look until stop; a look that fails is said once, and the next one comes all the same."""
        while not self._stop.is_set():
            try:
                self._look()
                self._said = ""
            except Exception as error:
                if repr(error) != self._said:
                    LOG.exception("%s: a look failed; the next one comes in %g s", self._name, self._seconds)
                self._said = repr(error)
            self._stop.wait(self._seconds)

    def stop(self) -> None:
        """End after the look that is under way."""
        self._stop.set()
