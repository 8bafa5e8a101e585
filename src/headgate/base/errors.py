"""The errors that people see.

Every error says what is wrong, where, and the way out; its class fixes the exit code of the command.

    HeadgateError
    ├── Refused          3  a rule of the project says no (unapproved, requester approves, breaking signature)
    ├── BadInput         4  what was handed in cannot be used (data, policy, a model file)
    │   ├── BadPolicy       headgate.yaml: file, line, key
    │   └── Leak            a column or a time from the future
    ├── Unavailable      5  an outside system did not answer (tracking server, database)
    │   └── Ended           a process of our own that was to answer has ended, or had to be
    ├── Conflict         6  somebody else moved first (stale append)
    │   └── Deposed         another controller leads by now
    └── Tampered         7  a digest, a chain or a signature does not hold

Exit codes 0 (done), 1 (the answer is no: a gate not passed, an audit that found something) and 2 (wrong usage of the
command line) belong to the commands themselves.
"""

import traceback
from typing import ClassVar


class HeadgateError(Exception):
    """An error that a person can act on.

    Args:
        what: What is wrong, in one sentence.
        where: The file, row, column, event or version that it concerns.
        way_out: What the reader can do next.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str = "", way_out: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.way_out = way_out

    def __str__(self) -> str:
        """Return the three parts on lines of their own, the empty ones left out."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n  way out: {self.way_out}" if self.way_out else head


class Refused(HeadgateError):
    """A rule of the project says no."""

    exit_code = 3


class BadInput(HeadgateError):
    """What was handed in cannot be used."""

    exit_code = 4


class BadPolicy(BadInput):
    """headgate.yaml holds something that it may not."""


class Leak(BadInput):
    """A column or a time from the future would reach the model."""


class Unavailable(HeadgateError):
    """An outside system did not answer."""

    exit_code = 5


class Ended(Unavailable):
    """A process of our own that was to answer has ended, or had to be; another is started."""


class Conflict(HeadgateError):
    """Somebody else moved first; read again and decide again."""

    exit_code = 6


class Deposed(Conflict):
    """Another controller leads by now; this one may record nothing."""


class Tampered(HeadgateError):
    """A digest, a chain or a signature does not hold."""

    exit_code = 7


def fault(error: Exception) -> str:
    """Return in one line what nobody foresaw, and where in the code it was."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    return f"a fault of Headgate: {type(error).__name__}: {' '.join(str(error).split())} ({at.filename}:{at.lineno})"
