"""Record what people say: ballots about versions and scorecards. A ballot that could not count is refused, with why.

This file acts, for the ballots alone; what they add up to is decided in `gate.standing`.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime

from headgate.base.clock import Clock
from headgate.base.digest import Json
from headgate.base.errors import BadInput, Conflict, Refused
from headgate.gate.ballots import CAST, Ballot, Choice, flaw
from headgate.gate.people import People, Signer, key_id_of, plain_name
from headgate.gate.standing import Asked, Standing, scorecard_approved, standing, useless
from headgate.gate.verdict import remedy
from headgate.journal.end import refuse_edited
from headgate.journal.event import Event, NewEvent
from headgate.journal.ports import EventStore
from headgate.policy.model import ProjectPolicy
from headgate.release.ledger import Ledger, ledger_of, stream_of
from headgate.release.readiness import Rules, listed
from headgate.release.steps import read_ledger, rules_of


@dataclass(frozen=True, slots=True)
class Said:
    """A recorded ballot, and what all of them add up to now."""

    ballot: Ballot
    authenticated: bool
    standing: Standing
    event: Event

    def to_json(self) -> dict[str, Json]:
        """Return what a program is told."""
        return {
            "subject": self.ballot.subject,
            "version": self.ballot.version,
            "choice": self.ballot.choice,
            "person": self.ballot.person,
            "authenticated": self.authenticated,
            "approved": self.standing.approved,
            "missing": self.standing.missing,
            "blocked_by": list(self.standing.blocked_by),
            "why": list(self.standing.why),
            "position": self.event.position,
        }


@dataclass(frozen=True, slots=True)
class Made:
    """A signature that was made where the person's key is (of a `draft`), and what it was made over.

    Attributes:
        at: The draft's time.
        nonce: The draft's.
        key_id: Of the key that signed.
        signature: Base64.
    """

    at: datetime
    nonce: str
    key_id: str
    signature: str


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks: a name, why they say it, and their key, or what it signed elsewhere, if they have one."""

    person: str
    because: str
    signer: Signer | None = None
    made: Made | None = None


def vote(
    store: EventStore, clock: Clock, policy: ProjectPolicy, model: str, version: str, choice: Choice, voice: Voice
) -> Said:
    """Approve or reject a version.

    Raises:
        BadInput: There is no such model or version, or no reason is given.
        Refused: The ballot could not count (requester, not asked, unsigned), or approves what did not pass the gate.
        Conflict: A ballot that was signed elsewhere is recorded already, or somebody else recorded something.
        Tampered: An event of the journal is not what was recorded.
    """
    refuse_edited(store)  # nobody signs for a verdict that was turned in the database
    rules, (ledger, people) = rules_of(policy, model), read_ledger(store, model)
    asked = _about(policy, rules, ledger, version)
    if choice == "approve" and not _withdraws(ledger, version, voice):
        _passed(ledger, version, rules)
    return _cast(store, clock, rules, ledger, people, asked, choice, voice)


def sign_off(store: EventStore, clock: Clock, policy: ProjectPolicy, model: str, choice: Choice, voice: Voice) -> Said:
    """Approve or reject the scorecard of a model as it stands in the policy."""
    rules, (ledger, people) = rules_of(policy, model), read_ledger(store, model)
    asked = _about(policy, rules, ledger, None)
    return _cast(store, clock, rules, ledger, people, asked, choice, voice)


def draft(
    store: EventStore,
    clock: Clock,
    policy: ProjectPolicy,
    model: str,
    version: str | None,
    choice: Choice,
    voice: Voice,
) -> Ballot:
    """Return the ballot that `vote` (version None: `sign_off`) would record: its payload is what a person signs."""
    ledger, _ = read_ledger(store, model)
    return _fill_in(clock, _about(policy, rules_of(policy, model), ledger, version), choice, voice)


def _about(policy: ProjectPolicy, rules: Rules, ledger: Ledger, version: str | None) -> Asked:
    if version is None:
        return Asked(policy.project, rules.model, "scorecard", None, None, rules.scorecard)
    digest = ledger.registered(version).digest
    requesters = ledger.requesters(digest)
    return Asked(policy.project, rules.model, "version", version, digest, rules.scorecard, requesters)


def _cast(
    store: EventStore,
    clock: Clock,
    rules: Rules,
    ledger: Ledger,
    people: People,
    asked: Asked,
    choice: Choice,
    voice: Voice,
) -> Said:
    ballot = _fill_in(clock, asked, choice, voice)
    if voice.made and any(cast.nonce == ballot.nonce for cast in ledger.ballots):
        what = "this signed ballot was recorded already"
        raise Conflict(what, where=_where(asked), way_out="sign a fresh draft to say it again")
    why = useless(ballot, asked, people, rules.approval, ballot.at)
    withdraws = choice == "approve" and _withdraws(ledger, asked.version, voice) and not flaw(ballot, people)
    if why and not withdraws:
        raise Refused(
            f"this ballot would not count: {why}", where=_where(asked), way_out=_way_out(voice, people, asked)
        )
    person = people.active(ballot.person)
    authenticated = ballot.signature is not None and person is not None and person.trusted
    body = {**ballot.to_json(), "authenticated": authenticated}
    new = NewEvent(CAST, f"person:{ballot.person}", ballot.because, body)
    (event,) = store.append(stream_of(asked.model), ledger.sequence, [new])
    cast = ledger_of(asked.model, store.read(stream_of(asked.model))).ballots
    return Said(ballot, authenticated, _standing(asked, cast, people, rules, ballot), event)


def _standing(asked: Asked, cast: tuple[Ballot, ...], people: People, rules: Rules, ballot: Ballot) -> Standing:
    if asked.subject == "version":
        return standing(asked, cast, people, rules.approval, ballot.at)
    return scorecard_approved(asked.project, asked.model, asked.scorecard, cast, people, rules.approval, ballot.at)


def _fill_in(clock: Clock, asked: Asked, choice: Choice, voice: Voice) -> Ballot:
    if not voice.because.strip():
        raise BadInput("a ballot needs a reason", where=_where(asked), way_out='--because "what convinced you"')
    name, now, made = plain_name(voice.person), clock.now(), voice.made
    if not name or name.startswith("process:"):
        raise Refused(f"{voice.person!r} is not a person", where=_where(asked), way_out="--as NAME")
    ballot = Ballot(
        position=0,
        at=now,
        project=asked.project,
        model=asked.model,
        subject=asked.subject,
        version=asked.version,
        digest=asked.digest,
        scorecard=asked.scorecard,
        choice=choice,
        person=name,
        because=voice.because.strip(),
        signed_at=made.at if made else now,
        nonce=made.nonce if made else secrets.token_hex(16),
        key_id=made.key_id if made else key_id_of(voice.signer.public_key) if voice.signer else None,
        signature=made.signature if made else None,
    )
    return replace(ballot, signature=voice.signer.sign(ballot.payload())) if voice.signer else ballot


def _passed(ledger: Ledger, version: str, rules: Rules) -> None:
    """Nobody signs for numbers that are not there."""
    given, digest = ledger.verdict(version, rules.scorecard), ledger.registered(version).digest
    if given is not None and given.verdict.passed and given.verdict.digest == digest:
        return
    lacks = ["it has no verdict under the scorecard as it stands"]
    give = f"`headgate gate {version} --model {rules.model}`, then approve"
    if given is not None and not given.verdict.passed:
        lacks = [f"it failed the gate at {line.line}" for line in given.verdict.lines if not line.passed]
        give = remedy(given.verdict)
    raise Refused(
        f"there is nothing to approve about version {version}{listed(lacks)}",
        where=f"model {rules.model}",
        way_out=f'{give}; in an emergency `headgate promote {version} --override "reason"`',
    )


def _withdraws(ledger: Ledger, version: str | None, voice: Voice) -> bool:
    """Whoever rejected may always take it back, even where their approval does not count."""
    name = plain_name(voice.person)
    own = [cast for cast in ledger.ballots if cast.version == version and plain_name(cast.person) == name]
    return bool(own) and version is not None and own[-1].choice == "reject"


def _where(asked: Asked) -> str:
    return f"{asked.model} version {asked.version}" if asked.version else f"scorecard of {asked.model}"


def _way_out(voice: Voice, people: People, asked: Asked) -> str:
    if plain_name(voice.person) in asked.requesters:
        return "ask somebody else to look at the verdict and approve"
    if voice.signer is None and people.active(voice.person):
        return f"sign with --key FILE (default: the key that `headgate person add {plain_name(voice.person)}` wrote)"
    return "`headgate person list` shows whose keys count; the policy's `approval` says whose ballots do"
