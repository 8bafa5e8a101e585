"""A reader gets the events that match, the last so many of them."""

from datetime import UTC, datetime, timedelta

from headgate.journal.chain import link
from headgate.journal.event import Event, NewEvent
from headgate.journal.pick import Pick

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def events() -> list[Event]:
    found: list[Event] = []
    happened = [("project", "person.added", "person:ada"), ("model/a", "pointer.moved", "person:ada")]
    happened += [("model/b", "pointer.moved", "process:tick"), ("model/a", "run.finished", "person:bob")]
    for step, (stream, kind, actor) in enumerate(happened):
        found += link(
            found[-1] if found else None, stream, 0, [NewEvent(kind, actor, "", {})], NOON + timedelta(hours=step)
        )
    return found


def picked(pick: Pick, limit: int = 0) -> list[int]:
    return [event.position for event in pick.last(events(), limit)]


def test_every_filter_alone_and_together() -> None:
    assert picked(Pick()) == [1, 2, 3, 4]
    assert picked(Pick(stream="model/a")) == [2, 4]
    assert picked(Pick(kind="pointer.*")) == [2, 3]
    assert picked(Pick(kind="pointer")) == []
    assert picked(Pick(actor="person:*")) == [1, 2, 4]
    assert picked(Pick(since=NOON + timedelta(hours=2))) == [3, 4]
    assert picked(Pick("model/a", "*.moved", "*:ada", NOON)) == [2]


def test_a_limit_takes_the_last_ones() -> None:
    assert picked(Pick(), 2) == [3, 4]
    assert picked(Pick(actor="person:*"), 1) == [4]
    assert picked(Pick(), 9) == [1, 2, 3, 4]
