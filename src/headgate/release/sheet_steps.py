"""Look at the releases of models, again and again: reads the journal on from where it was, and asks the judge."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from headgate.base.errors import BadInput, HeadgateError
from headgate.journal.event import Event
from headgate.journal.ports import EventStore
from headgate.release import events
from headgate.release.evidence import Evidence
from headgate.release.ledger import stream_of
from headgate.release.ports import Judge
from headgate.release.progress import Releases, advance
from headgate.release.route_steps import read_route
from headgate.release.sheet import Sheet, sheet
from headgate.release.standing import Standing


@dataclass
class Looking:
    """What was read of one model's releases so far.

    Attributes:
        recorded: The evidence that was recorded last, by release.
    """

    releases: Releases
    recorded: dict[str, Evidence] = field(default_factory=dict)

    def feed(self, found: Iterable[Event]) -> None:
        """Take further events in; those read before, or of other streams, change nothing."""
        for event in found:
            if event.stream != stream_of(self.releases.model) or event.position <= self.releases.position:
                continue
            if event.kind == events.EVIDENCE:
                body: Any = event.body
                self.recorded[body["release"]] = Evidence.from_json(body["evidence"])
            self.releases = advance(self.releases, event)

    def sheets(self, store: EventStore, judge: Judge, now: datetime) -> Iterator[Sheet]:
        """Yield how each release stands, in the order in which they started."""
        route = read_route(store, self.releases.model)
        first = self.releases.open[0].release if self.releases.open else ""
        for at in self.releases.all:
            ahead = "" if at.release == first else first
            yield sheet(at, self._seen(at, judge, now), route, now, ahead)

    def _seen(self, at: Standing, judge: Judge, now: datetime) -> Evidence | None:
        """What is measured now; of a release that is over, or where nothing is measured, what was recorded last."""
        recorded = self.recorded.get(at.release)
        if at.state.ended or at.rung < 0:
            return recorded
        try:
            found = judge.evidence(at, now)
        except HeadgateError:
            return recorded
        return found if found.readings or recorded is None else recorded


class Watcher:
    """Looks at every release of a project.

    Args:
        store: The journal.
        judge: What was measured.
        models: Whose releases.
    """

    def __init__(self, store: EventStore, judge: Judge, models: Iterable[str]) -> None:
        self._store, self._judge = store, judge
        self._models = {name: Looking(Releases(name)) for name in models}

    def sheets(self, now: datetime) -> tuple[Sheet, ...]:
        """Return how every release stands, model by model."""
        found = list[Sheet]()
        for name, looking in self._models.items():
            looking.feed(self._store.read(stream_of(name), after=looking.releases.position))
            found += looking.sheets(self._store, self._judge, now)
        return tuple(found)

    def sheet(self, release: str, now: datetime) -> Sheet:
        """Return how one release stands; without an id, the only one that runs.

        Raises:
            BadInput: There is no such release, or none or several run.
        """
        every = self.sheets(now)
        wanted = [one for one in every if one.at.release == release or (not release and not one.at.state.ended)]
        if len(wanted) == 1:
            return wanted[0]
        named = ", ".join(one.at.release for one in (wanted or every)[-5:]) or "none yet"
        what = f"there is no release {release!r}" if release else f"{len(wanted) or 'no'} releases run"
        raise BadInput(what, where="journal", way_out=f"name one of: {named}; `headgate release list`")
