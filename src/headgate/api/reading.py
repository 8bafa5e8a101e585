"""What can be looked at: the same read models as the commands show."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from headgate.api.desk import At, Counter, Viewer
from headgate.api.lookout import Look, Lookout
from headgate.api.traffic import arms_of, outcomes_of
from headgate.journal.end import read_checked
from headgate.journal.outbox import event_json
from headgate.loop.history import at as served_at
from headgate.loop.history import read_time
from headgate.loop.inspect import bundle_flaws
from headgate.loop.state import fold
from headgate.loop.status import ModelStatus, overview
from headgate.release.ledger import Given, Ledger, Registered, stream_of
from headgate.release.route_steps import read_route
from headgate.release.steps import read_ledger
from headgate.routing.route import COLLECTION
from headgate.routing.share import effective, holds

MOST = 1_000
LAST_POSITION = 2**63 - 1
DAY = 86_400

router = APIRouter(prefix="/v1", tags=["look"])
Json = dict[str, Any]


@router.get("/status")
def status(at: At, look: Look, who: Viewer) -> Json:
    """Say how every model stands, what runs on this machine, and what is wrong."""
    del who
    found, broken = _standing(at, look)
    return {"models": [one.to_json() for one in found], "running": dict(at.running()), "journal": broken or "holds"}


@router.get("/models")
def models(at: At, who: Viewer) -> Json:
    """List the models, and the version of each that serves."""
    del who
    rows = []
    for name, policy in at.project.policy.models.items():
        champion = read_ledger(at.project.journal(), name)[0].champion
        rows.append({"model": name, "task": policy.task, "champion": champion.version if champion else None})
    return {"models": rows}


@router.get("/models/{model}")
def model_status(model: str, at: At, look: Look, who: Viewer) -> Json:
    """Say how one model stands: champion, what waits and for whom, what is wrong."""
    del who
    name = at.model(model)
    (one,) = (one for one in _standing(at, look)[0] if one.model == name)
    return one.to_json()


@router.get("/models/{model}/versions")
def versions(model: str, at: At, who: Viewer) -> Json:
    """List the versions, newest first, and whether each passed the gate."""
    del who
    ledger = _ledger(at, model)
    return {"model": model, "versions": [_version(ledger, one) for one in reversed(tuple(ledger.versions.values()))]}


@router.get("/models/{model}/versions/{version}")
def version_of(model: str, version: str, at: At, who: Viewer) -> Json:
    """Show one version: who made it, and its verdicts, the last one first."""
    del who
    ledger, number = _ledger(at, model), at.version(model, version)
    verdicts = [_verdict(given) for given in reversed(ledger.verdicts.get(number, ()))]
    return {**_version(ledger, ledger.versions[number]), "verdicts": verdicts}


@router.get("/models/{model}/verdicts")
def verdicts(model: str, at: At, who: Viewer) -> Json:
    """List every verdict of the gate on this model, the last one first."""
    del who
    given = [one for each in _ledger(at, model).verdicts.values() for one in each]
    return {"model": model, "verdicts": [_verdict(one) for one in sorted(given, key=lambda one: -one.position)]}


@router.get("/models/{model}/history")
def history(
    model: str,
    at: At,
    who: Viewer,
    when: Annotated[str, Query(max_length=64, description="ISO 8601; empty: now.")] = "",
) -> Json:
    """Say which version served at a time, since when, by whom, and on what grounds."""
    del who
    moment = read_time(when)[0] if when else at.project.clock.now()
    served = served_at(_ledger(at, model), moment)
    return {"model": model, "at": moment.isoformat(), "served": served.to_json() if served else None}


@router.get("/models/{model}/route")
def route(model: str, at: At, who: Viewer) -> Json:
    """Show which share of the traffic each version has, and which it has now, its lease looked at."""
    del who
    found, now = read_route(at.project.journal(), at.model(model)), at.project.clock.now()
    if found is None:
        return {"model": model, "arms": []}
    held = {arm.name: arm.weight for arm in effective(found, now).arms}
    return {**found.to_json(), "now": held, "leased": holds(found, now)}


@router.get("/models/{model}/predictions")
def predictions(
    model: str,
    at: At,
    who: Viewer,
    seconds: Annotated[int, Query(ge=1, le=7 * DAY, description="How far back.")] = 3600,
) -> Json:
    """Sum up what was answered: requests, errors and latencies of each arm and version."""
    del who
    name, now = at.model(model), int(at.project.clock.now().timestamp())
    return {"model": name, "seconds": seconds, "arms": arms_of(at.project.rollups().read(name, now - seconds, now + 1))}


@router.get("/models/{model}/outcomes")
def outcomes(
    model: str, at: At, who: Viewer, days: Annotated[int, Query(ge=1, le=90, description="How far back.")] = 30
) -> Json:
    """Say for each arm and version how many predictions are a day old, and how many of them have an outcome."""
    del who
    return {"model": model, "days": days, **outcomes_of(at.project, at.model(model), days)}


@router.get("/journal")
def journal(
    at: At,
    who: Viewer,
    after: Annotated[int, Query(ge=0, le=LAST_POSITION, description="Position after which to begin.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST, description="At most so many events.")] = 100,
    model: Annotated[str, Query(max_length=63, description="Only this model's events.")] = "",
    kind: Annotated[str, Query(max_length=63, pattern=r"^[a-z._]*$", description="Only this kind.")] = "",
) -> Json:
    """Show what happened, oldest first, a page at a time: `next` is the `after` of the next page, null at the end."""
    del who
    stream = stream_of(at.model(model)) if model else None
    kinds = [kind] if kind else []
    found = tuple(at.project.journal().read(stream, after=after, kinds=kinds, limit=limit))
    following = found[-1].position if len(found) == limit else None
    return {"events": [event_json(one) for one in found], "next": following}


def _standing(at: Counter, look: Lookout) -> tuple[tuple[ModelStatus, ...], str]:
    project = at.project
    store = project.journal()
    events, broken = read_checked(store)
    state = fold(events)
    flaws = bundle_flaws(state, project.bundles())
    routes, now = store.documents(COLLECTION), project.clock.now()
    seen = () if broken else look.sheets()
    return overview(state, events, routes, project.policy, now, broken, flaws, seen), broken


def _ledger(at: Counter, model: str) -> Ledger:
    return read_ledger(at.project.journal(), at.model(model))[0]


def _version(ledger: Ledger, one: Registered) -> Json:
    given = ledger.verdicts.get(one.version, ())
    return {
        "version": one.version,
        "digest": one.digest,
        "run": one.run,
        "author": one.author,
        "requester": one.requester,
        "registered": one.at.isoformat(),
        "trained_until": one.trained_until.isoformat() if one.trained_until else None,
        "passed": given[-1].verdict.passed if given else None,
        "champion": ledger.champion is not None and ledger.champion.version == one.version,
    }


def _verdict(given: Given) -> Json:
    body: Any = given.verdict.to_json()
    return {"position": given.position, "at": given.at.isoformat(), **body}
