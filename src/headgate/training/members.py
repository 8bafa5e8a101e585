"""Pin the members of an ensemble to versions, and hold what they read to what they take.

A pin is a number and a digest: what `champion` means is decided once, when a run begins. Every misfit is told in one
error, before anything is made.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from headgate.base.digest import Json
from headgate.base.errors import BadInput, Leak
from headgate.journal.ports import EventStore
from headgate.policy.ensemble import WAYS, EnsemblePolicy, MemberPolicy
from headgate.policy.problem import list_words, nearest
from headgate.policy.rules_ensemble import counted, producer
from headgate.policy.span import parse_moment
from headgate.registry.bundle import Manifest
from headgate.registry.dag import Dag, Member, misfit, outputs_by_name
from headgate.registry.field import Field

CHAMPION = "champion"


@dataclass(frozen=True, slots=True)
class Pin:
    """A member's version.

    Attributes:
        model: The member's model.
        version: Its number.
        digest: Its bundle's.
        trained_until: No row that it was trained on is later (ISO 8601); empty: not known.
    """

    model: str
    version: str
    digest: str
    trained_until: str

    def to_json(self) -> Json:
        """Return what is recorded."""
        return {name: getattr(self, name) for name in self.__slots__}


def pin(ensemble: EnsemblePolicy, journal: EventStore, where: str) -> dict[str, Pin]:
    """Return the version that each member is now, by name.

    Raises:
        BadInput: A model has no champion yet, or no version of the number.
    """
    return {name: _pin(member, journal, f"{where}: member {name}") for name, member in sorted(ensemble.members.items())}


def _pin(member: MemberPolicy, journal: EventStore, where: str) -> Pin:
    events = tuple(journal.read(f"model/{member.model}", kinds=("version.registered", "pointer.moved")))
    number = str(member.version)
    if member.version == CHAMPION:
        moved = [event for event in events if event.kind == "pointer.moved"]
        if not moved:
            raise BadInput(
                f"{member.model} has no champion yet",
                where=where,
                way_out=f"promote a version of {member.model}, or name one by its number",
            )
        number = str(moved[-1].body["to"])
    for event in events:
        if event.kind == "version.registered" and str(event.body["version"]) == number:
            until = str(event.body.get("trained_until") or "")
            return Pin(member.model, number, str(event.body["digest"]), until)
    known = [str(event.body["version"]) for event in events if event.kind == "version.registered"]
    raise BadInput(
        f"{member.model} has no version {number}",
        where=where,
        way_out=f"versions: {list_words(known)}; train one with headgate train {member.model}",
    )


def trained_until(pins: Mapping[str, Pin], first_heldout: str, where: str) -> str:
    """Return until when any member was trained (ISO 8601); empty where one does not say.

    Raises:
        Leak: A member was trained on rows that are to judge the ensemble.
    """
    known = [(parse_moment(pinned.trained_until), name) for name, pinned in pins.items() if pinned.trained_until]
    until, name = max(known, default=(None, ""))
    if until is not None and parse_moment(first_heldout) <= until:
        raise Leak(
            f"member {name} (version {pins[name].version} of {pins[name].model}) was trained until "
            f"{until.isoformat()}, and the held-out rows begin on {first_heldout}",
            where=where,
            way_out="hold out later rows (split), or pin a version that was trained on earlier ones",
        )
    return until.isoformat() if until is not None and len(known) == len(pins) else ""


def wire(
    ensemble: EnsemblePolicy,
    pins: Mapping[str, Pin],
    manifests: Mapping[str, Manifest],
    columns: Mapping[str, Field],
    where: str,
) -> Dag:
    """Return the ensemble as it will run: every input of every member has its column.

    Args:
        ensemble: As the policy says.
        pins: The members' versions.
        manifests: Of their bundles.
        columns: What the ensemble has to give: its features.
        where: For messages.

    Raises:
        BadInput: An input has no column, or one of another type; a name is taken twice. All of it in one error.
    """
    known = {**columns, **outputs_by_name({name: manifest.signature for name, manifest in manifests.items()})}
    found = [f"column {name} reads as an output of a member" for name in columns if producer(name, ensemble)]
    found += [problem for name in sorted(pins) for problem in _misfits(name, ensemble, pins[name], manifests, known)]
    if found:
        raise BadInput(
            "\n  ".join(["the members do not fit together:", *found]),
            where=where,
            way_out="name the column of each input under `inputs` of the member, or make it in features()",
        )
    members = {
        name: Member(
            pins[name].model, pins[name].version, pins[name].digest, _sources(ensemble.members[name], manifests[name])
        )
        for name in sorted(pins)
    }
    return Dag(members, weights_of(ensemble))


def _sources(member: MemberPolicy, manifest: Manifest) -> dict[str, str]:
    return {field.name: member.inputs.get(field.name, field.name) for field in manifest.signature.inputs}


def _misfits(
    name: str, ensemble: EnsemblePolicy, pinned: Pin, manifests: Mapping[str, Manifest], known: Mapping[str, Field]
) -> Iterator[str]:
    asked, of = ensemble.members[name], f"version {pinned.version} of {pinned.model}"
    takes = {field.name: field for field in manifests[name].signature.inputs}
    for key in asked.inputs:
        if key not in takes:
            yield f"{name}: {of} has no input {key}.{nearest(key, takes)} It takes: {list_words(takes)}"
    for key, source in _sources(asked, manifests[name]).items():
        if source not in known:
            there = f"{nearest(source, known)} There are: {list_words(known)}"
            yield f"{name}: its input {key} has no column {source}.{there}"
        elif why := misfit(known[source], takes[key]):
            yield f"{name}: {source} cannot be its input {key}: {why}"


def weights_of(ensemble: EnsemblePolicy) -> dict[str, float]:
    """Return the weight of each member in the mean; empty where combine.py combines."""
    if ensemble.combine not in WAYS:
        return {}
    return {name: float(ensemble.weights.get(name, 1.0)) for name in counted(ensemble)}


def classes_of(
    task: str, weights: Mapping[str, float], manifests: Mapping[str, Manifest], labels: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the ensemble's classes: those that its members of this task agree on, else the labels of its own rows.

    Raises:
        BadInput: Members whose answers are to be averaged know other classes, or the same in another order.
    """
    if task == "regression":
        return ()
    told = {name: manifest.classes for name, manifest in manifests.items() if manifest.task == task}
    agreed = set(told.values())
    classes = agreed.pop() if len(agreed) == 1 else labels
    for name in weights:
        if told.get(name) != classes:
            answers = f"answers {manifests[name].task} with classes {', '.join(manifests[name].classes) or 'none'}"
            raise BadInput(
                f"member {name} {answers}, and {', '.join(classes)} are to be averaged",
                where="ensemble.combine",
                way_out="average members of one task with the same classes, or combine them by a file of your own",
            )
    return classes
