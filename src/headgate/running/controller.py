"""Pass after pass over the project: what each did is said, what it could not do once, until it can.

What a pass does is handed in. A pass that fails ends nothing: the next one finds what is left, whatever it failed
with, since passes run in threads that nobody would start again. Nothing here reads a clock.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from headgate.base.errors import HeadgateError, fault

EVERY = 10  # passes after which is written that it lives, when nothing else is to be said


class Passed(Protocol):
    """What a pass came to."""

    @property
    def done(self) -> tuple[str, ...]:
        """What it did."""
        ...

    @property
    def trouble(self) -> tuple[str, ...]:
        """What it could not do now."""
        ...


class Controller:
    """Runs passes.

    Args:
        one_pass: Runs one.
        say: Called with what was done.
        warn: Called with what could not be done, and what can again.
        report: Called with the number of the pass and the troubles that there are.
    """

    def __init__(
        self,
        one_pass: Callable[[], Passed],
        say: Callable[[str], None],
        warn: Callable[[str], None],
        report: Callable[[int, Sequence[str]], None],
    ) -> None:
        self._pass = one_pass
        self._say = say
        self._warn = warn
        self._report = report
        self._trouble: tuple[str, ...] | None = None
        self._passes = 0

    def run(self, wait: Callable[[], bool]) -> None:
        """Run passes until wait, which is called after each, says that it is the end."""
        while True:
            self.once()
            if wait():
                return

    def once(self) -> None:
        """Run one pass."""
        self._passes += 1
        try:
            passed = self._pass()
        except HeadgateError as error:
            trouble: tuple[str, ...] = (str(error).replace("\n", ";"),)
        except Exception as error:  # noqa: BLE001 - a fault of ours in one pass must not end all that come after
            trouble = (fault(error),)
        else:
            trouble = passed.trouble
            for line in passed.done:
                self._say(line)
        known = self._trouble or ()
        for line in trouble:
            if line not in known:
                self._warn(line)
        for line in known:
            if line not in trouble:
                self._say(f"no longer: {line}")
        if trouble != self._trouble or self._passes % EVERY == 0:
            self._write(trouble)
        self._trouble = trouble

    def _write(self, trouble: Sequence[str]) -> None:
        """Report; where that cannot be done, what the passes are for goes on."""
        try:
            self._report(self._passes, trouble)
        except HeadgateError as error:
            self._warn(f"how the passes go cannot be written: {error.what}")
