"""What can be decided: ballots, promotion, rollback, shares; each by the steps that the commands take."""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from headgate.api.bodies import Ballot, Promote, RollBack, SetRoute
from headgate.api.caller import Caller, need
from headgate.api.desk import Approver, At, Counter, Operator
from headgate.api.once import asked_of, attempt, once
from headgate.gateway.guard.keys import ADMIN
from headgate.release import casting, steps
from headgate.release.casting import Made, Voice
from headgate.release.route_steps import set_route
from headgate.release.shares import Wish
from headgate.release.steps import Outcome

router = APIRouter(prefix="/v1", tags=["decide"])
Json = dict[str, Any]
Choice = Literal["approve", "reject"]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,200}$",
        description="Repeated within a day, the first answer is given again and nothing is done.",
    ),
]
Why = Annotated[str, Query(min_length=1, max_length=2_000, description="The `because` of the ballot.")]


@router.get("/models/{model}/versions/{version}/ballot")
def draft_ballot(model: str, version: str, choice: Choice, because: Why, at: At, who: Approver) -> Json:
    """Return what the caller's own key signs to approve or reject this version: `payload`, as UTF-8 bytes."""
    return _draft(at, at.model(model), at.version(model, version), choice, because, who)


@router.get("/models/{model}/scorecard/ballot")
def draft_scorecard_ballot(model: str, choice: Choice, because: Why, at: At, who: Approver) -> Json:
    """Return what the caller's own key signs to approve or reject the scorecard as it stands."""
    return _draft(at, at.model(model), None, choice, because, who)


@router.post("/models/{model}/versions/{version}/{choice}")
def vote(
    model: str, version: str, choice: Choice, body: Ballot, request: Request, at: At, who: Approver, key: Key = None
) -> JSONResponse:
    """Approve or reject a version in the name of the API key; who trained or asked for it does not count."""
    project = at.project

    def call() -> Json:
        number = at.version(at.model(model), version)
        said = casting.vote(project.journal(), project.clock, project.policy, model, number, choice, _voice(body, who))
        return {**said.to_json(), "model": model}

    return _answer(at, who, key, request, body, call)


@router.post("/models/{model}/scorecard/{choice}")
def sign_off(
    model: str, choice: Choice, body: Ballot, request: Request, at: At, who: Approver, key: Key = None
) -> JSONResponse:
    """Approve or reject the model's scorecard as it stands in headgate.yaml."""
    project = at.project

    def call() -> Json:
        name = at.model(model)
        said = casting.sign_off(project.journal(), project.clock, project.policy, name, choice, _voice(body, who))
        return {**said.to_json(), "model": model}

    return _answer(at, who, key, request, body, call)


@router.post("/models/{model}/promote")
def promote(model: str, body: Promote, request: Request, at: At, who: Operator, key: Key = None) -> JSONResponse:
    """Make a version champion at once: refused without a passing verdict and standing approval."""
    _check_override(who, body.override)

    def call() -> Json:
        name = at.model(model)
        return _moved(name, steps.promote(at.desk, name, body.version, who.actor, body.because, body.override))

    return _answer(at, who, key, request, body, call)


@router.post("/models/{model}/rollback")
def roll_back(model: str, body: RollBack, request: Request, at: At, who: Operator, key: Key = None) -> JSONResponse:
    """Bring an earlier champion back; needs no new ballot, no training, and no tracking server."""
    _check_override(who, body.override)

    def call() -> Json:
        name = at.model(model)
        return _moved(name, steps.roll_back(at.desk, name, body.to, who.actor, body.because, body.override))

    return _answer(at, who, key, request, body, call)


@router.post("/models/{model}/route")
def set_shares(model: str, body: SetRoute, request: Request, at: At, who: Operator, key: Key = None) -> JSONResponse:
    """Set which share of the traffic each version gets; every worker follows within a second."""
    _check_override(who, body.override)

    def call() -> Json:
        name = at.model(model)
        lease = body.lease_seconds
        span = at.project.policy.models[name].serving.lease if lease is None else timedelta(seconds=lease)
        wish = Wish(body.shares, body.versions, at.project.clock.now() + span, body.shadows)
        setting, event = set_route(at.desk, name, wish, who.actor, body.because, body.override)
        return {**setting.to_json(), "position": event.position}

    return _answer(at, who, key, request, body, call)


def _answer(
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


def _check_override(who: Caller, override: str | None) -> None:
    if override is not None:
        need(who, ADMIN, "an override")


def _voice(body: Ballot, who: Caller) -> Voice:
    signed = body.signed
    made = Made(signed.at, signed.nonce, signed.key_id, signed.signature) if signed else None
    return Voice(who.name, body.because, made=made)


def _draft(at: Counter, model: str, version: str | None, choice: Choice, because: str, who: Caller) -> Json:
    project = at.project
    voice = Voice(who.name, because)
    drawn = casting.draft(project.journal(), project.clock, project.policy, model, version, choice, voice)
    return {"payload": drawn.payload().decode(), "at": drawn.signed_at.isoformat(), "nonce": drawn.nonce}


def _moved(model: str, outcome: Outcome) -> Json:
    body = outcome.event.body if outcome.event else {}
    return {
        "model": model,
        "version": outcome.version,
        "moved": outcome.move is not None,
        **{key: body.get(key) for key in ("from", "digest", "revision", "cause", "override", "authenticated")},
        "why": list(outcome.move.why) if outcome.move else [],
        "warnings": list(outcome.warnings),
    }
