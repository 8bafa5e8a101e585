"""Judge a version: let it and the champion answer the held-out rows, measure what the lines ask for, give the verdict.

The only file of the gate that acts; what the numbers mean is decided in gate/lines/.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from headgate.base.digest import Json
from headgate.base.errors import HeadgateError
from headgate.gate.facts import Facts, Memory, Parity, Unmeasured
from headgate.gate.lines import signature, signed_off
from headgate.gate.load import Load
from headgate.gate.numbers import rows as show_rows
from headgate.gate.ports import Answering, Measurements
from headgate.gate.rows import Answers, HeldOut, Silent
from headgate.gate.scorecard import judge_lines
from headgate.gate.verdict import Judged, Verdict
from headgate.policy.model import LatencyLine, MemoryLine, ModelPolicy
from headgate.registry.version import Version
from headgate.training.resampled import Array

PARITY = "parity.json"
BATCHES = (1, 256)  # rows at once in the memory measurement
OUTPUTS: Mapping[str, str] = {"binary": "probability", "multiclass": "probabilities", "regression": "prediction"}


@dataclass(frozen=True, slots=True)
class Subject:
    """A version that is judged, or judged against.

    Attributes:
        version: As registered.
        bundle: Its folder.
        model: The opened bundle; None when it could not be opened.
        why: Why it could not be opened.
    """

    version: Version
    bundle: Path
    model: Answering | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class SignedOff:
    """Whether a person approved this scorecard (gate.ballots.scorecard_approved)."""

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
        seed: Of the bootstrap; the same rows and seed give the same verdict.
        tell: Called with what is being done, for the person who waits.
    """
    rows = held_out.take(held_out.later(candidate.version.trained_until))
    tell(f"answering {show_rows(len(rows))}")
    facts = Facts(
        held_out=rows,
        candidate=answers(candidate, policy.task, rows),
        champion=None if champion is None else answers(champion, policy.task, rows),
        bytes=sum(path.stat().st_size for path in candidate.bundle.rglob("*") if path.is_file()),
        loads=_loads(candidate, champion, policy, rows, measurements, tell),
        memory=_memory(candidate, policy, rows, measurements, tell),
        parity=read_parity(candidate),
        seed=seed,
    )
    tell("judging every line")
    lines = (*judge_lines(policy.scorecard, facts), *_always(candidate, champion, signed))
    timed = any(isinstance(line, LatencyLine | MemoryLine) for line in policy.scorecard)
    return Verdict(
        model=candidate.version.model,
        version=candidate.version.number,
        digest=candidate.version.digest,
        scorecard=signed.scorecard,
        champion=None if champion is None else champion.version.number,
        lines=lines,
        machine=measurements.machine() if timed else {},
    )


def answers(subject: Subject, task: str, rows: HeldOut) -> Answers | Silent:
    """Return what a version answers on the rows; Silent where it cannot, or where an answer is not a finite number."""
    number = subject.version.number
    if subject.model is None:
        return Silent(number, subject.why)
    why = _unfit(subject.model, rows)
    if why:
        return Silent(number, why)
    manifest = subject.model.manifest
    try:
        outputs = subject.model.predict({field.name: rows.inputs[field.name] for field in manifest.signature.inputs})
    except HeadgateError as error:
        return Silent(number, error.what)
    found = outputs.get(OUTPUTS[task])
    why = _flaw(found, len(rows)) if found is not None else f"it gives no {OUTPUTS[task]}, which {task} needs"
    if found is None or why:
        return Silent(number, why)
    return Answers(number, subject.version.trained_until, manifest.classes, found)


def _unfit(model: Answering, rows: HeldOut) -> str:
    if not len(rows):
        return "there are no held-out rows that are later than its training data"
    missing = [field.name for field in model.manifest.signature.inputs if field.name not in rows.inputs]
    return f"it needs inputs that the held-out rows do not have: {', '.join(missing)}" if missing else ""


def _flaw(found: Array, rows: int) -> str:
    if len(found) != rows:
        return f"it gave {len(found):,} answers to {show_rows(rows)}"
    broken = ~np.isfinite(found.reshape(rows, -1)).all(axis=1)
    if not broken.any():
        return ""
    return (
        f"{int(broken.sum()):,} of {rows:,} answers are not finite numbers "
        f"(the first on held-out row {int(broken.argmax()) + 1:,})"
    )


def _loads(
    candidate: Subject,
    champion: Subject | None,
    policy: ModelPolicy,
    rows: HeldOut,
    measurements: Measurements,
    tell: Callable[[str], object],
) -> dict[tuple[float, float], Mapping[str, Load] | Unmeasured]:
    """Measure each load once, however many quantiles are judged by it."""
    wanted = dict.fromkeys((line.rate, line.seconds) for line in policy.scorecard if isinstance(line, LatencyLine))
    if candidate.model is None or not len(rows):
        return {}
    bundles = {"candidate": candidate.bundle}
    if champion is not None and champion.model is not None and not _unfit(champion.model, rows):
        bundles["champion"] = champion.bundle
    found: dict[tuple[float, float], Mapping[str, Load] | Unmeasured] = {}
    for rate, seconds in wanted:
        tell(f"{rate:g} requests/s for {seconds:g} s on {' and '.join(bundles)}")
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
    tell("peak memory of a fresh process")
    return measurements.memory(candidate.bundle, rows.inputs, BATCHES)


def read_parity(subject: Subject) -> Parity | Unmeasured:
    """Return the record of parity in a bundle."""
    path = subject.bundle / PARITY
    if subject.model is None:
        return Unmeasured(subject.why)
    if PARITY not in subject.model.manifest.files:
        return Unmeasured("the bundle holds no record of parity with the native model; package the run again")
    try:
        body = json.loads(path.read_bytes())
        return Parity(float(body["share"]), int(body["rows"]), float(body["largest"]), subject.model.manifest.runtime)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Unmeasured(f"the record of parity cannot be read: {error!r}")


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


def open_subject(version: Version, bundle: Path, open_model: Callable[[Path, str], Answering]) -> Subject:
    """Open a version's bundle under its digest; one that cannot be opened is judged, and fails, as it is."""
    try:
        return Subject(version, bundle, open_model(bundle, version.digest))
    except HeadgateError as error:
        return Subject(version, bundle, None, f"the bundle cannot be opened: {error.what}")


def verdict_body(verdict: Verdict) -> dict[str, Json]:
    """Return the body of the event verdict.given."""
    body = verdict.to_json()
    return dict(body) if isinstance(body, Mapping) else {}
