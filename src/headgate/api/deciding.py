"""What can be decided: ballots, rollback, shares; each by the steps that the commands take."""

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from headgate.api.bodies import Ballot, RollBack, SetRoute
from headgate.api.caller import Caller
from headgate.api.desk import Approver, At, Counter, Operator
from headgate.api.reply import Json, Key, answer, check_override
from headgate.release import casting, steps
from headgate.release.casting import Made, Voice
from headgate.release.route_steps import set_route
from headgate.release.shares import Wish

router = APIRouter(prefix="/v1", tags=["decide"])
Choice = Literal["approve", "reject"]
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

    return answer(at, who, key, request, body, call)


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

    return answer(at, who, key, request, body, call)


@router.post("/models/{model}/rollback")
def roll_back(model: str, body: RollBack, request: Request, at: At, who: Operator, key: Key = None) -> JSONResponse:
    """Bring an earlier champion back; needs no new ballot, no training, and no tracking server."""
    check_override(who, body.override)

    def call() -> Json:
        name = at.model(model)
        return steps.roll_back(at.desk, name, body.to, who.actor, body.because, body.override).to_json(name)

    return answer(at, who, key, request, body, call)


@router.post("/models/{model}/route")
def set_shares(model: str, body: SetRoute, request: Request, at: At, who: Operator, key: Key = None) -> JSONResponse:
    """Set which share of the traffic each version gets; every worker follows within a second."""
    check_override(who, body.override)

    def call() -> Json:
        name = at.model(model)
        lease = body.lease_seconds
        span = at.project.policy.models[name].serving.lease if lease is None else timedelta(seconds=lease)
        wish = Wish(body.shares, body.versions, at.project.clock.now() + span, body.shadows)
        setting, event = set_route(at.desk, name, wish, who.actor, body.because, body.override)
        return {**setting.to_json(), "position": event.position}

    return answer(at, who, key, request, body, call)


def _voice(body: Ballot, who: Caller) -> Voice:
    signed = body.signed
    made = Made(signed.at, signed.nonce, signed.key_id, signed.signature) if signed else None
    return Voice(who.name, body.because, made=made)


def _draft(at: Counter, model: str, version: str | None, choice: Choice, because: str, who: Caller) -> Json:
    project = at.project
    voice = Voice(who.name, because)
    drawn = casting.draft(project.journal(), project.clock, project.policy, model, version, choice, voice)
    return {"payload": drawn.payload().decode(), "at": drawn.signed_at.isoformat(), "nonce": drawn.nonce}
