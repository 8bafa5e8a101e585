"""Plans of releases for tests: the policy's defaults, less what a test says otherwise."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from headgate.policy.model import ModelPolicy, ReleasePolicy
from headgate.release.plan import Plan, Side, make_plan
from headgate.routing.route import CHALLENGER

MODEL = "late"
OLD, NEW = Side("1", "sha256:" + "1" * 64), Side("2", "sha256:" + "2" * 64)
POLICY: Mapping[str, Any] = {
    "task": "binary",
    "data": {
        "source": "rows.csv",
        "id": "id",
        "time": "at",
        "label": {"column": "late"},
        "columns": {"id": {"type": "string"}},
    },
    "features": {"inputs": ["id"]},
    "split": {"holdout": timedelta(days=1)},
    "scorecard": [{"kind": "parity"}],
}


def plan_of(challengers: Mapping[str, Side] | None = None, **said: object) -> Plan:
    """Return the plan of version 2 against champion 1; `said` is what the policy says under `release`."""
    policy = ModelPolicy.model_validate({**POLICY, "release": ReleasePolicy.model_validate(said)})
    return make_plan(MODEL, policy, OLD, challengers or {CHALLENGER: NEW})
