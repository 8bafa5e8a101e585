"""Which events a reader wants to see. Pure: it reads what it is given."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from headgate.journal.event import Event


@dataclass(frozen=True, slots=True)
class Pick:
    """A choice of events; in `kind` and `actor` ``*`` stands for any part."""

    stream: str | None = None
    kind: str = "*"
    actor: str = "*"
    since: datetime | None = None

    def wants(self, event: Event) -> bool:
        """Tell whether an event is chosen."""
        return (
            self.stream in (None, event.stream)
            and fnmatchcase(event.kind, self.kind)
            and fnmatchcase(event.actor, self.actor)
            and (self.since is None or event.at >= self.since)
        )

    def last(self, events: Iterable[Event], limit: int) -> Iterable[Event]:
        """Return the chosen events, or the last `limit` of them; 0: all, as they come."""
        chosen = (event for event in events if self.wants(event))
        return deque(chosen, maxlen=limit) if limit else chosen
