"""A verdict: passed or failed, with a why for every line."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from headgate.base.digest import Json

SIGNED_OFF = "scorecard: a person approved it as it stands"


@dataclass(frozen=True, slots=True)
class Judged:
    """What one line of the scorecard says about a version.

    Attributes:
        line: The line in words, such as ``roc_auc at least 0.65``.
        passed: Whether it is met.
        why: The numbers behind it, for a person.
        measured: The numbers behind it, for a program.
    """

    line: str
    passed: bool
    why: str
    measured: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the whole scorecard says; it passes when every line does.

    Attributes:
        version: The version judged.
        digest: Its bundle's digest.
        scorecard: The digest of the scorecard that judged it.
        champion: The version it was compared with; None: no champion yet, absolute lines only.
        lines: One Judged per line.
        machine: Where latency was measured (processor, cores, load); empty when no line needs it.
    """

    model: str
    version: str
    digest: str
    scorecard: str
    champion: str | None
    lines: tuple[Judged, ...]
    machine: Mapping[str, Json]

    @property
    def passed(self) -> bool:
        """True when every line passed; a verdict without lines has not."""
        return bool(self.lines) and all(line.passed for line in self.lines)

    def to_json(self) -> Json:
        """Return what is journalled."""
        return {**asdict(self), "lines": [asdict(line) for line in self.lines], "passed": self.passed}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Verdict":
        """Read what to_json wrote."""
        rest = {key: value for key, value in body.items() if key not in ("lines", "passed")}
        return cls(lines=tuple(Judged(**line) for line in body["lines"]), **rest)


def remedy(verdict: Verdict) -> str:
    """Return what to do about a verdict that has not passed: only where a number fell short is it another model."""
    failed = {line.line for line in verdict.lines if not line.passed}
    again = f"`headgate gate {verdict.version} --model {verdict.model}`"
    if failed == {SIGNED_OFF}:
        return f"`headgate approve --scorecard {verdict.model} --because ...`, then {again} once more"
    slow = {line for line in failed if line.startswith("latency ")}
    if slow and failed <= {*slow, SIGNED_OFF}:
        return f"{again} once more while nothing else runs on this machine; slow even then: train a smaller model"
    return "train a better version (`headgate train`)"
