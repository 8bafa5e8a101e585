"""How a request that decides is answered: once under one key, an override only to an admin."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from headgate.api.caller import Caller, need
from headgate.api.desk import Counter
from headgate.api.once import asked_of, attempt, once
from headgate.gateway.guard.keys import ADMIN

Json = dict[str, Any]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,200}$",
        description="Repeated within a day, the first answer is given again and nothing is done.",
    ),
]


def answer(
    at: Counter, who: Caller, key: str | None, request: Request, body: BaseModel, call: Callable[[], Json]
) -> JSONResponse:
    """Do what is asked, once under one key; a key is one caller's own."""
    if key is None:
        status, content = attempt(call)
        return JSONResponse(content, status)
    asked = asked_of(request.method, request.url.path, body.model_dump(mode="json"))
    now = at.project.clock.now().timestamp()
    (status, content), earlier = once(at.answers, f"{who.key or who.name}\n{key}", asked, now, call)
    return JSONResponse(content, status, {"idempotency-replayed": "true"} if earlier else None)


def check_override(who: Caller, override: str | None) -> None:
    """Refuse an override to who is no admin."""
    if override is not None:
        need(who, ADMIN, "an override")
