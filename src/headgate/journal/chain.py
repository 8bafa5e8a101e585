"""The chain: how events are linked when they are recorded, and where a recorded chain breaks.

Pure: events and times are handed in. It names a break and never mends one.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from headgate.base.digest import Json, canonical
from headgate.base.errors import BadInput, Conflict, Tampered
from headgate.journal.event import GENESIS, Event, NewEvent, event_hash
from headgate.journal.head import Head
from headgate.journal.ports import Document

Fault = Literal["edited", "removed", "reordered", "sequence", "truncated", "unreadable"]
SKEW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Break:
    """The first event that is not what was recorded.

    Attributes:
        position: Where; for removed and truncated events the first position that is gone.
        fault: What was done to it, as far as the chain can tell.
        why: What does not hold, for a person.
    """

    position: int
    fault: Fault
    why: str


def link(
    last: Event | None,
    stream: str,
    sequence: int,
    news: Sequence[NewEvent],
    now: datetime,
    genesis: str = GENESIS,
) -> tuple[Event, ...]:
    """Return the events that continue the chain after `last`, the stream being at `sequence`.

    The first event of all follows `genesis`: the fingerprint of the key that signs the journal's head.

    Raises:
        BadInput: No event at all, or a text or body that cannot be recorded exactly (NaN, a key that is no string).
    """
    if not news:
        raise BadInput("there is no event to record", where=stream, way_out="append at least one event")
    at, position = stamp(now, last), last.position if last else 0
    previous, linked = last.hash if last else genesis, []
    for step, new in enumerate(news, start=1):
        exact = _exact(stream, new)
        previous_hash, previous = previous, event_hash(position + step, stream, sequence + step, at, exact, previous)
        linked.append(
            Event(
                position=position + step,
                stream=stream,
                sequence=sequence + step,
                kind=exact.kind,
                at=at,
                actor=exact.actor,
                reason=exact.reason,
                body=exact.body,
                previous=previous_hash,
                hash=previous,
            )
        )
    return tuple(linked)


def stamp(now: datetime, last: Event | None) -> datetime:
    """Return when an event is recorded: now, but not before the last event when two machines' clocks differ a little.

    A last event further ahead than SKEW was stamped by a clock that was wrong; the present one is then believed.
    """
    now = now.astimezone(UTC)
    return max(now, last.at) if last and last.at - now <= SKEW else now


def stale(stream: str, expected: int, found: int) -> Conflict:
    """Return the error of an append that was decided on an older state of the stream."""
    return Conflict(
        f"stream {stream} was expected at sequence {expected} and is at {found}: somebody recorded something meanwhile",
        where=stream,
        way_out="look at what happened (headgate journal), then decide again",
    )


def outdated(document: Document, found: int) -> Conflict:
    """Return the error of a document that somebody else already replaced."""
    return Conflict(
        f"revision {document.revision} was to be written, revision {found} is there already",
        where=f"{document.collection} {document.key}",
        way_out="read the current one, then decide again",
    )


def document_body(document: Document) -> Json:
    """Return the document's body as it will be read back; BadInput when it is not plain JSON."""
    try:
        body: Json = json.loads(canonical(document.body))
    except (TypeError, ValueError, RecursionError) as error:
        where = f"{document.collection} {document.key}"
        raise BadInput(f"the document cannot be kept: {error}", where=where, way_out="use plain JSON") from error
    return body


def _exact(stream: str, new: NewEvent) -> NewEvent:
    """Return the event as it will be read back: its body through canonical JSON."""
    for name, text in (("stream", stream), ("kind", new.kind), ("actor", new.actor)):
        if not text.strip():
            raise BadInput(f"an event needs a {name}", where=f"{stream} {new.kind}", way_out=f"give the {name}")
    try:
        _text(stream + new.kind + new.actor + new.reason)
        body = read_body(canonical(new.body).decode())
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(
            f"the event cannot be recorded exactly: {error}",
            where=f"{stream} {new.kind}",
            way_out="use plain JSON: text keys, finite numbers",
        ) from error
    return NewEvent(new.kind, new.actor, new.reason, body)


def _text(text: str) -> None:
    text.encode()  # half of a surrogate pair has no UTF-8
    if "\x00" in text:
        raise ValueError("a text holds a zero byte, which PostgreSQL cannot keep")


def read_time(text: str) -> datetime:
    """Return the time that was written with microseconds; ValueError when the text is written in any other way."""
    at = datetime.fromisoformat(text)
    if at.isoformat(timespec="microseconds") != text:
        raise ValueError("the time is not written as it was recorded")
    return at


def read_body(text: str) -> Mapping[str, Json]:
    """Return the body that was written as canonical JSON; ValueError when the text is anything else."""
    body: Any = json.loads(text)
    if not isinstance(body, dict) or canonical(body).decode() != text:
        raise ValueError("the body is not the canonical JSON of an object")
    return body


def verify_chain(events: Iterable[Event], head: Head | None = None, after: Event | None = None) -> Break | None:
    """Return the first break in the events, in one pass; None when the chain is whole.

    Args:
        events: In the order read. A row that its store cannot even read (Tampered) is a break as well.
        head: The signed head, read *before* the events: a writer moves it only after its commit. With it, events that
            were removed at the end, or rewritten with new hashes, are found.
        after: The trusted event that `events` continue; None: they start with the first one.
    """
    last, sequences = after, dict[str, int]()
    try:
        for event in events:
            broken = _first_fault(event, last, sequences, knows_streams=after is None)
            if broken is None and head is not None and event.position == head.position:
                broken = check_head(event, head, event)
            if broken is not None:
                return broken
            last, sequences[event.stream] = event, event.sequence
    except Tampered as error:
        return Break(last.position + 1 if last else 1, "unreadable", error.what)
    return None if head is None else check_head(last, head)


def check_head(last: Event | None, head: Head, at_head: Event | None = None) -> Break | None:
    """Return how the journal falls short of the signed head; None when it reaches it.

    A head that lags is fine: a writer may have died between its commit and the head's move.

    Args:
        last: The event at the highest position, read after the head.
        head: The signed head.
        at_head: The event at the head's position, where it was read; the last event stands in when it is there.
    """
    reached = last.position if last else 0
    if reached < head.position:
        gone = f"{reached + 1}" if reached + 1 == head.position else f"{reached + 1} to {head.position}"
        were = "1 event was" if head.position == 1 else f"{head.position} events were"
        why = f"the signed head says that {were} recorded; {gone} gone from the end"
        return Break(reached + 1, "truncated", why)
    there = last if last is not None and last.position == head.position else at_head
    if there is not None and there.position == head.position and there.hash != head.hash:
        return Break(head.position, "edited", f"its hash is {there.hash}, the signed head says {head.hash}")
    return None


def _first_fault(
    event: Event, last: Event | None, sequences: Mapping[str, int], *, knows_streams: bool
) -> Break | None:
    position, previous = (
        (last.position, last.hash) if last else (0, event.previous)
    )  # its own hash guards the first one
    if event.position > position + 1:
        gone = f"{position + 1}" if event.position == position + 2 else f"{position + 1} to {event.position - 1}"
        return Break(position + 1, "removed", f"{gone} gone: after {position} comes {event.position}")
    if event.position <= position:
        return Break(event.position, "reordered", f"it comes after {position}")
    new = NewEvent(event.kind, event.actor, event.reason, event.body)
    holds = event.hash == event_hash(event.position, event.stream, event.sequence, event.at, new, event.previous)
    if event.previous != previous:
        fault: Fault = "edited" if holds else "reordered"
        return Break(event.position, fault, f"it follows {event.previous}, but the event before it is {previous}")
    if not holds:
        return Break(event.position, "edited", "its content is not what its hash was computed from")
    found = sequences.get(event.stream, 0)
    if (knows_streams or event.stream in sequences) and event.sequence != found + 1:
        why = f"stream {event.stream} goes from sequence {found} to {event.sequence}"
        return Break(event.position, "sequence", why)
    return None
