"""What a ballot is: one person's choice about a version or a scorecard, how it is read back, and whether it is theirs.

What ballots add up to is decided in `gate.standing`. Nothing here reads a clock or a key file.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from headgate.base.digest import Json, canonical
from headgate.base.errors import Tampered
from headgate.gate.people import People, genuine
from headgate.journal.event import Event

CAST = "ballot.cast"
LATE = timedelta(hours=1)  # a signature recorded longer after it was made is somebody else's replay
Subject = Literal["version", "scorecard"]
Choice = Literal["approve", "reject"]


@dataclass(frozen=True, slots=True)
class Ballot:
    """One person's choice about a version or a scorecard.

    Attributes:
        position: Where it stands in the journal; 0 before it is recorded.
        at: When it was recorded.
        project, model, subject, version, digest, scorecard, choice, person, because, signed_at, nonce: What is signed;
            version and digest are None for a scorecard.
        key_id, signature: Whose key signed it; None when nobody did.
    """

    position: int
    at: datetime
    project: str
    model: str
    subject: Subject
    version: str | None
    digest: str | None
    scorecard: str
    choice: Choice
    person: str
    because: str
    signed_at: datetime
    nonce: str
    key_id: str | None = None
    signature: str | None = None

    def payload(self) -> bytes:
        """Return the bytes that are signed."""
        return canonical({"format": "headgate.ballot/1", "model": self.model, **self._said()})

    def to_json(self) -> dict[str, Json]:
        """Return the body of the event."""
        return {**self._said(), "key_id": self.key_id, "signature": self.signature}

    def _said(self) -> dict[str, Json]:
        return {
            "project": self.project,
            "subject": self.subject,
            "version": self.version,
            "digest": self.digest,
            "scorecard": self.scorecard,
            "choice": self.choice,
            "person": self.person,
            "because": self.because,
            "at": self.signed_at.isoformat(),
            "nonce": self.nonce,
        }


def read(event: Event) -> Ballot:
    """Return the ballot that an event recorded."""
    body: Any = event.body
    try:
        return Ballot(
            position=event.position,
            at=event.at,
            project=body["project"],
            model=event.stream.removeprefix("model/"),
            subject=body["subject"],
            version=body["version"],
            digest=body["digest"],
            scorecard=body["scorecard"],
            choice=body["choice"],
            person=body["person"],
            because=body["because"],
            signed_at=datetime.fromisoformat(body["at"]),
            nonce=body["nonce"],
            key_id=body["key_id"],
            signature=body["signature"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Tampered(f"the ballot cannot be read: {error!r}", where=f"journal event {event.position}") from error


def ballots_of(events: Iterable[Event]) -> tuple[Ballot, ...]:
    """Return the ballots among these events, oldest first."""
    return tuple(read(event) for event in events if event.kind == CAST)


def flaw(ballot: Ballot, people: People) -> str:
    """Return why a ballot is not its person's, "" when it is, as far as the keys known now can tell."""
    person = people.find(ballot.person)
    if person is not None and person.revoked:
        return "the key was revoked"
    if ballot.signature is None:
        return "" if person is None else f"not signed, though {ballot.person} has a key"
    if person is None or person.key_id != ballot.key_id:
        return f"signed with {ballot.key_id}, which is not {ballot.person}'s key now"
    if not genuine(person.public_key, ballot.payload(), ballot.signature):
        return f"the signature is not {ballot.person}'s"
    late = abs(ballot.at - ballot.signed_at) > LATE
    return f"signed at {ballot.signed_at:%Y-%m-%d %H:%M} and recorded at {ballot.at:%Y-%m-%d %H:%M}" if late else ""
