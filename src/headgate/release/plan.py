"""The plan of a release: its rungs, from the policy and the versions as they stood when it started.

A plan is recorded with the release, whole: an edit of the policy changes the next release, never a running one.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from headgate.base.digest import Json
from headgate.base.errors import BadInput
from headgate.policy.model import ModelPolicy, ReleasePolicy, parse_span, show_span
from headgate.policy.release import AbPolicy, ShadowPolicy
from headgate.routing.route import CHALLENGER, CHAMPION


class Kind(StrEnum):
    """What happens on a rung; on the last, `full`, the challenger is champion and is watched."""

    SHADOW = "shadow"
    CANARY = "canary"
    AB = "ab"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Side:
    """A version that takes part, and the digest of its bundle."""

    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of a release.

    Attributes:
        name: For people: ``shadow``, ``5 %``, ``full``.
        shares: Share of the traffic by arm, the champion's among them; they sum to 1.
        fraction: Share of the requests that is copied: to the challenger in shadow, to the old champion when full.
        hold: At least so long, however good it looks.
        patience: At most so long without an answer; an A/B test's horizon.
        requests: So many of the challenger's requests must have been judged.
    """

    name: str
    kind: Kind
    shares: Mapping[str, float]
    fraction: float
    hold: timedelta
    patience: timedelta
    requests: int = 0

    @property
    def share(self) -> float:
        """The smallest share of the requests that a challenger sees, copies included."""
        if self.kind is Kind.SHADOW:
            return self.fraction
        return min((share for name, share in self.shares.items() if name != CHAMPION), default=1.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a release will do.

    Attributes:
        champion: Who served when it was planned.
        challengers: The versions under release by arm; more than one in an A/B test only.
        rules: The model's release policy as it was.
        lease: How long shares hold without being renewed.
    """

    model: str
    champion: Side
    challengers: Mapping[str, Side]
    rungs: tuple[Rung, ...]
    rules: ReleasePolicy
    lease: timedelta

    def __post_init__(self) -> None:
        kinds = [rung.kind for rung in self.rungs]
        if len(kinds) > 1 and Kind.FULL not in kinds[:-1] and kinds[-1] is Kind.FULL:
            return
        raise BadInput(
            f"a release's rungs end with `full`, and another one is judged before it, not {' '.join(kinds) or 'none'}",
            where=f"model {self.model}",
            way_out="give models.NAME.release a shadow or rungs",
        )

    @property
    def last(self) -> int:
        """The position of the rung on which the challenger has everything."""
        return len(self.rungs) - 1

    @property
    def only(self) -> str:
        """The arm under release where there is one; of several the first."""
        return next(iter(self.challengers))

    def to_json(self) -> dict[str, Json]:
        """Return what is recorded."""
        return {
            "model": self.model,
            "champion": asdict(self.champion),
            "challengers": {name: asdict(side) for name, side in self.challengers.items()},
            "rungs": [_rung_json(rung) for rung in self.rungs],
            "rules": self.rules.model_dump(mode="json"),
            "lease": show_span(self.lease),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Plan":
        """Read what to_json wrote; ValueError, KeyError or TypeError for anything else."""
        return cls(
            body["model"],
            Side(**body["champion"]),
            {name: Side(**side) for name, side in body["challengers"].items()},
            tuple(_rung(rung) for rung in body["rungs"]),
            ReleasePolicy.model_validate(body["rules"]),
            _span(body["lease"]),
        )


def make_plan(model: str, policy: ModelPolicy, champion: Side, challengers: Mapping[str, Side]) -> Plan:
    """Return the plan that a model's policy makes for these versions.

    Raises:
        BadInput: The arms are not those of the policy.
    """
    rules = policy.release
    _check_arms(model, rules, challengers)
    first = [_shadow(rules.shadow)] if rules.shadow else []
    last = Rung("full", Kind.FULL, {CHAMPION: 1.0}, rules.watch_copies, rules.watch, rules.watch)
    return Plan(model, champion, challengers, (*first, *_middle(rules), last), rules, policy.serving.lease)


def judged(plan: Plan, position: int) -> tuple[str, ...]:
    """Return the guards that a rung can judge.

    Nobody acts on a shadow's answers, and its process has the lowest priority: it shows neither effects nor latency nor
    cost. Only a shadow has pairs. Once the challenger has everything, nobody serves beside it.
    """
    rung, guards = plan.rungs[position], plan.rules.guards
    beyond = {
        Kind.SHADOW: {"latency", "cost", *guards.business},
        Kind.FULL: {"quality", "predictions", "cost", *guards.business},
    }.get(rung.kind, {"quality"})
    return tuple(name for name in guards.named if name not in beyond)


def _check_arms(model: str, rules: ReleasePolicy, challengers: Mapping[str, Side]) -> None:
    wanted = set(rules.ab.arms) - {CHAMPION} if rules.strategy == "ab" and rules.ab else {CHALLENGER}
    if set(challengers) == wanted:
        return
    named = ", ".join(sorted(challengers)) or "none"
    raise BadInput(
        f"the release has the arms {', '.join(sorted(wanted))}, and these were given: {named}",
        where=f"model {model}",
        way_out="name a version for each arm of models.NAME.release.ab.arms",
    )


def _shadow(said: ShadowPolicy) -> Rung:
    return Rung("shadow", Kind.SHADOW, {CHAMPION: 1.0}, said.fraction, said.duration, said.patience, said.requests)


def _middle(rules: ReleasePolicy) -> tuple[Rung, ...]:
    if rules.strategy == "blue_green":
        return ()
    if rules.strategy == "ab" and rules.ab is not None:
        return (_ab(rules.ab),)
    return tuple(
        Rung(
            f"{rung.share * 100:g} %",
            Kind.CANARY,
            {CHAMPION: 1 - rung.share, CHALLENGER: rung.share},
            0.0,
            rung.hold,
            rung.patience,
        )
        for rung in rules.rungs
    )


def _ab(test: AbPolicy) -> Rung:
    return Rung("A/B", Kind.AB, dict(test.arms), 0.0, test.hold, test.horizon)


def _rung_json(rung: Rung) -> dict[str, Json]:
    body: dict[str, Any] = asdict(rung)
    return {**body, "kind": rung.kind.value, "hold": show_span(rung.hold), "patience": show_span(rung.patience)}


def _rung(body: Mapping[str, Any]) -> Rung:
    spans = {key: _span(body[key]) for key in ("hold", "patience")}
    return Rung(**{**body, **spans, "kind": Kind(body["kind"])})


def _span(text: object) -> timedelta:
    span = parse_span(text)
    if not isinstance(span, timedelta):
        raise TypeError(span)
    return span
