"""Releases: start one, look at it, hold it, end it; what `headgate release` and `headgate promote` do."""

from collections.abc import Callable, Mapping
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from headgate.api.bodies import Promote, Say, Start
from headgate.api.desk import At, Counter, Operator, Viewer
from headgate.api.lookout import Look, absent
from headgate.api.reply import Json, Key, answer, check_override
from headgate.base.errors import BadInput
from headgate.release import release_steps, steps
from headgate.release.needs import enough
from headgate.release.release_steps import Begun
from headgate.release.standing import Standing
from headgate.release.today import expected
from headgate.routing.route import CHALLENGER

Steps: TypeAlias = Callable[[steps.Desk, str, str, str], Standing]

router = APIRouter(prefix="/v1")


@router.get("/releases", tags=["look"])
def releases(
    at: At,
    look: Look,
    who: Viewer,
    model: Annotated[str, Query(max_length=63, description="Only this model's.")] = "",
    *,
    every: Annotated[bool, Query(alias="all", description="Those that are over as well.")] = False,
) -> Json:
    """List the releases that run: how far each is, what was measured, what it waits for, and what happens next."""
    del who
    wanted = {at.model(model)} if model else set(at.project.policy.models)
    found = [one for one in look.sheets() if one.at.model in wanted and (every or not one.at.state.ended)]
    return {"releases": [one.to_json() for one in found]}


@router.get("/releases/{release}", tags=["look"])
def release_of(release: str, look: Look, who: Viewer) -> Json:
    """Show a release: rungs, shares, what each guard says and why, what happens next and when."""
    del who
    return look.sheet(release).to_json()


@router.post("/models/{model}/releases", tags=["decide"])
def start(model: str, body: Start, request: Request, at: At, who: Operator, key: Key = None) -> JSONResponse:
    """Start a release, and say how many requests and how long each rung needs at today's traffic.

    Refused where traffic cannot decide the plan, with the nearest plans that it can.
    """

    def call() -> Json:
        name = at.model(model)
        if bool(body.arms) == bool(body.version):
            way_out = "name a `version`, or the `arms` of an A/B test"
            raise BadInput("which version?", where="body", way_out=way_out)
        arms = body.arms or {CHALLENGER: body.version or ""}
        return begun(name, begin(at, name, arms, body, who.actor))

    return answer(at, who, key, request, body, call)


@router.post("/models/{model}/promote", tags=["decide"])
def promote(model: str, body: Promote, request: Request, at: At, who: Operator, key: Key = None) -> JSONResponse:
    """Release a version, as `releases` does; a model's first version, and any with `now`, becomes champion at once.

    Refused without a passing verdict and standing approval.
    """
    check_override(who, body.override)

    def call() -> Json:
        name = at.model(model)
        if steps.at_once(at.desk, name, body.version, body.override, now=body.now):
            return steps.promote(at.desk, name, body.version, who.actor, body.because, body.override).to_json(name)
        return begun(name, begin(at, name, {CHALLENGER: body.version}, body, who.actor))

    return answer(at, who, key, request, body, call)


@router.post("/releases/{release}/pause", tags=["decide"])
def pause(release: str, body: Say, request: Request, at: At, who: Operator, key: Key = None) -> JSONResponse:
    """Hold a release where it is; its share stays. A pause that is forgotten rolls back."""
    call = said(at, release, who.actor, body.because, release_steps.pause)
    return answer(at, who, key, request, body, call)


@router.post("/releases/{release}/resume", tags=["decide"])
def resume(release: str, body: Say, request: Request, at: At, who: Operator, key: Key = None) -> JSONResponse:
    """Let a release go on that was paused, or asks; its patience begins anew."""
    call = said(at, release, who.actor, body.because, release_steps.resume)
    return answer(at, who, key, request, body, call)


@router.post("/releases/{release}/abort", tags=["decide"])
def abort(release: str, body: Say, request: Request, at: At, who: Operator, key: Key = None) -> JSONResponse:
    """End a release; the controller gives everything back to the champion of before."""
    call = said(at, release, who.actor, body.because, release_steps.abort)
    return answer(at, who, key, request, body, call)


def begin(at: Counter, model: str, arms: Mapping[str, str], body: Start | Promote, actor: str) -> Begun:
    """Start a release at today's traffic, or that which is expected; a dry run only says what it would be."""
    traffic = expected(at.project.today(model), body.per_second)
    if isinstance(body, Start) and body.dry_run:
        return release_steps.would_begin(at.desk, model, arms, traffic, enough)
    return release_steps.start(at.desk, model, arms, traffic, enough, actor, body.because)


def begun(model: str, one: Begun) -> Json:
    """Return what was started."""
    return {"model": model, "moved": False, **one.to_json()}


def said(at: Counter, release: str, actor: str, because: str, step: Steps) -> Callable[[], Json]:
    """Return what records what a person says of a release, and says how it stands then."""

    def call() -> Json:
        known = [one.release for name in at.project.policy.models for one in at.releases(name)]
        if release not in known:
            raise absent(release, known)
        return stands(step(at.desk, release, actor, because))

    return call


def stands(one: Standing) -> Json:
    """Return how a release stands by the journal alone: what was said of it is recorded, whatever can be measured."""
    ends = one.order.why if one.order else None
    state = {"state": one.state.value, "rung": one.rung, "since": one.since.isoformat()}
    return {"release": one.release, "model": one.model, **state, "why": one.why, "ends": ends}
