"""Bound what a request may send: a body that is larger than allowed is refused as soon as that is known."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headgate.api.faults import say

TOO_LARGE = 413


class Bounded:
    """An ASGI application before another one.

    Args:
        app: The other one.
        most: Bytes of a body.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, unless its body is said to be too large; what has no length is counted."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _length(scope) > self._most:
            await JSONResponse(self.refusal(), TOO_LARGE)(scope, receive, send)
            return
        left = self._most

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(TOO_LARGE, f"a body has at most {self._most} bytes")
            return message

        await self._app(scope, counted, send)

    def refusal(self) -> dict[str, Any]:
        """Return the body of the answer to a body that is too large."""
        return say("body_too_large", f"a body has at most {self._most} bytes", "request", "send less")


def _length(scope: Scope) -> int:
    said = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return int(said) if said.isdigit() else 0
