"""Put the control API together: routes, errors in one form, bounded bodies, no CORS."""

import logging
from importlib.metadata import version
from typing import Any, cast

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from headgate.api import deciding, reading, releasing
from headgate.api.bounds import Bounded
from headgate.api.desk import Counter
from headgate.api.faults import Problem, problem_of, say, status_of, unreadable
from headgate.api.lookout import Lookout
from headgate.base.errors import HeadgateError

LOG = logging.getLogger("headgate.api")
ROUTERS: tuple[APIRouter, ...] = (reading.router, deciding.router, releasing.router)
MOST_BYTES = 64 * 1024
RETRY_SECONDS = "1"
UNREADABLE, UNUSABLE = 400, 422
WORDS = {UNUSABLE: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}
SAID = {
    401: "There is no API key, or none that is taken.",
    403: "The API key does not carry the scope, or the Host header is none of this API's names.",
    404: "What the path names does not exist.",
    409: "A rule of the project says no, or somebody else moved first.",
    413: "The body is too large.",
    422: "The request cannot be used as it is.",
    500: "What is stored does not hold.",
    503: "The database or another system did not answer.",
}


def build(counter: Counter) -> FastAPI:
    """Return the application."""
    app = FastAPI(
        title="Headgate control API",
        version=version("headgate"),
        description="Look at models, versions, verdicts and the journal; approve, release, roll back, set shares.",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.counter = counter
    app.state.lookout = Lookout(counter.project)
    app.add_middleware(Bounded, most=MOST_BYTES)
    app.add_exception_handler(HeadgateError, _told)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _unforeseen)
    app.add_api_route("/health", health, tags=["look"])
    for router in ROUTERS:
        app.include_router(router, responses=_responses(), dependencies=_bearer())
    return app


def health() -> dict[str, str]:
    """Say that the API answers; open to everybody."""
    return {"status": "ok"}


def _responses() -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Problem, "description": said} for status, said in SAID.items()}


def _bearer() -> list[Any]:
    from fastapi import Security

    from headgate.api.desk import BEARER

    return [Security(BEARER)]


async def _told(request: Request, error: Exception) -> JSONResponse:
    del request
    found = cast("HeadgateError", error)
    status = status_of(found)
    headers = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": RETRY_SECONDS}}.get(status)
    if status >= 500:  # noqa: PLR2004 - where HTTP's server errors begin
        LOG.error("%s", found)
    return JSONResponse(problem_of(found), status, headers)


async def _unreadable(request: Request, error: Exception) -> JSONResponse:
    del request
    return JSONResponse(unreadable(list(cast("RequestValidationError", error).errors())), UNUSABLE)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    found = cast("HTTPException", error)
    status = UNUSABLE if found.status_code == UNREADABLE else found.status_code  # a body that is no JSON at all
    where = f"{request.method} {request.url.path}"
    body = say(WORDS.get(status, "refused"), str(found.detail), where, "/openapi.json says what is taken")
    return JSONResponse(body, status, found.headers)


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return JSONResponse(say("error", "this should not have happened", way_out="the API's log says more"), 500)
