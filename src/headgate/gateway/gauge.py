"""What calls of a model cost in processor time. Asking for it is a system call, which a short call may not be worth.

Of the calls on the loop, ten a second are measured; the others count for the time that they took, times
the share of it that the processor worked in the last one that was measured.
"""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
EVERY_SECONDS = 0.1


class Gauge:
    """Measures calls that one thread makes, one after the other.

    Args:
        seconds: Reads a clock that only rises.
        cpu: Reads the processor time, in seconds, of the thread that it is called in.
    """

    def __init__(self, seconds: Callable[[], float], cpu: Callable[[], float]) -> None:
        self._seconds = seconds
        self._cpu = cpu
        self._next = 0.0
        self._share = 1.0

    def about(self, call: Callable[[], T]) -> tuple[T, float]:
        """Return what a call returns, and about how much processor time it took."""
        began = self._seconds()
        if began < self._next:
            made = call()
            return made, (self._seconds() - began) * self._share
        self._next = began + EVERY_SECONDS
        made, spent = self.exactly(call)
        took = self._seconds() - began
        if took > 0:
            self._share = min(1.0, spent / took)
        return made, spent

    def exactly(self, call: Callable[[], T]) -> tuple[T, float]:
        """Return what a call returns, and the processor time that it took; in any thread."""
        start = self._cpu()
        made = call()
        return made, self._cpu() - start
