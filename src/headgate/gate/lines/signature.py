"""Whether the callers of the champion can call the candidate; not a line of the policy, but always judged."""

from headgate.base.digest import Json
from headgate.gate.verdict import Judged
from headgate.registry.bundle import Manifest
from headgate.registry.signature import breaks

LINE = "signature: callers of the champion can call it"


def judge(candidate: Manifest, champion: Manifest | None) -> Judged:
    """Judge the signature; a break is allowed only under a new API version."""
    if champion is None:
        return Judged(LINE, passed=True, why="no champion yet: nothing to break", measured={})
    found = list(breaks(champion.signature, candidate.signature))
    measured: dict[str, Json] = {
        "breaks": found,
        "api_version": candidate.api_version,
        "champion_api_version": champion.api_version,
    }
    if not found:
        return Judged(LINE, passed=True, why="it takes and gives what the champion does", measured=measured)
    raised = candidate.api_version > champion.api_version
    way_out = (
        f"allowed, since api_version {candidate.api_version} is above the champion's {champion.api_version}"
        if raised
        else f"api_version is {candidate.api_version} for both: raise it in headgate.yaml and train again to allow this"
    )
    return Judged(LINE, passed=raised, why="; ".join([*found, way_out]), measured=measured)
