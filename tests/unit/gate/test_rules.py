"""Each kind of line: when it passes, when it does not, and a why that a person understands."""

import re
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from headgate.gate.facts import Facts, Memory, Parity, Unmeasured
from headgate.gate.load import Load
from headgate.gate.rows import Answers, HeldOut, Silent
from headgate.gate.scorecard import judge_line
from headgate.gate.verdict import Judged
from headgate.policy.model import (
    LatencyLine,
    Line,
    MemoryLine,
    MetricLine,
    ParityLine,
    SegmentLine,
    SizeLine,
    Versus,
)
from headgate.testing.gate import START, held_out

ROWS = 2000
CLASSES = ("0", "1")


def rows(count: int = ROWS) -> HeldOut:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, count)
    origin = np.array(["EWR", "JFK", "LGA", "TEB"], dtype=object)[rng.choice(4, count, p=[0.4, 0.3, 0.28, 0.02])]
    return held_out(labels, {}, {"origin": origin})


def score(held: HeldOut, noise: float, seed: int = 2) -> Any:
    rng = np.random.default_rng(seed)
    return 1 / (1 + np.exp(-(held.labels - 0.5) - rng.normal(0, noise, len(held))))


def facts(noise: float = 1.0, champion: float | None = None, **more: Any) -> Facts:
    held = rows()
    theirs = None if champion is None else Answers("3", START, CLASSES, score(held, champion, 3))
    return Facts(held, Answers("7", START, CLASSES, score(held, noise)), theirs, **more)


def test_a_metric_line_shows_the_value_the_rows_and_the_bound() -> None:
    line = MetricLine(kind="metric", metric="roc_auc", at_least=0.65)
    judged = judge_line(line, facts())
    assert judged.passed
    assert judged.line == "roc_auc at least 0.65"
    assert judged.why == "roc_auc 0.7498 on 2,000 held-out rows; at least 0.65"
    assert judged.measured["value"] == pytest.approx(0.7498, abs=1e-4)


def test_a_metric_below_its_bound_fails_and_one_that_is_lower_the_better_has_an_upper_bound() -> None:
    assert not judge_line(MetricLine(kind="metric", metric="roc_auc", at_least=0.9), facts()).passed
    assert judge_line(MetricLine(kind="metric", metric="log_loss", at_most=0.8), facts()).passed
    assert not judge_line(MetricLine(kind="metric", metric="log_loss", at_most=0.1), facts()).passed


def test_a_value_just_under_the_bound_is_shown_with_the_digits_that_tell_them_apart() -> None:
    held = rows(1000)
    labels = np.r_[np.ones(500), np.zeros(500)].astype(int)
    right = labels.copy()
    right[:351] = 1 - right[:351]
    found = judge_line(
        MetricLine(kind="metric", metric="accuracy", at_least=0.64901),
        Facts(HeldOut(labels, held.time, {}, {}), Answers("7", START, CLASSES, right.astype(float)), None),
    )
    assert not found.passed
    assert "accuracy 0.649 on" in found.why
    assert "at least 0.64901" in found.why


def test_a_metric_without_a_value_fails() -> None:
    held = held_out(np.ones(50, dtype=int), {})
    seen = Facts(held, Answers("7", START, CLASSES, np.full(50, 0.5)), None)
    judged = judge_line(MetricLine(kind="metric", metric="roc_auc", at_least=0.5), seen)
    assert not judged.passed
    assert judged.why == "roc_auc has no value on 50 rows: it needs rows of every class"


def test_no_champion_yet_means_absolute_lines_only_and_every_such_line_says_so() -> None:
    both = MetricLine(kind="metric", metric="roc_auc", at_least=0.6, champion=Versus(rule="better"))
    only = MetricLine(kind="metric", metric="roc_auc", champion=Versus(rule="better"))
    segment = SegmentLine(kind="segment", by="origin", metric="roc_auc", may_drop=0.02)
    for line in (both, only, segment):
        judged = judge_line(line, facts())
        assert judged.passed
        assert "no champion yet: absolute only" in judged.why


def test_better_than_the_champion_says_by_how_much_and_how_sure() -> None:
    line = MetricLine(kind="metric", metric="roc_auc", champion=Versus(rule="better"))
    judged = judge_line(line, facts(noise=0.7, champion=1.5))
    assert judged.passed
    assert "against champion 3's" in judged.why
    assert "2,000 rows new to both" in judged.why
    assert "95% sure to be better by 0.11" in judged.why
    bound = judged.measured["bound"]
    assert isinstance(bound, float)
    assert bound > 0


def test_a_difference_that_the_interval_does_not_show_is_not_better_but_may_be_no_worse() -> None:
    close = facts(noise=1.0, champion=1.0)
    better = judge_line(MetricLine(kind="metric", metric="roc_auc", champion=Versus(rule="better")), close)
    within = Versus(rule="no_worse", margin=0.1)
    no_worse = judge_line(MetricLine(kind="metric", metric="roc_auc", champion=within), close)
    assert not better.passed
    assert "not shown to be better" in better.why
    assert no_worse.passed
    assert re.search(r"95% sure to be worse by 0\.\d+ at most", no_worse.why)
    assert "no worse by more than 0.1" in no_worse.why


def test_lower_is_better_turns_the_comparison_round() -> None:
    line = MetricLine(kind="metric", metric="log_loss", champion=Versus(rule="better"))
    assert judge_line(line, facts(noise=0.5, champion=1.5)).passed
    assert not judge_line(line, facts(noise=1.5, champion=0.5)).passed


def test_a_champion_that_cannot_answer_fails_the_comparison_with_the_reason() -> None:
    seen = facts()
    seen = Facts(seen.held_out, seen.candidate, Silent("3", "it needs inputs that the rows do not have: wind"))
    judged = judge_line(MetricLine(kind="metric", metric="roc_auc", champion=Versus(rule="no_worse")), seen)
    assert not judged.passed
    assert "wind" in judged.why


def test_a_candidate_that_cannot_answer_fails_every_line_about_answers() -> None:
    seen = Facts(rows(), Silent("7", "3 of 2,000 answers are not finite numbers"), None)
    lines: list[Line] = [
        MetricLine(kind="metric", metric="roc_auc", at_least=0.5),
        SegmentLine(kind="segment", by="origin", metric="roc_auc", at_least=0.5),
    ]
    for line in lines:
        judged = judge_line(line, seen)
        assert not judged.passed
        assert judged.why == "3 of 2,000 answers are not finite numbers"


def test_a_higher_auc_with_a_worse_segment_is_rejected_and_the_segment_is_named() -> None:
    held = rows(6000)
    theirs = score(held, 1.2, 3)
    ours = score(held, 0.3, 4)
    worse = held.segments["origin"] == "LGA"
    ours[worse] = score(held, 2.5, 5)[worse]
    seen = Facts(held, Answers("7", START, CLASSES, ours), Answers("3", START, CLASSES, theirs))
    overall = judge_line(MetricLine(kind="metric", metric="roc_auc", champion=Versus(rule="better")), seen)
    segment = judge_line(SegmentLine(kind="segment", by="origin", metric="roc_auc", may_drop=0.02), seen)
    assert overall.passed
    assert not segment.passed
    assert segment.why.startswith("origin LGA: roc_auc 0.58")
    assert "may drop 0.02" in segment.why
    assert "JFK: roc" not in segment.why


def test_a_small_segment_is_shown_and_not_judged() -> None:
    judged = judge_line(SegmentLine(kind="segment", by="origin", metric="roc_auc", at_least=0.6), facts())
    assert judged.passed
    segments: Any = judged.measured["segments"]
    assert not segments["TEB"]["judged"]
    assert segments["TEB"]["rows"] < 100
    assert "1 shown only (under 100 rows" in judged.why


def test_a_segment_line_that_judges_nothing_has_not_passed() -> None:
    line = SegmentLine(kind="segment", by="origin", metric="roc_auc", at_least=0.6, least_rows=10_000)
    judged = judge_line(line, facts())
    assert not judged.passed
    assert "no origin could be judged: none has 10,000 rows" in judged.why


def test_a_drop_that_could_be_compared_in_no_segment_has_not_passed() -> None:
    held = rows(300)
    recent = Answers("3", START + timedelta(minutes=90), CLASSES, score(held, 1.0, 3))
    seen = Facts(held, Answers("7", START, CLASSES, score(held, 1.0)), recent)
    line = SegmentLine(kind="segment", by="origin", metric="roc_auc", may_drop=0.5, least_rows=100)
    judged = judge_line(line, seen)
    assert not judged.passed
    assert "no origin could be compared with the champion: none has 100 rows new to both" in judged.why


def test_a_segment_column_that_the_rows_lack_fails() -> None:
    judged = judge_line(SegmentLine(kind="segment", by="carrier", metric="roc_auc", at_least=0.6), facts())
    assert (judged.passed, judged.why) == (False, "the held-out rows have no column carrier")


def latency(milliseconds: list[float], offered: int | None = None, seconds: float = 3.0, **line: Any) -> Judged:
    wanted = LatencyLine.model_validate({"kind": "latency", "at_most_ms": 20, "rate": 200, "seconds": 3, **line})
    load = Load(200, len(milliseconds) if offered is None else offered, seconds, tuple(sorted(milliseconds)))
    return judge_line(wanted, facts(loads={(200.0, 3.0): {"candidate": load, "champion": load}}))


def test_a_latency_line_judges_the_quantile_that_it_names() -> None:
    slow_tail = [1.0] * 590 + [50.0] * 10
    assert not latency(slow_tail, quantile=0.99).passed
    assert latency(slow_tail, quantile=0.95).passed
    judged = latency([1.0] * 600)
    assert judged.why == (
        "P99 1 ms over 600 one-row requests due at 200/s (measured now, in process, without HTTP); at most 20 ms; "
        "the champion's beside it 1 ms"
    )


def test_a_model_that_cannot_keep_up_fails_and_it_is_said() -> None:
    judged = latency([15.0] * 300, offered=600, seconds=6.0)
    assert not judged.passed
    assert judged.why == ("it cannot keep up: 50 answers/s of 200 offered (300 of 600 requests answered in 6.0 s)")
    assert "cannot keep up" in latency([], offered=600).why


def test_too_few_requests_for_a_quantile_fail_with_a_way_out() -> None:
    judged = latency([1.0] * 600, quantile=0.999)
    assert not judged.passed
    assert judged.why == "600 requests cannot show P99.9, which needs 1,000: raise seconds to 5"


def test_what_was_not_measured_has_not_passed() -> None:
    line = LatencyLine(kind="latency", at_most_ms=20)
    lines: list[tuple[Line, Facts]] = [
        (line, facts(loads={(200.0, 3.0): Unmeasured("the process ended with 1")})),
        (line, facts()),
        (MemoryLine(kind="memory", at_most_mb=100), facts(memory=Unmeasured("it never ended"))),
        (ParityLine(kind="parity"), facts(parity=Unmeasured("no record"))),
    ]
    for wanted, seen in lines:
        assert not judge_line(wanted, seen).passed


def test_size_and_memory_and_parity_lines() -> None:
    size = judge_line(SizeLine(kind="size", at_most_mb=5), facts(bytes=5_000_001))
    assert (size.passed, size.why) == (False, "5.000001 MB on disk; at most 5 MB")
    assert judge_line(SizeLine(kind="size", at_most_mb=5), facts(bytes=5_000_000)).passed
    memory = judge_line(MemoryLine(kind="memory", at_most_mb=200), facts(memory=Memory(150.0, 60.0, 256)))
    assert memory.passed
    assert "150 MB at its peak in a fresh process that answers 256 rows at once (60 MB before" in memory.why
    parity = judge_line(ParityLine(kind="parity"), facts(parity=Parity(0.998, 5000, 0.31, "onnx")))
    assert not parity.passed
    assert parity.why == (
        "onnx agrees with the native model on 99.8000% of 5,000 rows, largest difference 0.31; at least 99.9000%"
    )


def test_parity_names_the_group_of_rows_that_agrees_least() -> None:
    line = ParityLine(kind="parity")
    worst = judge_line(line, facts(parity=Parity(0.5, 1000, 0.25, "onnx", "unseen")))
    assert worst.why.startswith("onnx agrees with the native model on 50.0000% of its unseen rows (1,000 rows in all)")
    every = judge_line(line, facts(parity=Parity(1.0, 1000, 1e-7, "onnx")))
    assert every.why.startswith("onnx agrees with the native model on all 1,000 rows, largest difference 1e-07")


def test_a_regression_model_is_judged_by_its_own_metrics() -> None:
    rng = np.random.default_rng(4)
    labels = rng.normal(100, 10, 500)
    held = held_out(labels, {})
    ours = Answers("7", START, (), labels + rng.normal(0, 1, 500))
    theirs = Answers("3", START, (), labels + rng.normal(0, 3, 500))
    line = MetricLine(kind="metric", metric="mae", at_most=2, champion=Versus(rule="better"))
    judged = judge_line(line, Facts(held, ours, theirs))
    assert judged.passed
    assert "at most 2" in judged.why
