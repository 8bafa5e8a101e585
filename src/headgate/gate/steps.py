"""Judge a version: let it and the champion answer the held-out rows, measure what the lines ask for, give the verdict.

What the numbers mean is decided in gate/lines/.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headgate.base.digest import Json
from headgate.gate.facts import Facts, Memory, Parity, Unmeasured
from headgate.gate.lines import signature, signed_off
from headgate.gate.load import Load
from headgate.gate.numbers import rows as show_rows
from headgate.gate.ports import Measurements
from headgate.gate.profile import Settings
from headgate.gate.profiled import Profiled, for_line, standing
from headgate.gate.rows import HeldOut
from headgate.gate.scorecard import judge_lines
from headgate.gate.subject import Subject, answers, unfit
from headgate.gate.verdict import Judged, Verdict
from headgate.policy.model import LatencyLine, MemoryLine, ModelPolicy

PARITY = "parity.json"
BATCHES = (1, 256)  # rows at once in the memory measurement


@dataclass(frozen=True, slots=True)
class SignedOff:
    """Whether a person approved this scorecard (gate.standing.scorecard_approved)."""

    scorecard: str
    approved: bool
    authenticated: bool
    why: tuple[str, ...]


def judge(
    candidate: Subject,
    champion: Subject | None,
    policy: ModelPolicy,
    held_out: HeldOut,
    signed: SignedOff,
    measurements: Measurements,
    *,
    profiles: Sequence[Profiled] = (),
    seed: int = 0,
    tell: Callable[[str], object] = lambda _: None,
) -> Verdict:
    """Return the verdict on a version.

    Args:
        candidate: The version.
        champion: The version that serves; None: absolute lines only.
        policy: Whose scorecard judges.
        held_out: Rows with labels; those that the candidate was trained on are left out here.
        signed: The scorecard's own approval.
        measurements: Measures latency and memory.
        profiles: What `headgate profile` recorded; those that hold for a latency line save its measurement.
        seed: Of the bootstrap; the same rows and seed give the same verdict.
        tell: Called with what is being done, for the person who waits.
    """
    rows = held_out.take(held_out.later(candidate.version.trained_until))
    tell(f"answering {show_rows(len(rows))} ...")
    recorded = _recorded(candidate, champion, policy, measurements, profiles)
    facts = Facts(
        held_out=rows,
        candidate=answers(candidate, policy.task, rows),
        champion=None if champion is None else answers(champion, policy.task, rows),
        bytes=_size(candidate.bundle),
        loads=_loads(candidate, champion, _unanswered(policy, recorded["candidate"]), rows, measurements, tell),
        profiles=recorded,
        memory=_memory(candidate, policy, rows, measurements, tell),
        parity=read_parity(candidate),
        seed=seed,
    )
    tell("judging every line ...")
    lines = (*judge_lines(policy.scorecard, facts), *_always(candidate, champion, signed))
    return Verdict(
        model=candidate.version.model,
        version=candidate.version.number,
        digest=candidate.version.digest,
        scorecard=signed.scorecard,
        champion=None if champion is None else champion.version.number,
        lines=lines,
        machine=measurements.machine() if _timed(policy) else {},
    )


def _timed(policy: ModelPolicy) -> bool:
    return any(isinstance(line, LatencyLine | MemoryLine) for line in policy.scorecard)


def _size(bundle: Path) -> int:
    return sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())


def _recorded(
    candidate: Subject,
    champion: Subject | None,
    policy: ModelPolicy,
    measurements: Measurements,
    profiles: Sequence[Profiled],
) -> dict[str, tuple[Profiled, ...]]:
    """Return the recorded profiles of both versions that hold for this machine and the policy's batch settings."""
    if not profiles:
        return {"candidate": ()}
    machine, settings = measurements.machine(), settings_of(policy)
    subjects = {"candidate": candidate, **({"champion": champion} if champion else {})}
    return {name: standing(profiles, one.version.digest, machine, settings) for name, one in subjects.items()}


def settings_of(policy: ModelPolicy) -> Settings:
    """Return the batch settings with which a model is served."""
    serving = policy.serving
    return Settings(serving.max_batch, serving.max_wait_ms, serving.concurrency)


def _unanswered(policy: ModelPolicy, profiles: Sequence[Profiled]) -> list[LatencyLine]:
    lines = [line for line in policy.scorecard if isinstance(line, LatencyLine)]
    return [line for line in lines if for_line(profiles, line) is None]


def _loads(
    candidate: Subject,
    champion: Subject | None,
    lines: Sequence[LatencyLine],
    rows: HeldOut,
    measurements: Measurements,
    tell: Callable[[str], object],
) -> dict[tuple[float, float], Mapping[str, Load] | Unmeasured]:
    """Measure each load once, however many quantiles are judged by it."""
    wanted = dict.fromkeys((line.rate, line.seconds) for line in lines)
    if candidate.model is None or not len(rows):
        return {}
    bundles = {"candidate": candidate.bundle}
    if champion is not None and champion.model is not None and not unfit(champion.model, rows):
        bundles["champion"] = champion.bundle
    found: dict[tuple[float, float], Mapping[str, Load] | Unmeasured] = {}
    for rate, seconds in wanted:
        tell(f"{rate:g} requests/s for {seconds:g} s on {' and '.join(bundles)} ...")
        found[rate, seconds] = measurements.load(bundles, rows.inputs, rate, seconds)
    return found


def _memory(
    candidate: Subject,
    policy: ModelPolicy,
    rows: HeldOut,
    measurements: Measurements,
    tell: Callable[[str], object],
) -> Memory | Unmeasured:
    if not any(isinstance(line, MemoryLine) for line in policy.scorecard):
        return Unmeasured("no line asks for it")
    if candidate.model is None or not len(rows):
        return Unmeasured(candidate.why or "there are no held-out rows to answer")
    tell("peak memory of a fresh process ...")
    return measurements.memory(candidate.bundle, rows.inputs, BATCHES)


def read_parity(subject: Subject) -> Parity | Unmeasured:
    """Return the record of parity in a bundle."""
    path = subject.bundle / PARITY
    if subject.model is None:
        return Unmeasured(subject.why)
    if PARITY not in subject.model.manifest.files:
        return Unmeasured("the bundle holds no record of parity with the native model; package the run again")
    try:
        return parity_of(json.loads(path.read_bytes()), subject.model.manifest.runtime)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Unmeasured(f"the record of parity cannot be read: {error!r}")


def parity_of(body: Mapping[str, Any], runtime: str) -> Parity:
    """Return what parity.json says."""
    share, groups = float(body["share"]), body.get("groups", {})
    worst = min(groups, key=lambda name: groups[name]["share"]) if groups and share < 1 else ""
    return Parity(share, int(body["rows"]), float(body["largest"]), runtime, worst)


def _always(candidate: Subject, champion: Subject | None, signed: SignedOff) -> Sequence[Judged]:
    """Return the lines that no policy can leave out."""
    return (
        _signature(candidate, champion),
        signed_off.judge(
            candidate.version.model,
            signed.scorecard,
            approved=signed.approved,
            authenticated=signed.authenticated,
            why=signed.why,
        ),
    )


def _signature(candidate: Subject, champion: Subject | None) -> Judged:
    if candidate.model is None:
        return Judged(signature.LINE, passed=False, why=candidate.why, measured={})
    if champion is None:
        return signature.judge(candidate.model.manifest, None)
    if champion.model is None:
        why = f"champion {champion.version.number} could not be opened: {champion.why}"
        return Judged(signature.LINE, passed=False, why=why, measured={})
    return signature.judge(candidate.model.manifest, champion.model.manifest)


def verdict_body(verdict: Verdict) -> dict[str, Json]:
    """Return the body of the event verdict.given."""
    body = verdict.to_json()
    return dict(body) if isinstance(body, Mapping) else {}
