"""A column that is redacted stays redacted where it is the unit, too."""

import pytest

from headgate.policy.serving import LogPolicy, ServingPolicy


@pytest.mark.parametrize(
    ("unit", "redact", "effect"),
    [
        ("plan", {"plan": "hash"}, "hash"),
        ("plan", {"plan": "drop"}, "drop"),
        ("plan", {"plan": "hash", "unit": "drop"}, "drop"),
        ("plan", {"other": "hash"}, None),
        ("plan", {"unit": "hash"}, "hash"),
        (None, {"plan": "hash"}, None),
    ],
)
def test_the_unit_inherits_what_becomes_of_its_column(unit: str | None, redact: dict[str, str], effect: str) -> None:
    policy = ServingPolicy(unit=unit, log=LogPolicy.model_validate({"redact": redact}))
    assert policy.redaction().get("unit") == effect
    assert {name: policy.redaction()[name] for name in redact} == redact
