"""What headgate.yaml says of releases: sensible when it says nothing, refused by line and key when it cannot hold."""

from datetime import timedelta

import pytest

from headgate.policy.guards import GuardPolicy
from headgate.policy.load import examine
from headgate.policy.release import ReleasePolicy

BUSINESS = "guards: {business: {hits: {metric: precision, margin: 0.02}}}"
RULES = [
    ("rungs: [{share: 0.25}, {share: 0.05}]", "rungs[1].share: 0.05 is not above the rung before, 0.25: shares rise"),
    ("rungs: [{share: 0.1, hold: 2d}]", "rungs[0].hold: 2d is longer than its patience, 1d"),
    ("rungs: []", "rungs: may not be empty"),
    ("rungs: [{share: 1.5}]", "rungs[0].share: must be less than 1.0, not 1.5"),
    ("shadow: {duration: 2d}", "shadow.duration: 2d is longer than its patience, 1d"),
    ("strategy: blue_green, shadow: null", "release.shadow: blue_green without a shadow would be judged by nothing"),
    ("strategy: ab", "release.strategy: ab needs the key `ab`, which says what decides"),
    ("strategy: canry", "'canry' is not allowed. Did you mean canary?"),
    ("ab: {decide: hits}", "release.ab.decide: 'hits' is no guard of guards.business. Allowed: none"),
    (f"ab: {{decide: hts}}, {BUSINESS}", "Did you mean hits?"),
    (f"ab: {{decide: hits, arms: {{champion: 0.5, b: 0.4}}}}, {BUSINESS}", "ab.arms: the shares sum to 0.9, not to 1"),
    (f"ab: {{decide: hits, arms: {{champin: 0.5, b: 0.5}}}}, {BUSINESS}", "no arm is called champion. Did you mean"),
    (f"ab: {{decide: hits, arms: {{champion: 0, b: 1}}}}, {BUSINESS}", "ab.arms.b: a share is above 0 and below 1"),
    (f"ab: {{decide: hits, arms: {{champion: 0.5, B!: 0.5}}}}, {BUSINESS}", "'B!' is not a name"),
    (f"ab: {{decide: hits, hold: 20d}}, {BUSINESS}", "ab.hold: 20d is longer than the horizon, 14d"),
    (
        f"ab: {{decide: hits, bandit: thompson, least: 0.4, arms: {{champion: 0.4, b: 0.3, c: 0.3}}}}, {BUSINESS}",
        "ab.least: 3 arms cannot all have at least 0.4",
    ),
    ("guards: {errors: null, latency: {role: advisory}}", "release.guards: no guard is required"),
    ("guards: {errors: {ratio: 1}}", "guards.errors.ratio: must be greater than 1.0, not 1"),
    ("guards: {errors: {weight: 0.9}, latency: {weight: 0.9}}", "release.guards: the weights sum to 1.8, above 1"),
    ("guards: {errors: {weight: 1}}", "release.guards: the weights leave nothing for 2 guards that have none"),
    ("guards: {cost: {weight: 0.1}}", "guards.cost.weight: an advisory guard spends nothing of alpha"),
    ("guards: {quality: {metric: rmse, margin: 1}}", "quality.metric: 'rmse' is not computed for binary"),
    ("guards: {quality: {metric: roc_auc, margin: 0}}", "quality.margin: must be greater than 0.0, not 0"),
    ("shadow: null, guards: {quality: {metric: roc_auc, margin: 0.1}}", "quality: is judged on shadowed requests"),
    ("guards: {business: {hits: {metric: precision, margin: -1}}}", "hits.margin: must be greater than 0.0, not -1"),
    ("guards: {business: {cost: {metric: precision, margin: 1}}}", "business.cost: cost is the name of another guard"),
    ("guards: {business: {a: {metric: absolute_error, margin: 1}}}", "a.metric: absolute_error is not measured for b"),
    ("guards: {business: {a: {metric: mean, margin: 1}}}", "business.a.metric: mean needs `column`"),
    ("guards: {business: {a: {metric: recall, margin: 1, column: c}}}", "a.column: belongs to the metric mean, not to"),
    ("guards: {business: {a: {metric: recall, margin: 1, better: lower}}}", "a.better: which way recall is better is"),
    ("renew: 40s", "release.renew: 40s is more than half of serving.lease, 1m"),
    ('freeze: ["Mon 00:00 - Sun 12:00", "Sun 10:00 - Mon 00:00"]', "release.freeze: these windows leave no time in a"),
    ('freeze: ["Fry 16:00 - Mon 08:00"]', "release.freeze[0]: Fry is no day; write one of Mon, Tue"),
    ("freeze: [weekends]", 'release.freeze[0]: write "Fri 16:00 - Mon 08:00 Europe/Berlin"'),
]


def with_release(text: str, said: str) -> str:
    return text.replace("    traffic:", f"    release: {{{said}}}\n    traffic:")


@pytest.mark.parametrize(("said", "problem"), RULES)
def test_what_cannot_hold_is_refused_where_it_stands(text: str, said: str, problem: str) -> None:
    changed = with_release(text, said)
    policy, problems = examine(changed)
    shown = [found.show("headgate.yaml") for found in problems]
    assert policy is None
    assert any(problem in line for line in shown), shown
    line = changed.split("    release:")[0].count("\n") + 1
    assert all(one.startswith(f"headgate.yaml:{line}: models.late.release") for one in shown), shown


def test_a_project_that_says_nothing_gets_a_shadow_and_two_rungs(text: str) -> None:
    policy, problems = examine(text)
    assert policy is not None, problems
    release = policy.models["late"].release
    assert release == ReleasePolicy()
    assert release.strategy == "canary"
    assert release.shadow is not None
    assert [rung.share for rung in release.rungs] == [0.05, 0.25]
    assert {name for name, guard in release.guards.named.items() if guard.role == "required"} == {"errors", "latency"}


@pytest.mark.parametrize(
    "said",
    [
        "strategy: blue_green",
        f"strategy: ab, ab: {{decide: hits, bandit: thompson}}, {BUSINESS}",
        'freeze: ["Fri 16:00 - Mon 08:00 Europe/Berlin", "2026-12-24 - 2027-01-01"]',
        "shadow: null, guards: {latency: null, errors: {ratio: 3, at_most: 0.05}}",
    ],
)
def test_what_holds_together_is_taken(text: str, said: str) -> None:
    policy, problems = examine(with_release(text, said))
    assert policy is not None, problems
    release = policy.models["late"].release
    assert ReleasePolicy.model_validate_json(release.model_dump_json(), strict=True) == release


def test_weights_share_alpha_among_required_guards() -> None:
    def weights(**said: object) -> dict[str, float]:
        return {name: round(part, 6) for name, part in GuardPolicy.model_validate(said).weights.items()}

    hits = {"hits": {"metric": "precision", "margin": 0.1}}
    assert weights() == {"errors": 0.4, "latency": 0.6}
    assert weights(latency=None) == {"errors": 1.0}
    assert weights(business=hits) == {"errors": 0.4, "latency": 0.3, "hits": 0.3}
    assert weights(latency={"weight": 0.5}, business=hits) == {"errors": 0.25, "latency": 0.5, "hits": 0.25}


def test_an_old_span_of_a_release_stays_readable() -> None:
    assert ReleasePolicy.model_validate({"watch": "2h"}).watch == timedelta(hours=2)
