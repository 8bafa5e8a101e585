"""What an error is over HTTP: a status, and one JSON form of code, what, where, way_out. Pure."""

from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, Field

from headgate.base.errors import BadInput, Conflict, HeadgateError, Refused, Tampered, Unavailable
from headgate.gateway.refusal import Refusal

STATUS: Mapping[type[HeadgateError], tuple[int, str]] = {
    Refused: (409, "refused"),
    BadInput: (422, "bad_input"),
    Unavailable: (503, "unavailable"),
    Conflict: (409, "conflict"),
    Tampered: (500, "tampered"),
}

NEW_KEY = "an admin makes one: `headgate key create --name NAME --role viewer, operator, approver or admin`"
WAYS_OUT: Mapping[str, str] = {  # of refusals, which have none of their own
    "key_missing": NEW_KEY,
    "key_unknown": NEW_KEY,
    "key_expired": NEW_KEY,
    "key_scope": "show a key with a role that may; `headgate key list` shows them",
    "host_unknown": "ask by that name, or let the API listen beyond this machine: `headgate api --host`",
    "idempotency_key_reused": "choose a fresh key for another request",
    "in_progress": "repeat it in a moment",
}
PLACES: Mapping[str, str] = {
    **dict.fromkeys(("key_missing", "key_unknown", "key_expired", "key_scope"), "the header Authorization"),
    **dict.fromkeys(("idempotency_key_reused", "in_progress"), "the header Idempotency-Key"),
    "host_unknown": "the header Host",
}


class Problem(BaseModel):
    """Why a request was not answered as asked."""

    code: str = Field(description="A stable word for programs.")
    what: str = Field(description="What is wrong, in one sentence.")
    where: str = Field(description="What it concerns.")
    way_out: str = Field(description="What can be done next.")


class Absent(BadInput):
    """What the path names does not exist: 404."""


def status_of(error: HeadgateError) -> int:
    """Return the HTTP status of an error."""
    return _meaning(error)[0]


def problem_of(error: HeadgateError) -> dict[str, Any]:
    """Return the body that tells an error."""
    code = _meaning(error)[1]
    return say(code, error.what, error.where or PLACES.get(code, ""), error.way_out or WAYS_OUT.get(code, ""))


def say(code: str, what: str, where: str = "", way_out: str = "") -> dict[str, Any]:
    """Return the body of a problem."""
    return {"code": code, "what": what, "where": where, "way_out": way_out}


def unreadable(errors: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the body for a request that has not the form it should have."""
    parts = [_part(one) for one in errors]
    return say("bad_request", "; ".join(parts), "request", "/openapi.json says what is taken")


def _part(error: Mapping[str, Any]) -> str:
    place = ".".join(str(step) for step in cast("tuple[Any, ...]", error["loc"]))
    return f"{place}: {error['msg']}"


def _meaning(error: HeadgateError) -> tuple[int, str]:
    if isinstance(error, Refusal):
        return error.status, error.code
    if isinstance(error, Absent):
        return 404, "not_found"
    found = (STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    return next(found, (500, "error"))
