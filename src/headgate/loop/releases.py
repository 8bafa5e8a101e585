"""One pass over the releases of every model: lead, read, judge, plan, act.

After each event that a pass records it reads and plans anew, so nothing is ever done on a state that has changed, and a
pass that was cut off anywhere is carried on by the next one in the same way. What one model cannot do now is said; the
others go on.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

from headgate.base.errors import Conflict, Deposed, HeadgateError, Unavailable
from headgate.loop.carry_out import Sight, carry_out
from headgate.loop.control import Facts, plan_pass
from headgate.loop.effect import Effect, Finish, MovePointer, Report, RollBack, SetShares, explain
from headgate.loop.lease import CONTROLLER, Term
from headgate.loop.ports import Leases
from headgate.loop.steps import Done
from headgate.release import ledger, progress
from headgate.release.evidence import Evidence, nothing_seen
from headgate.release.ledger import Ledger, stream_of
from headgate.release.ports import Judge, Reporter
from headgate.release.progress import Releases
from headgate.release.route_steps import read_route
from headgate.release.standing import Standing
from headgate.release.steps import Desk

LEASE = timedelta(seconds=10)
ROUNDS = 40  # events that one pass records of a model; what is left is the next pass's

Judged: TypeAlias = dict[tuple[str, int, datetime], Evidence]
Key: TypeAlias = tuple[type[Effect], str]


class Controller:
    """Leads the releases of a project, or waits until it may; remembers what it read between passes.

    Args:
        desk: What moving a pointer needs of the world.
        leases: Who leads.
        judge: What was measured.
        holder: Names this process, and no other one that ever was.
        reporter: Stores reports; None: they are left to a controller that has one.
        span: After how long without a sign another process may lead.
    """

    def __init__(
        self,
        desk: Desk,
        leases: Leases,
        judge: Judge,
        holder: str,
        reporter: Reporter | None = None,
        span: timedelta = LEASE,
    ) -> None:
        self._desk, self._leases, self._judge = desk, leases, judge
        self._holder, self._reporter, self._span = holder, reporter, span
        self._term: Term | None = None
        self._renew_at = desk.clock.now()
        self._read: dict[str, tuple[Releases, Ledger]] = {}

    @property
    def term(self) -> Term | None:
        """The reign of this process; None: another one leads, as far as is known."""
        return self._term

    def run_pass(self) -> tuple[Done, ...]:
        """Do what is due for the releases of every model; return what was done, and what could not be.

        Every call may follow one that failed or was cut off.
        """
        try:
            desk = self._lead()
        except HeadgateError as error:
            return (Done("releases", f"releases: {error.what}", error.exit_code),)
        if desk is None:
            return ()
        parts = list[Done]()
        for model in desk.policy.models:
            try:
                parts += self._model(desk, model)
            except Deposed as error:
                self._term = None
                return (*parts, Done("releases", f"releases: {error.what}"))
            except HeadgateError as error:
                parts.append(Done(f"{model}: releases", f"{model}: releases: {error.what}", error.exit_code))
        return tuple(parts)

    def would(self) -> tuple[Done, ...]:
        """Return what a pass would begin with, and do nothing."""
        parts = list[Done]()
        for model in self._desk.policy.models:
            planned = self._plan(self._see(self._desk, model), {})
            parts += [Done(explain(one)) for one in planned if self._reporter or not isinstance(one, Report)]
        return tuple(parts)

    def resign(self) -> None:
        """Let another process lead at once; whoever is gone without a word is waited for."""
        term, self._term = self._term, None
        if term is not None:
            with suppress(Unavailable):  # then the lease runs out by itself
                self._leases.resign(term)

    def _lead(self) -> Desk | None:
        """Return the desk as the leader has it; None: another process leads."""
        now = self._desk.clock.now()
        due = now >= self._renew_at or now < self._renew_at - self._span  # or this clock was set back
        term, self._term = self._term, None
        if term is None:
            self._term = self._leases.acquire(CONTROLLER, self._holder, self._span)
        else:
            self._term = self._leases.renew(term, self._span) if due else term
        if due or term is None:
            self._renew_at = now + self._span / 3
        return None if self._term is None else replace(self._desk, store=self._leases.under(self._term))

    def _model(self, desk: Desk, model: str) -> list[Done]:
        """Carry out one effect after the other, each planned on what is there then."""
        parts, left, judged = list[Done](), set[Key](), Judged()
        for _ in range(ROUNDS):
            sight = self._see(desk, model)
            effect = next((one for one in self._plan(sight, judged) if _key(one) not in left), None)
            if effect is None:
                break
            try:
                if not carry_out(desk, sight, effect, self._reporter):
                    left.add(_key(effect))
                elif not _only_intended(sight, effect):
                    parts.append(Done(explain(effect)))
            except Deposed:
                raise
            except Conflict:
                continue  # somebody recorded something meanwhile: what they did may change what is due
            except HeadgateError as error:
                left.add(_key(effect))
                parts.append(Done(explain(effect), f"{explain(effect)}: not done: {error.what}", error.exit_code))
        return parts

    def _see(self, desk: Desk, model: str) -> Sight:
        """Read on from where the last look ended."""
        releases, record = self._read.get(model) or (Releases(model), Ledger(model))
        for event in desk.store.read(stream_of(model), after=record.position):
            releases, record = progress.advance(releases, event), ledger.advance(record, event)
        self._read[model] = (releases, record)
        return Sight(releases, record, read_route(desk.store, model))

    def _plan(self, sight: Sight, judged: Judged) -> tuple[Effect, ...]:
        now = self._desk.clock.now()
        begun = [one for one in sight.releases.open if one.rung >= 0]
        evidence = {one.release: self._evidence(one, judged) for one in begun}
        shares = {one.release: self._shares(one, now) for one in begun}
        return plan_pass(sight.releases, Facts(sight.route, evidence, shares), now)

    def _shares(self, at: Standing, now: datetime) -> Mapping[str, float]:
        try:
            return self._judge.shares(at, now)
        except HeadgateError:
            return {}  # shares stay as they are; that it cannot be judged is said with the evidence

    def _evidence(self, at: Standing, judged: Judged) -> Evidence:
        """Ask once in a pass and rung; who cannot judge has seen nothing."""
        key = (at.release, at.rung, at.since)
        if key not in judged:
            try:
                judged[key] = self._judge.evidence(at, self._desk.clock.now())
            except HeadgateError as error:
                judged[key] = replace(nothing_seen(at.since), why=f"it cannot be judged now: {error.what}")
        return judged[key]


def _key(effect: Effect) -> Key:
    match effect:
        case SetShares() | MovePointer() | RollBack() | Finish():
            return type(effect), effect.intent.key
        case _:
            return type(effect), effect.release


def _only_intended(sight: Sight, effect: Effect) -> bool:
    """Say whether carrying the effect out recorded its intent, and not yet the move."""
    match effect:
        case SetShares() | MovePointer() | RollBack() | Finish():
            at = sight.releases.find(effect.intent.release)
            return at is None or at.pending is None or at.pending.key != effect.intent.key
        case _:
            return False
