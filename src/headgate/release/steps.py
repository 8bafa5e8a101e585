"""Move the pointer: read the record, decide, write event and route in one append, then let the alias follow.

The journal decides who wins; the registry is asked only for a bundle that is not here, and told afterwards.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from headgate.base.clock import Clock
from headgate.base.digest import Json
from headgate.base.errors import BadInput, Conflict, Tampered, Unavailable
from headgate.gate.people import STREAM as PEOPLE
from headgate.gate.people import People, people_of
from headgate.journal.end import refuse_edited
from headgate.journal.event import Event, NewEvent
from headgate.journal.ports import Document, EventStore
from headgate.policy.model import ProjectPolicy
from headgate.registry.ports import Registry
from headgate.registry.steps import bundle_flaw, ensure_bundle, set_alias
from headgate.release import pointer
from headgate.release.ledger import MOVED, Ledger, ledger_of, stream_of
from headgate.release.pointer import Move
from headgate.release.readiness import Rules
from headgate.release.restore import champion_route
from headgate.routing.route import COLLECTION

TRIES = 5
CHAMPION = "champion"
Decide = Callable[[Ledger, Rules, People], Move | None]


@dataclass(frozen=True, slots=True)
class Desk:
    """What moving a pointer needs of the world.

    Attributes:
        bundles: Folder of local bundles, ``<hex digest>/``.
    """

    store: EventStore
    registry: Registry
    clock: Clock
    policy: ProjectPolicy
    bundles: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        move: The move; None: the version serves already and nothing was recorded.
        version: The champion now.
        event: The recorded move.
        warnings: What did not follow yet (the alias); `headgate tick` repairs it.
    """

    version: str
    move: Move | None
    event: Event | None
    warnings: tuple[str, ...]

    def to_json(self, model: str) -> dict[str, Json]:
        """Return it as command and control API show it."""
        body = self.event.body if self.event else {}
        return {
            "model": model,
            "version": self.version,
            "moved": self.move is not None,
            **{key: body.get(key) for key in ("from", "digest", "revision", "cause", "override", "authenticated")},
            "why": list(self.move.why) if self.move else [],
            "warnings": list(self.warnings),
        }


def promote(desk: Desk, model: str, version: str, actor: str, because: str, override: str | None = None) -> Outcome:
    """Make a version champion.

    Raises:
        BadInput: No such model or version.
        Refused: The rules do not allow it.
        Conflict: Somebody else moved the pointer meanwhile.
        Tampered: The bundle is not what was approved, or the journal not what was recorded.
    """
    if override is None:
        refuse_edited(desk.store)  # else a verdict that somebody turned in the database would serve
    now = desk.clock.now()
    return _carry_out(
        desk,
        model,
        actor,
        because,
        lambda ledger, rules, people: pointer.promote(ledger, version, rules, people, now, override),
    )


def roll_back(
    desk: Desk, model: str, version: str | None, actor: str, because: str, override: str | None = None
) -> Outcome:
    """Bring an earlier champion back (None: the one before the present); raises as `promote` does.

    An event edited somewhere holds up no rollback; a journal that was cut does, since nothing is added to it.
    """
    now = desk.clock.now()
    return _carry_out(
        desk,
        model,
        actor,
        because,
        lambda ledger, rules, people: pointer.roll_back(ledger, version, rules, people, now, override),
    )


def at_once(desk: Desk, model: str, version: str, override: str | None, *, now: bool) -> bool:
    """Say whether promoting is a move of the pointer: the first version, the champion itself, or a person says `now`.

    Raises:
        BadInput: It would be a release, which sets no rule aside.
    """
    champion = read_ledger(desk.store, model)[0].champion
    if now or champion is None or champion.version == version:
        return True
    if override is not None:
        way_out = "promote it at once with the override (--now, `now`), or release a version that is ready"
        raise BadInput("a release sets no rule aside", where="override", way_out=way_out)
    return False


def read_ledger(store: EventStore, model: str) -> tuple[Ledger, People]:
    """Return a model's ledger and everybody who may sign."""
    return ledger_of(model, store.read(stream_of(model))), people_of(store.read(PEOPLE))


def rules_of(policy: ProjectPolicy, model: str) -> Rules:
    """Return a model's rules, or raise BadInput with the models that exist."""
    if model not in policy.models:
        raise BadInput(
            f"the project has no model {model!r}",
            where="headgate.yaml",
            way_out=f"its models: {', '.join(policy.models)}",
        )
    return Rules.of(policy, model)


def record_move(
    desk: Desk,
    ledger: Ledger,
    move: Move,
    actor: str,
    reason: str,
    *,
    before: Sequence[NewEvent] = (),
    after: Sequence[NewEvent] = (),
) -> Event:
    """Write the move and the route that it makes in one append, with the events that belong before and after it.

    Raises:
        Conflict: The model's stream moved on since the ledger was read; nothing was written.
    """
    ensure_bundle(desk.bundles, desk.registry, move.model, move.version, move.digest)
    revision = next_revision(desk.store, ledger)
    route = champion_route(move.model, revision, move.version, move.digest)
    events = (*before, NewEvent(MOVED, actor, reason, move.to_json(revision)), *after)
    document = Document(COLLECTION, move.model, revision, route.to_json())
    return desk.store.append(stream_of(move.model), ledger.sequence, events, [document])[len(before)]


def bring_bundle(desk: Desk, ledger: Ledger) -> tuple[str, ...]:
    """Bring the champion's bundle again where it is missing or was tampered with; return what was done, in lines.

    Raises:
        Tampered: The registry's is not the approved one either.
        Unavailable: The registry does not answer.
    """
    champion = ledger.champion
    flaw = bundle_flaw(desk.bundles, champion.digest) if champion else ""
    if champion is None or not flaw:
        return ()
    ensure_bundle(desk.bundles, desk.registry, ledger.model, champion.version, champion.digest)
    return (f"{flaw}; it was fetched from the registry again",)


def _carry_out(desk: Desk, model: str, actor: str, because: str, decide: Decide) -> Outcome:
    if not because.strip():
        raise BadInput("a move needs a reason", where=f"model {model}", way_out='--because "why now"')
    rules = rules_of(desk.policy, model)
    ledger, people = read_ledger(desk.store, model)
    seen = len(ledger.moves)
    for left in reversed(range(TRIES)):
        move = decide(ledger, rules, people)
        if move is None:
            warnings = (*bring_bundle(desk, ledger), *_follow(desk, ledger, actor, because))
            return Outcome(ledger.moves[-1].version, None, None, warnings)
        try:
            event = record_move(desk, ledger, move, actor, because)
        except Conflict:
            ledger, people = read_ledger(desk.store, model)
            if len(ledger.moves) > seen or not left:
                raise _lost(ledger, move) from None
            continue  # something else was recorded, a ballot perhaps: decide again on it
        ledger, _ = read_ledger(desk.store, model)
        return Outcome(move.version, move, event, _follow(desk, ledger, actor, because))
    raise AssertionError("unreachable: the last try returns or raises")


def _follow(desk: Desk, ledger: Ledger, actor: str, because: str) -> tuple[str, ...]:
    """Let the alias follow; the pointer stands whether or not the registry answers."""
    move = ledger.moves[-1]
    try:
        version = (move.version, move.digest)
        set_alias(desk.store, desk.registry, ledger.model, CHAMPION, version, actor, because)
    except (Unavailable, Conflict) as error:
        what = f"alias {CHAMPION} of {ledger.model} does not name {move.version} yet: {error.what}"
        return (f"{what}; `headgate tick` sets it",)
    except (Tampered, BadInput) as error:
        return (f"alias {CHAMPION} of {ledger.model} was left: {error.what}; {error.way_out}",)
    return ()


def next_revision(store: EventStore, ledger: Ledger) -> int:
    """One more than the journal's and the stored route's: a route that ran ahead must not stop a promotion."""
    stored = [document.revision for document in store.documents(COLLECTION) if document.key == ledger.model]
    recorded = [ledger.champion.revision] if ledger.champion else []
    recorded += [int(ledger.route["revision"])] if ledger.route else []
    return max([*stored, *recorded], default=0) + 1


def _lost(ledger: Ledger, move: Move) -> Conflict:
    champion = ledger.champion
    now = "nothing" if champion is None else f"version {champion.version} ({champion.cause} by {champion.actor})"
    return Conflict(
        f"somebody else moved the pointer first: it is now at {now}; version {move.version} was not moved",
        where=f"model {ledger.model}",
        way_out="look at `headgate status`, then decide again",
    )
