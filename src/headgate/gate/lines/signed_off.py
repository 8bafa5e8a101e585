"""Whether a person signed this very scorecard off; not a line of the policy, but always judged."""

from collections.abc import Sequence

from headgate.gate.verdict import SIGNED_OFF, Judged


def judge(model: str, scorecard: str, *, approved: bool, authenticated: bool, why: Sequence[str]) -> Judged:
    """Judge the scorecard's own approval; without it no verdict passes."""
    said = "; ".join(why)
    if not approved:
        said = f"not approved yet: `headgate approve --scorecard {model} --because ...` ({said})"
    elif not authenticated and "unauthenticated" not in said:
        said = f"{said} (unauthenticated)"
    return Judged(
        SIGNED_OFF, passed=approved, why=said, measured={"scorecard": scorecard, "authenticated": authenticated}
    )
