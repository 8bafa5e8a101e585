"""An event, and the hash that chains it to the one before."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from headgate.base.digest import Json, digest_json

GENESIS = "sha256:" + "0" * 64


@dataclass(frozen=True, slots=True)
class NewEvent:
    """What somebody wants recorded.

    Attributes:
        kind: Dotted name, such as ``pointer.moved``.
        actor: Who did it: ``person:ada`` or ``process:tick``.
        reason: Why, for a person to read.
        body: JSON object; the kind fixes its keys.
    """

    kind: str
    actor: str
    reason: str
    body: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Event:
    """A recorded event.

    Attributes:
        position: 1, 2, 3 ... over the whole journal; carries the chain.
        stream: ``project`` or ``model/<name>``.
        sequence: 1, 2, 3 ... within the stream.
        at: When it was recorded (UTC).
        previous: Hash of the event at position - 1 (GENESIS before the first).
        hash: digest of everything above.
    """

    position: int
    stream: str
    sequence: int
    kind: str
    at: datetime
    actor: str
    reason: str
    body: Mapping[str, Json]
    previous: str
    hash: str


def event_hash(position: int, stream: str, sequence: int, at: datetime, new: NewEvent, previous: str) -> str:
    """Return the digest that chains an event: over the canonical JSON of all its fields and the previous hash."""
    return digest_json(
        {
            "position": position,
            "stream": stream,
            "sequence": sequence,
            "at": at.isoformat(timespec="microseconds"),
            "kind": new.kind,
            "actor": new.actor,
            "reason": new.reason,
            "body": new.body,
            "previous": previous,
        }
    )
