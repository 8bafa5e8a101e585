"""Do a request once: a POST that is repeated under one `Idempotency-Key` gets the first answer again.

What was said no to is kept as well; what could not be done at all (the database away) is not, and may be asked again.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

from headgate.api.faults import problem_of, status_of
from headgate.base.digest import digest_json
from headgate.base.errors import HeadgateError
from headgate.gateway.refusal import Refusal

Answer: TypeAlias = tuple[int, dict[str, Any]]
Kept: TypeAlias = tuple[str, int | None, dict[str, Any]]
"""Digest of the request that came first, status of its answer (None: it is under way), and its body."""
WORKED = 500  # below it an answer is one


class Answers(Protocol):
    """Keeps answers by key. Contract: of two that begin one key at once, one gets None."""

    def begin(self, key: str, asked: str, now: float) -> Kept | None:
        """Take a key for a request; None: go on and `keep` or `drop`; else what is kept under it."""
        ...

    def keep(self, key: str, status: int, body: dict[str, Any]) -> None:
        """Keep the answer to a request that has the key."""
        ...

    def drop(self, key: str) -> None:
        """Let go of a key without an answer."""
        ...


def asked_of(method: str, path: str, body: Mapping[str, Any]) -> str:
    """Return the digest by which a request is known again."""
    return digest_json({"method": method, "path": path, "body": dict(body)})


def attempt(call: Callable[[], dict[str, Any]]) -> Answer:
    """Call; an error becomes its answer."""
    try:
        return 200, call()
    except HeadgateError as error:
        return status_of(error), problem_of(error)


def once(answers: Answers, key: str, asked: str, now: float, call: Callable[[], dict[str, Any]]) -> tuple[Answer, bool]:
    """Return the answer under a key, and whether it is an earlier one.

    Raises:
        Refusal: 422 when the key came with another request, 409 while that request is under way.
    """
    kept = answers.begin(key, asked, now)
    if kept is not None:
        return again(kept, asked), True
    status = WORKED
    try:
        status, body = attempt(call)
        if status < WORKED:
            answers.keep(key, status, body)
        return (status, body), False
    finally:
        if status >= WORKED:
            answers.drop(key)


def again(kept: Kept, asked: str) -> Answer:
    """Return a kept answer for a request that came again; raises Refusal as `once` does."""
    first, status, body = kept
    if first != asked:
        raise Refusal(422, "idempotency_key_reused", "this Idempotency-Key came with another request before")
    if status is None:
        raise Refusal(409, "in_progress", "the first request with this Idempotency-Key is under way")
    return status, body
