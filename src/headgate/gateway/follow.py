"""Follow the routes: read them a few times a second, load what they name, and hand over a table that can answer.

Runs in a thread of its own. A version that does not load, or whose bundle is not the approved one, is refused: what
served before keeps serving. When the routes cannot be read, the last table stands.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Event

from headgate.base.errors import BadInput, HeadgateError
from headgate.gateway.table import Entry, Serving, Shaded, Table
from headgate.gateway.version import Loaded
from headgate.journal.ports import Document
from headgate.routing.route import Arm, Route, Shadow

LOG = logging.getLogger("headgate.gateway")
Open = Callable[[str, Arm], Loaded]
Shade = Callable[[str, Shadow], Shaded]
RETRY_TURNS = 25


def turn(
    table: Table, documents: Sequence[Document], open_version: Open, shade: Shade | None = None, *, again: bool
) -> Iterator[Table]:
    """Yield the table after each change that the documents ask for; yield nothing when there is none.

    Args:
        table: What stands.
        documents: The routes as they are now.
        open_version: Loads and warms a version, its digest checked; raises HeadgateError.
        shade: Finds a shadow's bundle, its digest checked; raises HeadgateError; None: there are no shadows here.
        again: Whether to try once more what was refused.
    """
    if table.away:
        table = replace(table, away="")
        yield table
    for at, document in enumerate(documents):
        old = table.entries.get(document.key)
        if old and old.revision == document.revision and not (old.why and again):
            continue
        entry = follow(document, old, open_version, shade)
        last = at == len(documents) - 1
        if entry == old:
            continue
        table = replace(table, entries={**table.entries, document.key: entry}, read=table.read or last)
        yield table
    if not table.read:
        yield replace(table, read=True)


def follow(document: Document, old: Entry | None, open_version: Open, shade: Shade | None = None) -> Entry:
    """Return the entry that a route document leads to: what it names, or what served before and why.

    A challenger that does not load leaves its share with the champion; a champion that does not load leaves everything
    as it was. A shadow whose bundle is not there gets nothing.
    """
    before = old.servings if old else ()
    arm: Arm | None = None
    try:
        route = _route(document)
        arm = route.champion
        champion = _serve(document.key, arm, before, open_version)
    except HeadgateError as error:
        what = f"version {arm.version} is refused: {error.what}" if arm else f"the route is refused: {error.what}"
        kept = old or Entry(document.key, document.revision, arm, None)
        return replace(kept, revision=document.revision, wanted=arm, why=what)
    others: list[Serving] = []
    flaws: list[str] = []
    for other in route.challengers:
        try:
            others.append(_serve(document.key, other, (champion, *others, *before), open_version))
        except HeadgateError as error:
            flaws.append(f"version {other.version} ({other.name}) is refused: {error.what}")
    shadows = tuple(_shade(document.key, route.shadows, shade, flaws)) if shade else ()
    return Entry(document.key, document.revision, arm, champion, "; ".join(flaws), tuple(others), route, shadows)


def _shade(model: str, shadows: Sequence[Shadow], shade: Shade, flaws: list[str]) -> Iterator[Shaded]:
    for shadow in shadows:
        try:
            yield shade(model, shadow)
        except HeadgateError as error:
            flaws.append(f"version {shadow.version} ({shadow.name}, a shadow) is refused: {error.what}")


def _serve(model: str, arm: Arm, before: Sequence[Serving], open_version: Open) -> Serving:
    """Return what serves an arm: what serves it already, else the version, opened if it is not."""
    for serving in before:
        if serving.arm == arm:
            return serving
    for serving in before:
        if _same(serving.arm, arm):
            return Serving(arm, serving.loaded)
    return Serving(arm, open_version(model, arm))


def _same(one: Arm, other: Arm) -> bool:
    return (one.version, one.digest) == (other.version, other.digest)


def _route(document: Document) -> Route:
    try:
        if isinstance(document.body, Mapping):
            return Route.from_json(document.body)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"the route document cannot be read: {error!r}", where=document.key) from error
    raise BadInput("the route document is not an object", where=document.key)


def _say(entry: Entry) -> str:
    champion, *others = entry.servings
    shares = [f", version {one.arm.version} has {one.arm.weight:.4g} as {one.arm.name}" for one in others]
    return f"version {champion.arm.version} serves" + "".join(shares)


class Follower:
    """Follows the routes until it is told to stop.

    Args:
        read: Returns the route documents; may raise when the database is away.
        open_version: Loads a version.
        publish: Takes each new table; called in this thread.
        seconds: Between two looks.
        also: Called at each look, before the routes are read.
        shade: Finds a shadow's bundle; None: there are no shadows here.
    """

    def __init__(
        self,
        read: Callable[[], Sequence[Document]],
        open_version: Open,
        publish: Callable[[Table], None],
        seconds: float,
        also: Callable[[], None] | None = None,
        shade: Shade | None = None,
    ) -> None:
        self._read = read
        self._open = open_version
        self._shade = shade
        self._publish = publish
        self._seconds = seconds
        self._also = also
        self._table = Table()
        self._stop = Event()

    def run(self) -> None:
        """Look, load, publish; until stop."""
        turns = 0
        while not self._stop.is_set():
            self.look(again=turns % RETRY_TURNS == 0)
            turns += 1
            self._stop.wait(self._seconds)

    def stop(self) -> None:
        """End run after the turn that it is in."""
        self._stop.set()

    def look(self, *, again: bool) -> None:
        """Take one turn."""
        if self._also is not None:
            self._also()
        try:
            documents = self._read()
        except Exception as error:  # noqa: BLE001 - any database's own classes: the last good table stands, and the page says why
            self._lose(error)
            return
        for table in turn(self._table, documents, self._open, self._shade, again=again):
            self._report(table)
            self._table = table
            self._publish(table)

    def _lose(self, error: Exception) -> None:
        if not self._table.away:
            LOG.warning("the routes cannot be read; the last table stands: %s", error)
        table = replace(self._table, away=f"cannot be read: {type(error).__name__}")
        if table != self._table:
            self._table = table
            self._publish(table)

    def _report(self, table: Table) -> None:
        for model, entry in table.entries.items():
            old = self._table.entries.get(model)
            if entry is old:
                continue
            if entry.why:
                LOG.error("model %s, revision %d: %s", model, entry.revision, entry.why)
            elif entry.serving:
                LOG.info("model %s, revision %d: %s", model, entry.revision, _say(entry))
