"""The state of a project: a fold over its journal, and nothing else.

Events of kinds that decide nothing here are passed over; an event that was read already changes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from headgate.base.errors import Tampered
from headgate.gate import people
from headgate.gate.people import People
from headgate.journal.event import Event
from headgate.release import ledger
from headgate.release.ledger import Ledger

PREFIX = "model/"
STRAYED, HONOURED, SET = "alias.strayed", "alias.honoured", "alias.set"


@dataclass(frozen=True, slots=True)
class AliasState:
    """What the journal says about one alias.

    Attributes:
        version: What it was last set to, or honoured at; None: removed, or never set.
        position: When that was recorded; 0: never.
        strayed: Where it was found by hand, while nobody has put it right since; "" where it was removed.
    """

    version: str | None = None
    position: int = 0
    strayed: str | None = None


@dataclass(frozen=True, slots=True)
class ModelState:
    """One model: its ledger and its aliases."""

    ledger: Ledger
    aliases: Mapping[str, AliasState] = field(default_factory=dict)

    def alias(self, name: str) -> AliasState:
        """Return what is known of an alias."""
        return self.aliases.get(name, AliasState())


@dataclass(frozen=True, slots=True)
class ProjectState:
    """Everything that was decided.

    Attributes:
        position: The last event that was read.
    """

    people: People = field(default_factory=People)
    models: Mapping[str, ModelState] = field(default_factory=dict)
    position: int = 0

    def model(self, name: str) -> ModelState:
        """Return a model's state; one that the journal does not know is empty."""
        return self.models.get(name, ModelState(Ledger(name)))


def advance(state: ProjectState, event: Event) -> ProjectState:
    """Return the state after one more event.

    Raises:
        Tampered: The event's body is not what its kind says.
    """
    if event.position <= state.position:
        return state
    state = replace(state, position=event.position)
    if event.stream == people.STREAM:
        return replace(state, people=people.advance(state.people, event))
    if not event.stream.startswith(PREFIX):
        return state
    name = event.stream.removeprefix(PREFIX)
    return replace(state, models={**state.models, name: _model(state.model(name), event)})


def fold(events: Iterable[Event]) -> ProjectState:
    """Return the state that these events make."""
    state = ProjectState()
    for event in events:
        state = advance(state, event)
    return state


def _model(model: ModelState, event: Event) -> ModelState:
    model = replace(model, ledger=ledger.advance(model.ledger, event))
    if event.kind not in {STRAYED, HONOURED, SET}:
        return model
    try:
        name = str(event.body["alias"])
        known = _alias(model.alias(name), event)
    except KeyError as error:
        raise Tampered(f"{event.kind} lacks {error}", where=f"journal event {event.position}") from error
    return replace(model, aliases={**model.aliases, name: known})


def _alias(known: AliasState, event: Event) -> AliasState:
    if event.kind == STRAYED:
        found = event.body["found"]
        return replace(known, strayed="" if found is None else str(found))
    version = event.body["version"]
    return AliasState(None if version is None else str(version), event.position)
