"""A recorded profile stands for a latency line only where it was taken under the same conditions; else one measures."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headgate.gate.profile import Settings
from headgate.gate.profiled import Profiled, for_line, standing
from headgate.gate.steps import SignedOff, judge
from headgate.gate.subject import Subject
from headgate.gate.verdict import Judged
from headgate.journal.event import Event
from headgate.policy.model import LatencyLine, ModelPolicy
from headgate.testing.gate import FixedMeasurements, Oracle, held_out, version

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
MACHINE = {"processor": "fake", "cores": 2, "load_average": [0.5]}
NOW = Settings(8192, 0.0)
SEEN = Profiled(
    version("7").digest, 200, 10, 2000, 2000, 200.0, {"p50": 1.0, "p95": 3.0, "p99": 4.5}, NOW, MACHINE, AT, 12
)
LINE = {"kind": "latency", "quantile": 0.99, "at_most_ms": 20, "rate": 200, "seconds": 3}
SIGNED = SignedOff("sha256:5", approved=True, authenticated=True, why=("grace",))


def latency(tmp_path: Path, *profiles: Profiled, champion: bool = False, **line: Any) -> tuple[Judged, list[Any]]:
    """Return how the latency line was judged, and what was measured for it."""
    policy = ModelPolicy.model_validate(
        {
            "task": "binary",
            "data": {
                "source": "rows.csv",
                "id": "id",
                "time": "time",
                "label": {"column": "late"},
                "columns": {"ours": {"type": "float"}},
            },
            "features": {"inputs": ("ours",)},
            "split": {"holdout": "14d"},
            "scorecard": [{**LINE, **line}],
        }
    )
    measure = FixedMeasurements()
    rows = held_out(np.array([0, 1] * 50), {"ours": np.linspace(0, 1, 100)})
    against = Subject(version("3"), tmp_path, Oracle("ours")) if champion else None
    subject = Subject(version("7"), tmp_path, Oracle("ours"))
    verdict = judge(subject, against, policy, rows, SIGNED, measure, profiles=profiles)
    return verdict.lines[0], measure.asked


def test_a_profile_of_the_same_bundle_machine_and_settings_judges_the_line_and_nothing_is_measured(
    tmp_path: Path,
) -> None:
    judged, measured = latency(tmp_path, SEEN)
    assert measured == []
    assert judged.passed
    assert judged.why == (
        "P99 4.5 ms over 2,000 one-row requests due at 200/s; at most 20 ms; "
        "profiled over HTTP on 2026-03-02 09:30 UTC (event 12), not measured again"
    )
    assert not latency(tmp_path, SEEN, at_most_ms=4)[0].passed


@pytest.mark.parametrize(
    "other",
    [
        {"digest": "sha256:other"},
        {"machine": {**MACHINE, "cores": 64}},
        {"machine": {**MACHINE, "processor": "faster"}},
        {"settings": Settings(64, 0.0)},
        {"settings": Settings(8192, 5.0)},
        {"settings": None},
        {"rate": 100},
        {"rate": 400},
        {"seconds": 2},
        {"milliseconds": {"p50": 1.0, "p95": 3.0}},
    ],
)
def test_under_any_other_condition_it_is_measured_and_the_line_says_so(tmp_path: Path, other: dict[str, Any]) -> None:
    judged, measured = latency(tmp_path, replace(SEEN, **other))
    assert measured == [("candidate",)]
    assert "measured now, in process" in judged.why


def test_the_newest_profile_counts_even_when_it_is_the_worse_one(tmp_path: Path) -> None:
    later = replace(SEEN, milliseconds={"p99": 70.0}, position=20)
    for order in ((SEEN, later), (later, SEEN)):
        judged, measured = latency(tmp_path, *order)
        assert (judged.passed, measured) == (False, [])
        assert "event 20" in judged.why


def test_a_profile_that_could_not_keep_up_fails_the_line(tmp_path: Path) -> None:
    slow = replace(SEEN, answered=900, achieved=90.0, milliseconds={"p50": 800.0})
    judged, measured = latency(tmp_path, slow)
    assert (judged.passed, measured) == (False, [])
    assert judged.why.startswith("it did not keep up: 90 answers/s of 200 offered, 900 of 2,000 requests answered")


def test_the_champions_profile_is_shown_beside_it(tmp_path: Path) -> None:
    theirs = replace(SEEN, digest=version("3").digest, milliseconds={"p99": 6.0}, position=3)
    judged, measured = latency(tmp_path, SEEN, theirs, champion=True)
    assert measured == []
    assert "the champion's, profiled on 2026-03-02, 6 ms" in judged.why
    judged, measured = latency(tmp_path, theirs, champion=True)
    assert measured == [("candidate", "champion")], "the champion's profile alone answers nothing"


def test_one_line_may_be_answered_while_another_is_measured() -> None:
    short = LatencyLine.model_validate(LINE)
    tail = LatencyLine.model_validate({**LINE, "quantile": 0.999})
    kept = standing([SEEN], SEEN.digest, MACHINE, NOW)
    assert for_line(kept, short) is SEEN
    assert for_line(kept, tail) is None


def test_it_reads_what_the_command_recorded_and_what_it_recorded_before_settings_were() -> None:
    body: dict[str, Any] = {
        "version": "7",
        "digest": SEEN.digest,
        "rate": 200,
        "seconds": 10,
        "offered": 2000,
        "answered": 2000,
        "achieved": 200.0,
        "milliseconds": {"p50": 1.0, "p95": 3.0, "p99": 4.5},
        "machine": MACHINE,
    }
    event = Event(12, "model/flights", 3, "profile.recorded", AT, "person:ada", "", body, "", "")
    assert Profiled.of(event) == replace(SEEN, settings=None)
    body["settings"] = NOW.to_json()
    assert Profiled.of(event) == SEEN
