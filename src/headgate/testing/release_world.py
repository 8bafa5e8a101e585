"""A small world for releases: a journal, a pointer and a route in memory, and a controller that can be killed anywhere.

It carries out each effect in the worst way that is allowed: intent, change of the world and outcome apart, so that a
kill can fall between any two of them. What was applied under a key is not applied again.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from headgate.base.digest import Json
from headgate.journal.event import Event, NewEvent
from headgate.loop.control import Facts, plan_pass
from headgate.loop.effect import (
    Ask,
    Effect,
    Finish,
    KeepWarm,
    MovePointer,
    RecordEvidence,
    RenewLease,
    Report,
    RollBack,
    SetShares,
    Supersede,
)
from headgate.release import events
from headgate.release.evidence import Evidence
from headgate.release.ledger import MOVED, RENEWED, ROUTE_SET, stream_of
from headgate.release.move import Act, Intent
from headgate.release.plan import Plan
from headgate.release.progress import Releases, advance, releases_of
from headgate.release.shares import Wish
from headgate.release.standing import Standing
from headgate.routing.route import CHAMPION, Arm, Route, Shadow
from headgate.routing.share import renew
from headgate.testing.clock import START

ACTOR = "process:controller"
ALONE = Wish({CHAMPION: 1.0}, {}, None, {})
See = Callable[[Standing, datetime], Evidence | None]
Piece = Callable[[], None]


class KilledError(Exception):
    """The controller was killed."""


class ReleaseWorld:
    """One model's releases, played on a clock of its own.

    Attributes:
        releases: What the journal says.
        made: What changed the world, in order: key, act and rung.
        fuse: After how many pieces of work the controller is killed; None: never.
        wishes: The shares that a bandit asks for, by release.
        refuse: Why the rules refuse to set shares; empty: they allow it.
    """

    def __init__(self, plan: Plan, see: See, now: datetime = START) -> None:
        self.model, self.see, self.now = plan.model, see, now
        self.journal: list[Event] = []
        self.releases, self.champion = Releases(plan.model), plan.champion.version
        self.route = _route(self.model, len(self.journal) + 1, self.champion, ALONE)
        self.made: list[tuple[str, Act, int]] = []
        self.fuse: int | None = None
        self.refuse: str = ""
        self.wishes: dict[str, Mapping[str, float]] = {}

    def start(self, plan: Plan, release: str = "r1") -> None:
        """Start a release."""
        self.record(events.started(release, plan, "person:ada", "a better version"))

    def standing(self, release: str = "r1") -> Standing:
        """Return how far a release is."""
        found = self.releases.find(release)
        assert found is not None
        return found

    def kinds(self, release: str = "r1") -> list[str]:
        """Return the kinds of a release's events, without what it saw."""
        own = [one.kind for one in self.journal if one.body.get("release") == release and one.kind != events.EVIDENCE]
        return [kind for kind in own if kind.startswith("release.")]

    def record(self, *new: NewEvent) -> None:
        """Append to the journal, at the time that it is."""
        for one in new:
            at = len(self.journal) + 1
            event = Event(at, stream_of(self.model), at, one.kind, self.now, one.actor, one.reason, one.body, "", "")
            self.journal.append(event)
            self.releases = advance(self.releases, event)

    def tick(self) -> tuple[Effect, ...]:
        """Run one pass; KilledError leaves the world as it was then."""
        state = self.releases
        seen = {one.release: found for one in state.open if (found := self.see(one, self.now)) is not None}
        effects = plan_pass(state, Facts(self.route, seen, self.wishes), self.now)
        for effect in effects:
            for piece in self._pieces(effect):
                if self.fuse is not None:
                    self.fuse -= 1
                    if self.fuse < 0:
                        raise KilledError
                piece()
        return effects

    def restart(self) -> None:
        """Forget everything but the journal, as a new process does."""
        self.fuse, self.releases = None, releases_of(self.model, self.journal)

    def run(self, span: timedelta, every: timedelta = timedelta(minutes=5)) -> None:
        """Run passes until the span is over; one that acts is followed by another at once, as a controller's are."""
        until = self.now + span
        while self.now <= until:
            for _ in range(20):
                if not any(not isinstance(effect, RenewLease | RecordEvidence) for effect in self.tick()):
                    break
            if self.releases.all and not self.releases.open:
                return
            self.now += every

    def move_pointer(self, to: str, actor: str = "person:ada") -> None:
        """Make a version champion around the controller, as `headgate promote --now` and `rollback` do."""
        body, self.champion = {"from": self.champion, "to": to}, to
        self.route = _route(self.model, len(self.journal) + 1, self.champion, ALONE)
        self.record(NewEvent(MOVED, actor, "now", body))

    def set_route(self, wish: Wish, actor: str = ACTOR) -> None:
        """Set the route, as `headgate route` and the controller do."""
        self.route = _route(self.model, len(self.journal) + 1, self.champion, wish)
        self.record(NewEvent(ROUTE_SET, actor, "shares", self.route.to_json()))

    def _pieces(self, effect: Effect) -> list[Piece]:
        """Return the pieces of work of an effect; a kill may fall before each."""
        match effect:
            case SetShares(intent=intent, wish=wish):
                if self.refuse:
                    return [self._intend(intent, effect.seen), self._fail(intent)]
                change = self._once(intent, lambda: self.set_route(wish))
                return [self._intend(intent, effect.seen), change, self._note(events.moved(intent, ACTOR))]
            case MovePointer(intent=intent, version=version):
                change = self._once(intent, lambda: self.move_pointer(version, ACTOR))
                return [self._intend(intent, effect.seen), change, self._note(events.moved(intent, ACTOR))]
            case RollBack(intent=intent, wish=wish, to=to):
                back: Piece = lambda: self.set_route(wish) if to is None else self.move_pointer(to, ACTOR)  # noqa: E731
                change = self._once(intent, back)
                return [self._intend(intent, effect.seen), change, self._note(events.rolled_back(intent, ACTOR))]
            case Finish(intent=intent):
                left = effect.wish
                change = self._once(intent, (lambda: None) if left is None else lambda: self.set_route(left))
                return [self._intend(intent, effect.seen), change, self._note(events.finished(intent, ACTOR))]
            case RenewLease() | KeepWarm() | Ask() | Supersede() | RecordEvidence() | Report():
                return [self._beside(effect)]
            case _:
                assert_never(effect)

    def _beside(self, effect: RenewLease | KeepWarm | Ask | Supersede | RecordEvidence | Report) -> Piece:
        match effect:
            case RenewLease(until=until):
                return lambda: self._renew(until)
            case KeepWarm(wish=wish):
                return lambda: self.set_route(wish)
            case Ask():
                return self._note(*events.asked(effect.release, effect.seen, effect.until, ACTOR, effect.why))
            case Supersede():
                return self._note(events.superseded(effect.release, effect.by, ACTOR, "the policy replaces"))
            case RecordEvidence():
                return self._note(events.evidence(effect.release, effect.seen, ACTOR, effect.rung))
            case Report():
                return self._note(events.reported(effect.release, "reports/r1", ACTOR))
            case _:
                assert_never(effect)

    def _renew(self, until: datetime) -> None:
        self.route = replace(renew(self.route, until), revision=len(self.journal) + 1)
        self.record(_renewed(self.route.revision, until))

    def _intend(self, intent: Intent, seen: Evidence) -> Piece:
        pending = self.standing(intent.release).pending
        if pending is not None and pending.key == intent.key:
            return lambda: None
        return self._note(*events.intended(intent, seen, ACTOR))

    def _fail(self, intent: Intent) -> Piece:
        return self._note(events.failed(intent, ACTOR, self.refuse))

    def _note(self, *new: NewEvent) -> Piece:
        return lambda: self.record(*new)

    def _once(self, intent: Intent, change: Piece) -> Piece:
        if any(key == intent.key for key, _, _ in self.made):
            return lambda: None

        def make() -> None:
            self.made.append((intent.key, intent.move.act, intent.move.rung))
            change()

        return make


def _renewed(revision: int, until: datetime) -> NewEvent:
    body: dict[str, Json] = {"revision": revision, "renewed_until": until.isoformat()}
    return NewEvent(RENEWED, ACTOR, "the release goes on", body)


def _route(model: str, revision: int, champion: str, wish: Wish) -> Route:
    """Return the route that a wish leads to."""

    def version(name: str) -> str:
        return champion if name == CHAMPION else wish.versions[name]

    arms = tuple(Arm(name, version(name), "sha256:0", share, "b") for name, share in wish.shares.items())
    shadows = tuple(Shadow(name, version(name), "sha256:0", part, "b") for name, part in wish.shadows.items())
    return Route(model, revision, arms, shadows, "", wish.until, wish.release if len(arms) > 1 else "")


def verdicts(by_rung: Mapping[str, Evidence | None]) -> See:
    """Return a view that sees this evidence on these rungs, as of when the rung began; elsewhere nothing."""

    def see(at: Standing, _now: datetime) -> Evidence | None:
        found = by_rung.get(at.at.name) if at.rung >= 0 else None
        return None if found is None else replace(found, since=at.since)

    return see
