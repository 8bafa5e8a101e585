"""What a webhook gets: which events, signed how, and when a failed delivery is tried again.

Pure: nothing here sends, and the secret and the time are handed in.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from headgate.base.digest import Json, canonical, digest_json
from headgate.journal.event import Event
from headgate.journal.ports import Delivery, Sent, Settled

FIRST_WAIT = timedelta(seconds=10)
LONGEST_WAIT = timedelta(hours=1)
TRIES = 16  # about eight hours
TOLERANCE = timedelta(minutes=5)
LARGEST = 256 * 1024  # bytes of a message
OF_ONE_USER = frozenset({"differing"})  # rows of single users: they stay in the journal
SIGNATURE, ID, KIND, ATTEMPT = "Headgate-Signature", "Headgate-Delivery", "Headgate-Event", "Headgate-Attempt"


def wanted(kind: str, patterns: Sequence[str]) -> bool:
    """Tell whether a kind matches one of the patterns; ``*`` stands for any part of it."""
    return any(fnmatchcase(kind, pattern) for pattern in patterns)


def delivery_id(webhook: str, event: Event) -> str:
    """Return the id that all attempts and replays of one event to one webhook share."""
    return digest_json([webhook, event.hash]).removeprefix("sha256:")[:32]


def event_json(event: Event) -> dict[str, Json]:
    """Return an event as it is printed and sent."""
    return {
        "position": event.position,
        "stream": event.stream,
        "sequence": event.sequence,
        "kind": event.kind,
        "at": event.at.isoformat(timespec="microseconds"),
        "actor": event.actor,
        "reason": event.reason,
        "body": event.body,
        "previous": event.previous,
        "hash": event.hash,
    }


def payload(delivery: Delivery) -> bytes:
    """Return the body of the request: the same bytes in every attempt, never more than LARGEST.

    Of a body that is larger only its size is told; what concerns single users is left out of every one.
    """
    event = event_json(delivery.event)
    told: dict[str, Json] = {
        "id": delivery.id,
        "webhook": delivery.webhook,
        "event": event | {"body": _told(event["body"])},
    }
    found = canonical(told)
    if len(found) <= LARGEST:
        return found
    small: dict[str, Json] = {"left_out_bytes": len(found)}
    return canonical(told | {"event": event | {"reason": "", "body": small}})


def _told(body: Json) -> Json:
    if not isinstance(body, Mapping):
        return body
    return {key: _told(value) for key, value in body.items() if key not in OF_ONE_USER}


@dataclass(frozen=True, slots=True)
class Form:
    """What a webhook's messages look like.

    Attributes:
        write: Makes the body of the request from a delivery and earlier events of its stream, the same each time;
            None: this event is no message.
        beside: The kinds of earlier events that it needs, each with how many positions back it looks; 0: all.
    """

    write: Callable[[Delivery, Sequence[Event]], bytes | None]
    beside: Mapping[str, int] = field(default_factory=dict)


FORMS: Mapping[str, Form] = {"json": Form(lambda delivery, _before: payload(delivery))}
"""The forms that need nothing but the journal."""


def headers(delivery: Delivery, secret: str, body: bytes, now: datetime) -> Mapping[str, str]:
    """Return the headers of one attempt."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "headgate",
        ID: delivery.id,
        KIND: delivery.event.kind,
        ATTEMPT: str(delivery.attempt),
        SIGNATURE: sign(secret, body, now),
    }


def sign(secret: str, body: bytes, now: datetime) -> str:
    """Return ``t=<unix seconds>,v1=<hex>``: HMAC-SHA256 (RFC 2104) over ``<unix seconds>.<body>``."""
    seconds = str(int(now.timestamp()))
    return f"t={seconds},v1={_mac(secret, seconds, body)}"


def holds(signature: str, secret: str, body: bytes, now: datetime) -> bool:
    """Tell a receiver whether a signature is right and not older (or newer) than TOLERANCE."""
    parts = dict(part.partition("=")[::2] for part in signature.split(","))
    seconds = parts.get("t", "")
    if not (seconds.isascii() and seconds.isdigit()):
        return False
    fresh = abs(int(seconds) - now.timestamp()) <= TOLERANCE.total_seconds()
    return fresh and hmac.compare_digest(_mac(secret, seconds, body).encode(), parts.get("v1", "").encode())


def _mac(secret: str, seconds: str, body: bytes) -> str:
    return hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()


def settle(delivery: Delivery, sent: Sent, now: datetime) -> Settled:
    """Return what an attempt came to: done, again later, or dead after TRIES attempts."""
    if sent.status is not None and 200 <= sent.status < 300:  # noqa: PLR2004
        return Settled("done", now, "")
    why = sent.why or f"it answered {sent.status}"
    if delivery.attempt >= TRIES:
        return Settled("dead", now, f"given up after {delivery.attempt} attempts: {why}")
    wait = max(back_off(delivery.attempt, delivery.id), min(sent.wait or timedelta(0), LONGEST_WAIT))
    return Settled("pending", now + wait, why)


def back_off(attempt: int, key: str) -> timedelta:
    """Return how long to wait after an attempt: doubling from FIRST_WAIT to LONGEST_WAIT, plus up to a tenth.

    The part on top differs by key, so that a hundred deliveries that failed together do not come back together.
    """
    doubled: timedelta = FIRST_WAIT * 2 ** min(attempt - 1, 30)
    spread = hashlib.sha256(f"{key}{attempt}".encode()).digest()[0] / 255 / 10
    wait: timedelta = min(doubled, LONGEST_WAIT) * (1 + spread)
    return wait
