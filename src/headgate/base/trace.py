"""The W3C trace context of the request that is being computed, for whoever asks another server on its behalf.

What is not valid is left out, as the standard says, and never refuses a request. No span is made here: what came is
what goes on.
"""

import re
from contextvars import ContextVar
from dataclasses import dataclass

PARENT, STATE = b"traceparent", b"tracestate"
MOST_STATE = 512  # bytes
MOST_MEMBERS = 32
MOST_PARENT = 256  # bytes; versions to come may say more than the 55 of version 00
_PARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]*)?")
_KEY = rb"[a-z0-9][a-z0-9_*/@-]{0,255}"
_MEMBER = re.compile(_KEY + rb"=[ -+\--<>-~]{0,255}[!-+\--<>-~]")


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace context that was found valid.

    Attributes:
        parent: The value of `traceparent`, of version 00.
        state: The value of `tracestate`; empty: there is none.
    """

    parent: str
    state: str = ""

    def headers(self) -> dict[str, str]:
        """Return the headers that carry it."""
        state = {STATE.decode(): self.state} if self.state else {}
        return {PARENT.decode(): self.parent, **state}


CURRENT: ContextVar[Trace | None] = ContextVar("trace", default=None)


def read(parent: bytes | None, state: bytes | None = None) -> Trace | None:
    """Return the trace context of two headers; None when there is none that is valid."""
    found = _PARENT.fullmatch(parent) if parent is not None and len(parent) <= MOST_PARENT else None
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == b"ff" or (version == b"00" and more) or not int(trace, 16) or not int(span, 16):
        return None
    if version != b"00":  # of a version to come, what version 00 knows of it
        flags = b"%02x" % (int(flags, 16) & 1)
    return Trace((b"00-%b-%b-%b" % (trace, span, flags)).decode(), _state(state))


def _state(state: bytes | None) -> str:
    """Return a `tracestate` that is valid, else nothing."""
    if state is None or len(state) > MOST_STATE:
        return ""
    members = [member for part in state.split(b",") if (member := part.strip(b" \t"))]
    keys = {member.partition(b"=")[0] for member in members}
    if len(members) > MOST_MEMBERS or len(keys) < len(members) or not all(map(_MEMBER.fullmatch, members)):
        return ""
    return b",".join(members).decode()
