"""What a version has, and what it still needs before it may serve, under the rules that held.

It may serve when the scorecard is signed off, the latest verdict under it passed for this very artefact (and against
this very champion, when a line compares), and enough people approved. Nothing here reads a clock, a table or the
network.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from headgate.base.digest import Json
from headgate.gate.people import People
from headgate.gate.standing import Asked, Standing, scorecard_approved, standing
from headgate.gate.verdict import SIGNED_OFF
from headgate.policy.model import ApprovalPolicy, MetricLine, ProjectPolicy, SegmentLine
from headgate.release.ledger import Given, Ledger

SHOWN = 3  # reasons that a refusal lists; `headgate status` shows all


@dataclass(frozen=True, slots=True)
class Rules:
    """What the policy demanded when something was decided; recorded with every move, so that audit can replay it.

    Attributes:
        scorecard: Digest of the scorecard as it stands.
        compares: Whether a line of it compares with the champion, so that a verdict ages when the champion changes.
    """

    project: str
    model: str
    scorecard: str
    compares: bool
    approval: ApprovalPolicy

    @classmethod
    def of(cls, policy: ProjectPolicy, model: str) -> "Rules":
        """Read a model's rules from the policy."""
        from headgate.policy.scorecard import digest

        lines = policy.models[model].scorecard
        compares = any(
            (isinstance(line, MetricLine) and line.champion is not None)
            or (isinstance(line, SegmentLine) and line.may_drop is not None)
            for line in lines
        )
        return cls(policy.project, model, digest(policy.models[model]), compares, policy.approval)

    def to_json(self) -> dict[str, Json]:
        """Return what is recorded with a move."""
        rule = self.approval
        return {
            "project": self.project,
            "scorecard": self.scorecard,
            "compares": self.compares,
            "need": rule.need,
            "of": list(rule.of),
            "expires_seconds": rule.expires.total_seconds(),
            "allow_unauthenticated": rule.allow_unauthenticated,
        }

    @classmethod
    def from_json(cls, model: str, body: Mapping[str, Any]) -> "Rules":
        """Read what to_json wrote."""
        approval = ApprovalPolicy(
            need=body["need"],
            of=tuple(body["of"]),
            expires=timedelta(seconds=body["expires_seconds"]),
            allow_unauthenticated=body["allow_unauthenticated"],
        )
        return cls(body["project"], model, body["scorecard"], bool(body["compares"]), approval)


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a version may serve by the rules alone.

    Attributes:
        verdict: The latest verdict under the scorecard; None: not judged under it.
        signed: Whether the scorecard is signed off.
        standing: What the ballots about the version add up to.
        missing: What is still needed, each with the command that gives it; empty: it may serve.
    """

    version: str
    digest: str
    verdict: Given | None
    signed: Standing
    standing: Standing
    missing: tuple[str, ...]

    @property
    def authenticated(self) -> bool:
        """Whether trusted keys carry both the scorecard and the version."""
        return self.signed.authenticated and self.standing.authenticated


def readiness(ledger: Ledger, version: str, rules: Rules, people: People, now: datetime) -> Readiness:
    """Return what a version has and what it still needs.

    Raises:
        BadInput: The journal knows no such version.
    """
    found = ledger.registered(version)
    given = ledger.verdict(version, rules.scorecard)
    signed = scorecard_approved(
        rules.project, rules.model, rules.scorecard, ledger.ballots, people, rules.approval, now
    )
    asked = Asked(
        rules.project,
        rules.model,
        "version",
        version,
        found.digest,
        rules.scorecard,
        ledger.requesters(found.digest),
    )
    stands = standing(asked, ledger.ballots, people, rules.approval, now)
    champion = ledger.champion.version if ledger.champion else None
    missing = (
        *_scorecard_missing(rules, signed),
        *_verdict_missing(given, found.digest, version, rules, champion),
        *approval_missing(version, rules, stands),
    )
    return Readiness(version, found.digest, given, signed, stands, missing)


def _scorecard_missing(rules: Rules, signed: Standing) -> tuple[str, ...]:
    if signed.approved:
        return ()
    way_out = f"`headgate approve --scorecard {rules.model} --because ...`"
    return (f"the scorecard {rules.scorecard[:19]} is not signed off ({signed.why[-1]}): {way_out}",)


def _verdict_missing(
    given: Given | None, digest: str, version: str, rules: Rules, champion: str | None
) -> tuple[str, ...]:
    again = f"`headgate gate {version} --model {rules.model}`"
    if given is None:
        return (f"version {version} has no verdict under the scorecard {rules.scorecard[:19]} as it stands: {again}",)
    verdict = given.verdict
    if verdict.digest != digest:
        return (f"the verdict judged another artefact ({verdict.digest[:19]}, now {digest[:19]}): {again}",)
    if not verdict.passed:
        failed = [f"{line.line}: {line.why}" for line in verdict.lines if not line.passed and line.line != SIGNED_OFF]
        if verdict.lines and not failed:
            return (f"the verdict was given before the scorecard was signed off: {again}, afterwards",)
        return tuple(f"version {version} failed the gate at {line}" for line in failed or ["no line was judged"])
    if rules.compares and champion not in {version, verdict.champion}:
        was, now = verdict.champion or "no champion", champion or "none"
        return (f"the verdict compares with {was}, and the champion is {now}: {again}",)
    return ()


def listed(missing: Sequence[str]) -> str:
    """Return what is missing for the end of a sentence: one on the same line, several on lines of their own."""
    if len(missing) == 1:
        return f": {missing[0]}"
    more = [f"and {len(missing) - SHOWN} more: `headgate status`"] if len(missing) > SHOWN else []
    return ":" + "".join(f"\n  - {line}" for line in [*missing[:SHOWN], *more])


def approval_missing(version: str, rules: Rules, stands: Standing) -> tuple[str, ...]:
    """Return what the ballots about a version still lack."""
    if stands.approved:
        return ()
    if stands.blocked_by:
        who = " and ".join(stands.blocked_by)
        return (f"{who} rejects version {version}; only their own later approval lifts that",)
    plural = "approval" if stands.missing == 1 else "approvals"
    void = "".join(f" [{line}]" for line in stands.why[:-1] if ": void: " in line or "does not count" in line)
    way_out = f"`headgate approve {version} --model {rules.model} --because ...`"
    return (f"{stands.missing} more {plural} needed by somebody who did not ask for it{void}: {way_out}",)
