"""Set and renew the shares of a route: read the record, decide, write event and route in one append."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from headgate.base.digest import Json
from headgate.base.errors import BadInput, Conflict, Refused
from headgate.journal.event import Event, NewEvent
from headgate.journal.ports import Document, EventStore
from headgate.registry.steps import ensure_bundle
from headgate.release.ledger import RENEWED, ROUTE_SET, stream_of
from headgate.release.shares import Setting, Wish, set_shares
from headgate.release.steps import Desk, read_ledger, rules_of
from headgate.routing.route import COLLECTION, Arm, Route, Shadow
from headgate.routing.share import renew

TRIES = 5


def read_route(store: EventStore, model: str) -> Route | None:
    """Return a model's route as the gateway reads it; None: nothing serves."""
    for document in store.documents(COLLECTION):
        if document.key == model:
            body: Any = document.body
            return replace(Route.from_json(body), revision=document.revision)
    return None


def set_route(
    desk: Desk, model: str, wish: Wish, actor: str, because: str, override: str | None = None
) -> tuple[Setting, Event]:
    """Set the shares of a model's versions; the workers follow within a second.

    Raises:
        BadInput: No such arm or version, or shares that do not sum to 1.
        Refused: A version is not ready, or another one than the pointer's is to be champion.
        Conflict: Others kept recording meanwhile.
        Tampered: A bundle is not what was approved.
    """
    if not because.strip():
        raise BadInput("setting a route needs a reason", where=f"model {model}", way_out='--because "why now"')
    rules = rules_of(desk.policy, model)
    for left in reversed(range(TRIES)):
        ledger, people = read_ledger(desk.store, model)
        setting = set_shares(ledger, _standing(desk.store, model), wish, rules, people, desk.clock.now(), override)
        others: list[Arm | Shadow] = [*setting.route.challengers, *setting.route.shadows]
        for one in others:
            ensure_bundle(desk.bundles, desk.registry, model, one.version, one.digest)
        try:
            event = NewEvent(ROUTE_SET, actor, because, setting.to_json())
            return setting, _append(desk.store, ledger.sequence, event, setting.route)
        except Conflict:
            if not left:
                raise
    raise AssertionError("unreachable: the last try returns or raises")


def renew_route(desk: Desk, model: str, until: datetime, actor: str, because: str) -> Route:
    """Push on the lease of the challengers' shares; whoever controls a release does so while it is alive.

    Raises:
        Refused: Nothing serves, or no challenger has a lease.
        Conflict: Somebody else recorded something meanwhile; look again before renewing.
    """
    ledger, _ = read_ledger(desk.store, model)
    route = _standing(desk.store, model)
    if route.renewed_until is None:
        raise Refused("there is no lease to renew", where=f"route {model}", way_out="`headgate route MODEL` shows it")
    renewed = renew(route, until)
    body: dict[str, Json] = {"revision": renewed.revision, "renewed_until": until.isoformat()}
    _append(desk.store, ledger.sequence, NewEvent(RENEWED, actor, because, body), renewed)
    return renewed


def _append(store: EventStore, sequence: int, event: NewEvent, route: Route) -> Event:
    document = Document(COLLECTION, route.model, route.revision, route.to_json())
    return store.append(stream_of(route.model), sequence, [event], [document])[0]


def _standing(store: EventStore, model: str) -> Route:
    route = read_route(store, model)
    if route is None:
        raise Refused(
            "no version serves yet", where=f"model {model}", way_out="`headgate promote VERSION` makes one serve"
        )
    return route


def shares_of(text: str, where: str) -> Mapping[str, float]:
    """Return the shares of ``champion=95,challenger=5``: percent or parts of 1, told apart by their sum.

    Raises:
        BadInput: It cannot be read, or the shares sum to neither 100 nor 1.
    """
    way_out = f"write {where} champion=95,challenger=5"
    try:
        pairs = [part.split("=") for part in text.replace(" ", "").split(",")]
        shares = {name: float(share) for name, share in pairs}
    except ValueError:
        raise BadInput(f"cannot read {text!r}", where=where, way_out=way_out) from None
    total = sum(shares.values())
    whole = next((whole for whole in (1.0, 100.0) if abs(total - whole) < 1e-9 * whole), None)
    if whole is None or len(shares) < len(pairs) or any(not 0 <= share <= whole for share in shares.values()):
        raise BadInput(f"the shares sum to {total:g}, not to 100 (or 1)", where=where, way_out=way_out)
    return {name: share / whole for name, share in shares.items()}
