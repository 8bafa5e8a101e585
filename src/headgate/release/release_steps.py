"""What people say about releases: start one, hold it, let it go on, end it. The controller does the rest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import ceil, isfinite
from typing import Any

from headgate.base.errors import BadInput, Conflict, Refused
from headgate.gate.people import People
from headgate.journal.end import refuse_edited
from headgate.journal.event import Event, NewEvent
from headgate.journal.ports import EventStore
from headgate.policy.span import show_span
from headgate.release import events
from headgate.release.forecast import Power, Ruling, Traffic, decidable
from headgate.release.ledger import Ledger, stream_of
from headgate.release.move import State
from headgate.release.plan import Plan, Side, make_plan
from headgate.release.progress import Releases, releases_of
from headgate.release.readiness import listed, readiness
from headgate.release.standing import Standing
from headgate.release.steps import Desk, read_ledger, rules_of

TRIES = 5


@dataclass(frozen=True, slots=True)
class Begun:
    """A release that was started.

    Attributes:
        release: Its id, ``<model>-<number>``.
        traffic: Today's, by which it was ruled.
        ahead: The release that must end first, or whose place it takes; empty: none.
        event: As it was recorded; None: it only would be.
    """

    release: str
    plan: Plan
    ruling: Ruling
    traffic: Traffic
    ahead: str
    event: Event | None

    def to_json(self) -> dict[str, Any]:
        """Return what a program is told."""
        return {
            "release": self.release,
            "versions": {name: side.version for name, side in self.plan.challengers.items()},
            "from": self.plan.champion.version,
            "started": self.event is not None,
            "waits_for": self.ahead,
            "per_second": self.traffic.per_second,
            "rungs": [
                {
                    "name": need.rung.name,
                    "requests": ceil(need.requests) if isfinite(need.requests) else None,
                    "seconds": need.lasts.total_seconds() if need.lasts is not None else None,
                    "guard": need.guard,
                    "enough": need.enough,
                }
                for need in self.ruling.needs
            ],
            "why_not": list(self.ruling.why),
        }


def read_releases(store: EventStore, model: str) -> Releases:
    """Return every release of a model."""
    return releases_of(model, store.read(stream_of(model)))


def find_release(store: EventStore, models: Mapping[str, object], release: str) -> tuple[Releases, Standing]:
    """Return a release by its id, among those of its model; BadInput names those that exist."""
    known = list[str]()
    for model in models:
        releases = read_releases(store, model)
        if (found := releases.find(release)) is not None:
            return releases, found
        known += [one.release for one in releases.all]
    raise BadInput(
        f"there is no release {release!r}",
        where="journal",
        way_out=f"releases: {', '.join(known[-5:]) or 'none yet'}; `headgate release list`",
    )


def propose(
    desk: Desk, model: str, arms: Mapping[str, str], traffic: Traffic, power: Power
) -> tuple[Plan, Ruling, Ledger]:
    """Return the plan of a release, and whether today's traffic can decide it.

    Args:
        desk: What moving a pointer needs of the world.
        model: Its name.
        arms: The versions under release, by arm.
        traffic: Today's.
        power: How many requests a guard needs.

    Raises:
        BadInput: No such model, version or arm.
        Refused: No version serves yet, or one under release may not.
    """
    rules_of(desk.policy, model)
    ledger, people = read_ledger(desk.store, model)
    if ledger.champion is None:
        raise Refused(
            "no version serves yet: there is nothing to compare with",
            where=f"model {model}",
            way_out="`headgate promote VERSION` makes the first champion at once",
        )
    _refuse_unready(desk, ledger, people, arms)
    sides = {name: Side(version, ledger.registered(version).digest) for name, version in arms.items()}
    champion = Side(ledger.champion.version, ledger.champion.digest)
    plan = make_plan(model, desk.policy.models[model], champion, sides)
    return plan, decidable(plan, traffic, power), ledger


def start(
    desk: Desk, model: str, arms: Mapping[str, str], traffic: Traffic, power: Power, actor: str, because: str
) -> Begun:
    """Start a release; the controller carries it out.

    Raises:
        BadInput: No reason was given, or there is no such model, version or arm.
        Refused: A version may not serve, is under release already, or today's traffic cannot decide the plan.
        Conflict: Others kept recording meanwhile.
        Tampered: An event of the journal is not what was recorded.
    """
    _refuse_silence(because, f"model {model}")
    refuse_edited(desk.store)
    for left in reversed(range(TRIES)):
        plan, ruling, ledger = propose(desk, model, arms, traffic, power)
        if ruling.why:
            raise Refused(
                f"today's traffic ({traffic.per_second:.3g} requests/s) cannot decide this plan{listed(ruling.why)}",
                where=f"model {model}",
                way_out=way_out(ruling),
            )
        begun = _next(read_releases(desk.store, model), plan, ruling, traffic)
        try:
            new = events.started(begun.release, plan, actor, because)
            (event,) = desk.store.append(stream_of(model), ledger.sequence, [new])
        except Conflict:
            if not left:
                raise
            continue  # a ballot perhaps: look again
        return replace(begun, event=event)
    raise AssertionError("unreachable: the last try returns or raises")


def would_begin(desk: Desk, model: str, arms: Mapping[str, str], traffic: Traffic, power: Power) -> Begun:
    """Return what `start` would start, also where traffic cannot decide it; nothing is recorded. Raises as it does."""
    plan, ruling, _ = propose(desk, model, arms, traffic, power)
    return _next(read_releases(desk.store, model), plan, ruling, traffic)


def way_out(ruling: Ruling) -> str:
    """Return the nearest plans that traffic can decide, as edits of the policy."""
    nearest = []
    if ruling.longer is not None:
        rungs = ", ".join(f"{rung.name} {show_span(rung.patience)}" for rung in ruling.longer.rungs[:-1])
        nearest.append(f"more patience ({rungs})")
    if ruling.larger is not None:
        nearest.append(f"larger shares ({', '.join(f'{rung.name} {rung.share:.0%}' for rung in ruling.larger.rungs)})")
    edit = f"under models.NAME.release: {'; or '.join(nearest)}; or " if nearest else ""
    return f"{edit}--traffic N where more is expected; or `headgate promote VERSION --now`, which judges nothing"


def pause(desk: Desk, release: str, actor: str, because: str) -> Standing:
    """Hold a release where it is; its share stays, and is renewed."""
    allowed = {State.WAITING, State.RUNNING, State.ASKING}
    return _say(desk, release, because, allowed, "paused", lambda: events.paused(release, actor, because))


def resume(desk: Desk, release: str, actor: str, because: str) -> Standing:
    """Let a release go on that was paused or asks; its patience begins anew."""
    allowed = {State.PAUSED, State.ASKING}
    return _say(desk, release, because, allowed, "resumed", lambda: events.resumed(release, actor, because))


def abort(desk: Desk, release: str, actor: str, because: str) -> Standing:
    """End a release; the controller gives everything back to the champion of before."""
    allowed = {State.WAITING, State.RUNNING, State.ASKING, State.PAUSED, State.PROMOTED}
    return _say(desk, release, because, allowed, "aborted", lambda: events.aborted(release, actor, because))


def _say(
    desk: Desk, release: str, because: str, allowed: set[State], what: str, make: Callable[[], NewEvent]
) -> Standing:
    """Record what a person says, on the state that they mean; return how the release stands then."""
    _refuse_silence(because, f"release {release}")
    for left in reversed(range(TRIES)):
        releases, at = find_release(desk.store, desk.policy.models, release)
        if at.state not in allowed or (at.order is not None):
            stands = f"it is to end: {at.order.why}" if at.order else f"it is {at.state.replace('_', ' ')}: {at.why}"
            raise Refused(
                f"release {release} cannot be {what}: {stands}",
                where=f"model {at.model}",
                way_out=f"`headgate release show {release}`",
            )
        try:
            desk.store.append(stream_of(at.model), releases.sequence, [make()])
        except Conflict:
            if not left:
                raise
            continue
        return find_release(desk.store, {at.model: None}, release)[1]
    raise AssertionError("unreachable: the last try returns or raises")


def _refuse_silence(because: str, where: str) -> None:
    if not because.strip():
        raise BadInput("a reason is needed", where=where, way_out='--because "why now"')


def _next(releases: Releases, plan: Plan, ruling: Ruling, traffic: Traffic) -> Begun:
    wanted = {side.version for side in plan.challengers.values()}
    for at in releases.open:
        if both := sorted(wanted & {side.version for side in at.plan.challengers.values()}):
            raise Refused(
                f"version {', '.join(both)} is under release already",
                where=f"release {at.release}",
                way_out=f"`headgate release show {at.release}`; `headgate release abort {at.release}` ends it",
            )
    ahead = releases.open[-1].release if releases.open else ""
    return Begun(f"{plan.model}-{len(releases.all) + 1}", plan, ruling, traffic, ahead, None)


def _refuse_unready(desk: Desk, ledger: Ledger, people: People, arms: Mapping[str, str]) -> None:
    """What the controller would be refused is refused now."""
    champion = ledger.champion.version if ledger.champion else ""
    where, versions = f"model {ledger.model}", list(arms.values())
    if champion in versions:
        raise BadInput(f"version {champion} is champion already", where=where, way_out="name another version")
    if len(set(versions)) < len(versions):
        raise BadInput("two arms name one version", where=where, way_out="name a version for each arm")
    rules = rules_of(desk.policy, ledger.model)
    ready = [readiness(ledger, version, rules, people, desk.clock.now()) for version in versions]
    missing = [line for one in ready for line in one.missing]
    if missing:
        raise Refused(f"cannot release{listed(missing)}", where=where, way_out="give what is missing")
