"""How a project stands: what serves, on what grounds, what waits and for whom, and what is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from headgate.gate.standing import Standing, scorecard_approved
from headgate.journal.event import Event
from headgate.journal.ports import Document
from headgate.loop.audit import check_routes
from headgate.loop.reconcile import CHAMPION
from headgate.loop.state import ModelState, ProjectState
from headgate.policy.model import ProjectPolicy
from headgate.release.ledger import Ledger, Moved, Registered
from headgate.release.readiness import Readiness, Rules, readiness
from headgate.release.sheet import Sheet

LAST = 5


@dataclass(frozen=True, slots=True)
class Waiting:
    """A version that never served and is newer than the champion."""

    registered: Registered
    ready: Readiness

    def to_json(self) -> dict[str, Any]:
        """Return what a program is told."""
        given = self.ready.verdict
        return {
            "version": self.registered.version,
            "author": self.registered.author,
            "requester": self.registered.requester,
            "registered": self.registered.at.isoformat(),
            "passed": given.verdict.passed if given else None,
            "approvers": list(self.ready.standing.approvers),
            "authenticated": self.ready.authenticated if not self.ready.missing else False,
            "needs": list(self.ready.missing),
        }


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """How one model stands.

    Attributes:
        waiting: Newest first.
        earlier: How many more versions wait than are listed.
        wrong: What a person should look at.
        releases: Those that have not ended.
    """

    model: str
    champion: Moved | None
    scorecard: str
    signed: Standing
    waiting: tuple[Waiting, ...]
    earlier: int
    last: tuple[Event, ...]
    wrong: tuple[str, ...]
    releases: tuple[Sheet, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what a program is told."""
        return {
            "model": self.model,
            "champion": _champion_json(self.champion),
            "scorecard": {
                "digest": self.scorecard,
                "signed": self.signed.approved,
                "authenticated": self.signed.approved and self.signed.authenticated,
                "by": list(self.signed.approvers),
                "why": list(self.signed.why),
            },
            "waiting": [one.to_json() for one in self.waiting],
            "earlier_waiting": self.earlier,
            "last": [
                {
                    "position": one.position,
                    "at": one.at.isoformat(),
                    "kind": one.kind,
                    "actor": one.actor,
                    "reason": one.reason,
                }
                for one in self.last
            ],
            "wrong": list(self.wrong),
            "releases": [one.to_json() for one in self.releases],
        }


def overview(
    state: ProjectState,
    events: Sequence[Event],
    routes: Sequence[Document],
    policy: ProjectPolicy,
    now: datetime,
    broken: str = "",
    bundles: Mapping[str, str] | None = None,
    releases: Sequence[Sheet] = (),
) -> tuple[ModelStatus, ...]:
    """Return how every model of the policy stands.

    `broken` is what is wrong with the journal itself, `bundles` with the local copies of the champions' bundles, by
    model; `releases` are those of all models.
    """
    flaws = {one.where.removeprefix("route "): one.what for one in check_routes(state, routes)}
    found = (_model(state, name, events, flaws.get(name, ""), policy, now) for name in policy.models)
    lacking = {name: (f"{flaw}; `headgate tick` brings it again",) for name, flaw in (bundles or {}).items()}
    first = (broken,) if broken else ()
    runs = [one for one in releases if not one.at.state.ended]
    return tuple(
        replace(
            one,
            wrong=(*first, *lacking.get(one.model, ()), *one.wrong),
            releases=tuple(run for run in runs if run.at.model == one.model),
        )
        for one in found
    )


def _model(
    state: ProjectState, name: str, events: Sequence[Event], route: str, policy: ProjectPolicy, now: datetime
) -> ModelStatus:
    model, rules = state.model(name), Rules.of(policy, name)
    ledger = model.ledger
    signed = scorecard_approved(rules.project, name, rules.scorecard, ledger.ballots, state.people, rules.approval, now)
    waiting = _waiting(ledger)
    shown = [Waiting(ledger.versions[v], readiness(ledger, v, rules, state.people, now)) for v in waiting[:LAST]]
    last = [event for event in events if event.stream == f"model/{name}"][-LAST:]
    return ModelStatus(
        model=name,
        champion=ledger.champion,
        scorecard=rules.scorecard,
        signed=signed,
        waiting=tuple(shown),
        earlier=len(waiting) - len(shown),
        last=tuple(reversed(last)),
        wrong=tuple(_wrong(model, route)),
    )


def _waiting(ledger: Ledger) -> list[str]:
    """Return the versions after the champion that never served, newest first."""
    champion, found = ledger.champion, list[str]()
    for version in reversed(tuple(ledger.versions)):
        if champion is not None and version == champion.version:
            break
        if ledger.served(version) is None:
            found.append(version)
    return found


def _wrong(model: ModelState, route: str) -> list[str]:
    champion, alias, wrong = model.ledger.champion, model.alias(CHAMPION), list[str]()
    if route:
        wrong.append(f"route: {route}; run `headgate audit`")
    if champion is None:
        return wrong
    if champion.override is not None:
        wrong.append(f"version {champion.version} serves by an override: {champion.override}")
    elif not champion.authenticated:
        wrong.append(f"version {champion.version} serves on unauthenticated approval")
    if alias.strayed is not None:
        wrong.append(f"alias champion was found on {alias.strayed or 'nothing'}; `headgate tick` settles it")
    elif alias.version != champion.version:
        wrong.append(f"alias champion is at {alias.version or 'nothing'} as far as is known; `headgate tick` sets it")
    return wrong


def _champion_json(champion: Moved | None) -> dict[str, Any] | None:
    if champion is None:
        return None
    return {
        "version": champion.version,
        "digest": champion.digest,
        "since": champion.at.isoformat(),
        "by": champion.actor,
        "because": champion.reason,
        "cause": champion.cause,
        "approvers": list(champion.approvers),
        "authenticated": champion.authenticated,
        "override": champion.override,
        "revision": champion.revision,
    }
