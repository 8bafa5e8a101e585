"""Decide what to do about aliases that do not say what the journal says.

The pointer is the journal's. An alias that lags behind a move (somebody was killed between the two) is set. One that
somebody moved by hand is noted, then put back, or honoured where the policy says so and the same rules as for a
promotion allow it. Nothing here reads a clock or the registry; `explain` and the steps that act read the same effects.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias, assert_never

from headgate.base.errors import BadInput, Refused
from headgate.gate.people import People
from headgate.loop.state import AliasState, ModelState
from headgate.release.ledger import Ledger
from headgate.release.pointer import Move, follow_alias
from headgate.release.readiness import Rules, readiness

CHAMPION, CHALLENGER = "champion", "challenger"
ALIASES = (CHAMPION, CHALLENGER)


@dataclass(frozen=True, slots=True)
class NoteStray:
    """Record that somebody moved an alias by hand."""

    model: str
    alias: str
    found: str | None
    expected: str | None
    why: str


@dataclass(frozen=True, slots=True)
class SetAlias:
    """Let an alias name a version (None: remove it), and record that."""

    model: str
    alias: str
    version: str | None
    why: str


@dataclass(frozen=True, slots=True)
class RecordAlias:
    """Record that an alias names what it should: it was set, and whoever set it did not live to say so."""

    model: str
    alias: str
    version: str | None
    why: str


@dataclass(frozen=True, slots=True)
class HonourAlias:
    """Move the pointer to where somebody moved the alias.

    Attributes:
        sequence: The model's stream when this was decided; somebody who decides meanwhile wins.
    """

    model: str
    alias: str
    move: Move
    sequence: int
    why: str


@dataclass(frozen=True, slots=True)
class LeaveAlias:
    """Do nothing, and say why."""

    model: str
    alias: str
    found: str
    why: str


Effect: TypeAlias = NoteStray | SetAlias | RecordAlias | HonourAlias | LeaveAlias


def plan(
    state: ModelState,
    found: Mapping[str, str | None],
    rules: Rules,
    people: People,
    moved_alias: Literal["put_back", "honour"],
    now: datetime,
) -> tuple[Effect, ...]:
    """Return what to do about a model's aliases, in order.

    `found` is what the registry says each alias names, `moved_alias` the policy about one that was moved by hand.
    """
    honour = moved_alias == "honour"
    champion = _champion(state, found.get(CHAMPION), rules, people, now, honour=honour)
    follows = any(isinstance(effect, HonourAlias) for effect in champion)
    wanted = None if follows else challenger(state.ledger, rules, people, now)
    return (*champion, *(() if follows else _challenger(state, found.get(CHALLENGER), wanted)))


def challenger(ledger: Ledger, rules: Rules, people: People, now: datetime) -> str | None:
    """Return the newest version after the champion that passed the gate, never served, and nobody rejects."""
    champion = ledger.champion.version if ledger.champion else None
    for version in reversed(tuple(ledger.versions)):
        if version == champion:
            return None
        ready = readiness(ledger, version, rules, people, now)
        passed = ready.verdict is not None and ready.verdict.verdict.passed
        if passed and ledger.served(version) is None and not ready.standing.blocked_by:
            return version
    return None


def explain(effect: Effect) -> str:
    """Return an effect in words, in the form of something that is about to be done."""
    match effect:
        case NoteStray():
            return f"{effect.model}: note that alias {effect.alias} was moved by hand: {effect.why}"
        case SetAlias(version=None):
            return f"{effect.model}: remove alias {effect.alias}: {effect.why}"
        case SetAlias():
            return f"{effect.model}: set alias {effect.alias} to {effect.version}: {effect.why}"
        case RecordAlias():
            return f"{effect.model}: record that alias {effect.alias} names {effect.version}: {effect.why}"
        case HonourAlias():
            return f"{effect.model}: move the pointer to {effect.move.version}: {effect.why}"
        case LeaveAlias():
            return f"{effect.model}: leave alias {effect.alias} on {effect.found}: {effect.why}"
        case _:
            assert_never(effect)


def _champion(
    state: ModelState, found: str | None, rules: Rules, people: People, now: datetime, *, honour: bool
) -> tuple[Effect, ...]:
    ledger, known = state.ledger, state.alias(CHAMPION)
    wanted = ledger.champion.version if ledger.champion else None
    if found == wanted:
        return _record(ledger.model, CHAMPION, known, wanted)
    if wanted is not None and _lags(ledger, known, found):
        why = f"the pointer moved there and the alias still names {found or 'nothing'}"
        return (SetAlias(ledger.model, CHAMPION, wanted, why),)
    if honour and found is not None:
        return _honour(state, found, wanted, rules, people, now)
    if wanted is None:
        why = "Headgate has promoted no version yet, so the alias is not its own"
        return (LeaveAlias(ledger.model, CHAMPION, str(found), why),)
    return _put_back(state, CHAMPION, found, wanted, "the policy puts a moved alias back")


def _honour(
    state: ModelState, found: str, wanted: str | None, rules: Rules, people: People, now: datetime
) -> tuple[Effect, ...]:
    """A moved alias is no way around the gate: what may not be promoted is not honoured."""
    ledger = state.ledger
    try:
        move = follow_alias(ledger, found, rules, people, now)
    except (Refused, BadInput) as refusal:
        why = f"not honoured: {refusal.what}"
        if wanted is None:
            return (LeaveAlias(ledger.model, CHAMPION, found, why),)
        return _put_back(state, CHAMPION, found, wanted, why)
    why = f"somebody moved the alias from {wanted or 'nothing'} to {found}, which the policy honours"
    return (HonourAlias(ledger.model, CHAMPION, move, ledger.sequence, why),)


def _challenger(state: ModelState, found: str | None, wanted: str | None) -> tuple[Effect, ...]:
    model, known = state.ledger.model, state.alias(CHALLENGER)
    if found == wanted:
        return _record(model, CHALLENGER, known, wanted)
    if found in {known.version, None} or not known.position:
        if wanted is None and not known.position:
            return (LeaveAlias(model, CHALLENGER, str(found), "Headgate has not set it, so it is not its own"),)
        why = "it passed the gate and waits" if wanted else "no version waits any more"
        return (SetAlias(model, CHALLENGER, wanted, why),)
    return _put_back(state, CHALLENGER, found, wanted, "the challenger is the newest version that passed and waits")


def _record(model: str, alias: str, known: AliasState, wanted: str | None) -> tuple[Effect, ...]:
    if known.version == wanted and known.strayed is None:
        return ()
    return (RecordAlias(model, alias, wanted, "it was set already, and not recorded"),)


def _put_back(state: ModelState, alias: str, found: str | None, wanted: str | None, why: str) -> tuple[Effect, ...]:
    model = state.ledger.model
    moved = f"it names {found or 'nothing'}, and Headgate set it to {wanted or 'nothing'}"
    noted = state.alias(alias).strayed == (found or "")
    back = SetAlias(model, alias, wanted, f"{moved}; {why}")
    return (back,) if noted else (NoteStray(model, alias, found, wanted, moved), back)


def _lags(ledger: Ledger, known: AliasState, found: str | None) -> bool:
    """Tell whether it is our own alias that did not follow: it names what was set last, or a pointer's move since."""
    if found == known.version:
        return True
    since = {move.version for move in ledger.moves if move.position > known.position}
    return found in since
