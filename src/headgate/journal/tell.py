"""Tell a person what an event holds: in one line, or whole.

Only what decides is told in short; what is left out is in the body.
"""

import json
from collections.abc import Iterator

from headgate.base.digest import Json
from headgate.journal.event import Event

WIDTH = 100
FINGERPRINT = 19  # as much of a digest as tells two apart
SAID = frozenset(
    {"project", "at", "nonce", "signature", "because", "person", "machine", "salt", "hash"}
)  # or of no use


def brief(event: Event) -> Iterator[str]:
    """Yield the reason, and a line of what matters in the body; nothing where there is nothing."""
    if event.reason:
        yield " ".join(event.reason.split())
    told = ", ".join(f"{key} {_short(value)}" for key, value in event.body.items() if key not in SAID and _plain(value))
    if told:
        yield told if len(told) <= WIDTH else f"{told[: WIDTH - 3]}..."


def body_lines(event: Event) -> Iterator[str]:
    """Yield the reason and the whole body, laid out."""
    if event.reason:
        yield from event.reason.splitlines()
    yield from json.dumps(event.body, indent=2, ensure_ascii=False).splitlines()


def _plain(value: Json) -> bool:
    return value is not None and value != "" and not isinstance(value, list | dict | tuple)


def _short(value: Json) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = " ".join(str(value).split())
    return text[:FINGERPRINT] if text.startswith("sha256:") else text
