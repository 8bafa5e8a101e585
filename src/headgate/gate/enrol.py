"""Add and revoke people in the journal. This file acts, for people alone; who counts is decided in `people`.

The first person is free. A later one needs the signature of somebody whose key counts; with `without` (a reason) they
are added without, and what they sign stays unauthenticated, which every screen says.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from headgate.base.clock import Clock
from headgate.base.digest import Json
from headgate.base.errors import BadInput, Refused
from headgate.gate.people import (
    ADDED,
    REVOKED,
    STREAM,
    People,
    Person,
    Signer,
    check_name,
    key_id_of,
    may_add,
    people_of,
    plain_name,
    unvouched,
    vouch,
)
from headgate.journal.event import Event, NewEvent
from headgate.journal.ports import EventStore


@dataclass(frozen=True, slots=True)
class Voucher:
    """Who vouches: a name and their key; without a signer nobody does."""

    name: str
    signer: Signer | None = None


def add_person(
    store: EventStore, clock: Clock, name: str, public_key: str, voucher: Voucher, without: str | None = None
) -> Person:
    """Make a key known as a person's; for somebody who is already known, it replaces their key.

    Raises:
        BadInput: The name cannot be one, or the voucher's key is not theirs.
        Refused: The key is taken, or nobody vouches and no reason is given for doing without.
    """
    check_name(name)
    if without is not None and not without.strip():
        raise Refused("doing without a signature needs a reason", where=f"person {name}", way_out='--unvouched "why"')
    events = list(store.read(STREAM))
    people = people_of(events)
    may_add(people, name, public_key)
    body = _body(clock, {"name": name, "key_id": key_id_of(public_key), "public_key": public_key})
    if people.known:
        body = _vouched(people, ADDED, body, voucher, name, without)
    reason = (without or "").strip() or ("the first person" if not people.known else f"vouched by {voucher.name}")
    after = _append(store, events, NewEvent(ADDED, _actor(voucher.name or name), reason, body))
    return after.known[name]


def revoke_person(store: EventStore, clock: Clock, name: str, because: str, voucher: Voucher) -> Person:
    """Let a person's key no longer count; somebody whose key counts signs that, the person themselves for example."""
    if not because.strip():
        raise BadInput("a revocation needs a reason", where=f"person {name}", way_out='--because "key lost"')
    events = list(store.read(STREAM))
    people = people_of(events)
    person = people.active(name)
    if person is not None and people.trusted() == (person.name,):
        raise Refused(
            f"{name} is the last whose key is trusted; without them nothing could be authenticated any more",
            where=f"person {name}",
            way_out="add somebody first (`headgate person add NAME`), then revoke",
        )
    if person is None:
        known = ", ".join(people.names()) or "nobody"
        raise BadInput(f"nobody called {name} has a key that counts", where="person revoke", way_out=f"known: {known}")
    body = _body(clock, {"name": person.name, "key_id": person.key_id})
    body = _vouched(people, REVOKED, body, voucher, name, None)
    after = _append(store, events, NewEvent(REVOKED, _actor(voucher.name), because.strip(), body))
    return after.known[plain_name(name)]


def _body(clock: Clock, said: Mapping[str, Json]) -> dict[str, Json]:
    return {**said, "by": None, "by_key": None, "at": clock.now().isoformat(), "signature": None}


def _vouched(
    people: People, kind: str, body: dict[str, Json], voucher: Voucher, name: str, without: str | None
) -> dict[str, Json]:
    by = plain_name(voucher.name)
    if voucher.signer is None:
        if without and without.strip() and people.active(name) is None:
            return {**body, "by": by or None}
        raise Refused(
            f"somebody who has a key must sign for this ({', '.join(people.names()) or 'nobody is left'})",
            where=f"person {name}",
            way_out="--as VOUCHER --their-key FILE"
            + (' ; or --unvouched "reason": their ballots then stay unauthenticated' if kind == ADDED else ""),
        )
    person = people.active(by)
    if person is None or person.key_id != key_id_of(voucher.signer.public_key):
        raise BadInput(
            f"this is not {by}'s key" if person else f"{by} has no key that counts",
            where=f"person {name}",
            way_out=f"sign as one of: {', '.join(people.names())}",
        )
    body = {**body, "by": person.name, "by_key": person.key_id}
    body["signature"] = voucher.signer.sign(vouch(kind, body))
    flaw = unvouched(people, kind, body)
    if flaw and (kind == REVOKED or people.active(name) is not None):
        raise Refused(
            f"this needs somebody trusted: {flaw}",
            where=f"person {name}",
            way_out=f"sign as one of: {', '.join(people.trusted())}",
        )
    return body


def _append(store: EventStore, events: list[Event], new: NewEvent) -> People:
    recorded = store.append(STREAM, events[-1].sequence if events else 0, [new])
    return people_of([*events, *recorded])


def _actor(name: str) -> str:
    return f"person:{plain_name(name)}"
