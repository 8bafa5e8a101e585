"""One pass over the project: bring back what serves, put aliases right, do the chores that wait.

The only file of the loop that acts.

What one part cannot do now is said, and the rest goes on: the next pass finds it again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, assert_never

from headgate.base.digest import Json
from headgate.base.errors import BadInput, Conflict, HeadgateError, Tampered, Unavailable, fault
from headgate.journal.chain import verify_chain
from headgate.journal.end import refuse_broken
from headgate.journal.event import NewEvent
from headgate.journal.ports import Document, EventStore
from headgate.loop import reconcile
from headgate.loop.reconcile import ALIASES, Effect, HonourAlias, LeaveAlias, NoteStray, RecordAlias, SetAlias, explain
from headgate.loop.state import HONOURED, STRAYED, ModelState, ProjectState, fold
from headgate.registry.steps import bundle_flaw, ensure_bundle, note, record_alias, same_version, set_alias
from headgate.release.ledger import RESTORED, Ledger, stream_of
from headgate.release.readiness import Rules
from headgate.release.restore import recorded_route, route_flaw
from headgate.release.steps import Desk, next_revision, read_ledger, record_move
from headgate.routing.route import COLLECTION

ACTOR = "process:tick"
Chore = Callable[[], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Done:
    """What one part of a pass came to; `trouble` is empty when it was done, `code` its error's exit code."""

    what: str
    trouble: str = ""
    code: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return what a program is told."""
        return {"what": self.what, "done": not self.trouble, "trouble": self.trouble}


Releases = Callable[[], Sequence[Done]]


@dataclass(frozen=True, slots=True)
class Pass:
    """What a pass did, or would do."""

    dry_run: bool
    parts: tuple[Done, ...]

    @property
    def done(self) -> tuple[str, ...]:
        """What was done, or would be."""
        return tuple(part.what for part in self.parts if not part.trouble)

    @property
    def trouble(self) -> tuple[str, ...]:
        """What could not be done now."""
        return tuple(part.trouble for part in self.parts if part.trouble)

    @property
    def code(self) -> int:
        """The exit code of the worst that happened; 0: all was done."""
        return max((part.code for part in self.parts), default=0)

    def to_json(self) -> dict[str, Any]:
        """Return what a program is told."""
        return {"dry_run": self.dry_run, "parts": [part.to_json() for part in self.parts]}


def tick(desk: Desk, chores: Mapping[str, Chore], *, releases: Releases = tuple, dry_run: bool = False) -> Pass:
    """Run one pass, or say what one would do.

    `chores` are further things to do, by name (deliver webhooks, attach pending reports): each returns what it did in
    lines, and raises a HeadgateError for what it could not do. `releases` is the controller's own pass (or what it
    would do), which aliases then follow.

    Raises:
        Tampered: The journal falls short of its signed head; nothing was done.
    """
    refuse_broken(desk.store)
    parts = [*_serving(desk, dry_run=dry_run), *releases(), *_aliases(desk, dry_run=dry_run)]
    for name, chore in chores.items():
        parts += [Done(f"{name}: would run")] if dry_run else _chore(name, chore)
    return Pass(dry_run, tuple(parts))


def read_state(store: EventStore) -> ProjectState:
    """Return the state of the whole project."""
    return fold(store.read())


def _serving(desk: Desk, *, dry_run: bool) -> list[Done]:
    """Bring back the bundles and the routes by which the champions serve."""
    parts = list[Done]()
    for model in desk.policy.models:
        ledger, _ = read_ledger(desk.store, model)
        for version, digest in _arms(ledger).items():
            flaw = bundle_flaw(desk.bundles, digest)
            bring = partial(ensure_bundle, desk.bundles, desk.registry, model, version, digest)
            parts += (
                _mend(f"{model}: fetch the bundle of version {version} again: {flaw}", bring, dry_run=dry_run)
                if flaw
                else []
            )
        flaw = route_flaw(ledger, _stored(desk.store, model))
        what = f"{model}: write the journal's route again: {flaw}"
        parts += _mend(what, partial(restore_route, desk, ledger, flaw), dry_run=dry_run) if flaw else []
    return parts


def _arms(ledger: Ledger) -> dict[str, str]:
    """Return number and digest of every version that has a part in the route."""
    route = recorded_route(ledger)
    if route is None:
        return {}
    return {arm.version: arm.digest for arm in route.arms} | {one.version: one.digest for one in route.shadows}


def _stored(store: EventStore, model: str) -> Document | None:
    return next((document for document in store.documents(COLLECTION) if document.key == model), None)


def _mend(what: str, mend: Callable[[], object], *, dry_run: bool) -> list[Done]:
    try:
        if not dry_run:
            mend()
    except HeadgateError as error:
        return [Done(what, f"{what}: not done: {error.what}", error.exit_code)]
    return [Done(what)]


def restore_route(desk: Desk, ledger: Ledger, why: str) -> None:
    """Write the journal's route again, as a new revision, and record that.

    Raises:
        Tampered: The journal does not hold, or knows of no promotion: there is nothing to go by.
        Conflict: Somebody else decided meanwhile.
    """
    broken, route = verify_chain(desk.store.read()), recorded_route(ledger)
    if broken is not None or route is None:
        raise Tampered(
            f"event {broken.position} {broken.fault}" if broken else "the journal knows of no promotion",
            where=f"route {ledger.model}",
            way_out="`headgate audit`; then restore the journal from a backup",
        )
    route = replace(route, revision=next_revision(desk.store, ledger))
    document = Document(COLLECTION, route.model, route.revision, route.to_json())
    event = NewEvent(RESTORED, ACTOR, why, route.to_json())
    desk.store.append(stream_of(route.model), ledger.sequence, [event], [document])


def _aliases(desk: Desk, *, dry_run: bool) -> list[Done]:
    state, parts = read_state(desk.store), list[Done]()
    for model in desk.policy.models:
        try:
            _same_champion(desk, state.model(model).ledger)
            effects = _plan(desk, state, model)
        except (Tampered, BadInput) as error:
            what = f"{model}: aliases are left: {error.what}"
            parts.append(Done(what, f"{what}; {error.way_out}", error.exit_code))
            continue
        except Unavailable as error:
            return [
                *parts,
                Done("aliases", f"not looked at: {error.what}", error.exit_code),
            ]  # one registry: the others wait as well
        parts += [Done(explain(effect)) if dry_run else _done(desk, state.model(model), effect) for effect in effects]
    return parts


def _same_champion(desk: Desk, ledger: Ledger) -> None:
    """Refuse to touch the aliases of a registry that counts anew; Tampered says so."""
    champion = ledger.champion
    if champion is not None:
        same_version(desk.registry, ledger.model, champion.version, champion.digest)


def _plan(desk: Desk, state: ProjectState, model: str) -> tuple[Effect, ...]:
    found = {alias: desk.registry.alias(model, alias) for alias in ALIASES}
    rules = Rules.of(desk.policy, model)
    return reconcile.plan(state.model(model), found, rules, state.people, desk.policy.moved_alias, desk.clock.now())


def _done(desk: Desk, model: ModelState, effect: Effect) -> Done:
    try:
        apply(desk, model, effect)
    except HeadgateError as error:
        return Done(explain(effect), f"{explain(effect)}: not done: {error.what}", error.exit_code)
    return Done(explain(effect))


def apply(desk: Desk, model: ModelState, effect: Effect) -> None:
    """Carry one effect out; every one may be repeated after a crash.

    Raises:
        Unavailable: The registry did not answer.
        Conflict: Somebody else decided meanwhile; the next pass looks again.
    """
    match effect:
        case NoteStray():
            body: dict[str, Json] = {"alias": effect.alias, "found": effect.found, "expected": effect.expected}
            new = NewEvent(STRAYED, ACTOR, effect.why, body)
            note(desk.store, stream_of(effect.model), new)
        case SetAlias():
            digests = {number: one.digest for number, one in model.ledger.versions.items()}
            version = None if effect.version is None else (effect.version, digests[effect.version])
            set_alias(desk.store, desk.registry, effect.model, effect.alias, version, ACTOR, effect.why)
        case RecordAlias():
            record_alias(desk.store, effect.model, effect.alias, effect.version, ACTOR, effect.why)
        case HonourAlias():
            _honour(desk, model, effect)
        case LeaveAlias():
            pass
        case _:
            assert_never(effect)


def _honour(desk: Desk, model: ModelState, effect: HonourAlias) -> None:
    """The stray, the move and that it was honoured are one append, at the sequence it was decided on."""
    if model.ledger.sequence != effect.sequence:
        raise Conflict("the model moved on since this was decided", where=f"model {effect.model}")
    to: Json = effect.move.version
    strayed: dict[str, Json] = {"alias": effect.alias, "found": to, "expected": effect.move.before}
    record_move(
        desk,
        model.ledger,
        effect.move,
        ACTOR,
        effect.why,
        before=[NewEvent(STRAYED, ACTOR, effect.why, strayed)],
        after=[NewEvent(HONOURED, ACTOR, effect.why, {"alias": effect.alias, "version": to})],
    )


def _chore(name: str, chore: Chore) -> list[Done]:
    try:
        return [Done(f"{name}: {line}") for line in chore()]
    except HeadgateError as error:
        return [Done(name, f"{name}: {error.what}", error.exit_code)]
    except Exception as error:  # noqa: BLE001 - what is wrong with one chore must not keep the others from their turn
        return [Done(name, f"{name}: {fault(error)}", HeadgateError.exit_code)]
