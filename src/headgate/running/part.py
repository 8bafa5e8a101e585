"""What a part of a running project is, and how it stands. Values only."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["waiting", "starting", "ready", "down", "ended"]


@dataclass(frozen=True, slots=True)
class Part:
    """A process that is wanted.

    Attributes:
        name: Of the part; also its log's.
        command: Starts it.
        address: For people; empty: it listens nowhere.
        probe: URL that answers 200 once the part is ready; empty: it says so in a line.
        says: The line begins with this.
        after: Part that must have settled before: be ready, or have failed.
        admin: Where it tells more of itself; empty: nowhere.
        drain: Seconds that it has to end.
    """

    name: str
    command: tuple[str, ...]
    address: str = ""
    probe: str = ""
    says: str = ""
    after: str = ""
    admin: str = ""
    drain: float = 15.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How a part stands.

    Attributes:
        name: Of the part.
        state: What it does.
        address: Where it listens.
        admin: Where it tells more of itself; empty: nowhere.
        pid: Of its process; None: there is none.
        since: When it got into this state (ISO 8601).
        restarts: How often it had to be started again.
        quick: How many of its last lives were short.
        why: Of the last end that nobody asked for.
    """

    name: str
    state: State
    address: str = ""
    admin: str = ""
    pid: int | None = None
    since: str = ""
    restarts: int = 0
    quick: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """What `headgate up` says of itself.

    Attributes:
        pid: Of the supervisor.
        since: When it started.
        parts: In order.
        ended: Whether it ended in order.
    """

    pid: int
    since: str
    parts: tuple[Standing, ...]
    ended: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return what is written."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Record":
        """Read what to_json wrote; raises KeyError or TypeError for anything else."""
        return cls(body["pid"], body["since"], tuple(Standing(**one) for one in body["parts"]), body["ended"])
