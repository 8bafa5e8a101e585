"""A whole verdict: which rows judge, what silence of a version means, and the lines that no policy leaves out."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.base.errors import BadInput, Tampered
from headgate.gate.facts import Memory, Parity, Unmeasured
from headgate.gate.rows import HeldOut
from headgate.gate.steps import SignedOff, judge, parity_of, read_parity
from headgate.gate.subject import Subject, open_subject
from headgate.gate.verdict import Judged, Verdict
from headgate.policy.model import ModelPolicy
from headgate.registry.signature import Field
from headgate.testing.gate import START, FixedMeasurements, Oracle, held_out, version

SIGNED = SignedOff("sha256:card", approved=True, authenticated=True, why=("ada approves: fine",))
BETTER = {"kind": "metric", "metric": "roc_auc", "champion": {"rule": "better"}}


def policy(*lines: dict[str, Any], api_version: int = 1) -> ModelPolicy:
    return ModelPolicy.model_validate(
        {
            "task": "binary",
            "data": {
                "source": "rows.csv",
                "id": "id",
                "time": "time",
                "label": {"column": "late"},
                "columns": {"x": {"type": "float"}},
            },
            "features": {"inputs": ("ours", "theirs")},
            "split": {"holdout": "14d"},
            "scorecard": lines,
            "api_version": api_version,
        }
    )


def rows(count: int = 1000, ours: float = 0.8, theirs: float = 1.2) -> HeldOut:
    rng = np.random.default_rng(count)
    labels = rng.integers(0, 2, count)
    inputs = {
        name: 1 / (1 + np.exp(-(labels - 0.5) - rng.normal(0, noise, count)))
        for name, noise in (("ours", ours), ("theirs", theirs))
    }
    return held_out(labels, inputs, {"origin": np.array(["JFK", "LGA"], dtype=object)[np.arange(count) % 2]})


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    (tmp_path / "model.onnx").write_bytes(b"x" * 1500)
    return tmp_path


def give(
    bundle: Path, *lines: dict[str, Any], champion: Any = None, held: HeldOut | None = None, **more: Any
) -> Verdict:
    ours = more.pop("ours", None) or Oracle("ours")
    subject = Subject(version("7", more.pop("until", START)), bundle, ours)
    against = None if champion is None else Subject(version("3", more.pop("theirs_until", START)), bundle, champion)
    measure = more.pop("measure", None) or FixedMeasurements()
    seen = rows() if held is None else held
    return judge(subject, against, policy(*lines), seen, more.pop("signed", SIGNED), measure, **more)


def line(verdict: Verdict, start: str) -> Judged:
    return next(judged for judged in verdict.lines if judged.line.startswith(start))


def test_a_verdict_holds_every_line_and_two_that_no_policy_leaves_out(bundle: Path) -> None:
    verdict = give(bundle, {"kind": "metric", "metric": "roc_auc", "at_least": 0.6}, {"kind": "size", "at_most_mb": 1})
    assert verdict.passed
    assert [judged.line.split(":")[0] for judged in verdict.lines] == [
        "roc_auc at least 0.6",
        "bundle at most 1 MB",
        "signature",
        "scorecard",
    ]
    assert line(verdict, "bundle").measured["bytes"] == 1500
    assert (verdict.version, verdict.champion, verdict.scorecard) == ("7", None, "sha256:card")


def test_the_verdict_can_be_journalled_and_read_back(bundle: Path) -> None:
    lines = (
        BETTER,
        {"kind": "segment", "by": "origin", "metric": "roc_auc", "may_drop": 0.05},
        {"kind": "latency", "at_most_ms": 5},
    )
    verdict = give(bundle, *lines, champion=Oracle("theirs"))
    body = json.loads(json.dumps(verdict.to_json(), allow_nan=False))
    assert Verdict.from_json(body).passed == verdict.passed
    assert [judged.why for judged in Verdict.from_json(body).lines] == [judged.why for judged in verdict.lines]


def test_an_unsigned_scorecard_passes_nothing_and_says_what_to_do(bundle: Path) -> None:
    unsigned = SignedOff("sha256:card", approved=False, authenticated=False, why=("0 of 1 approvals",))
    verdict = give(bundle, {"kind": "size", "at_most_mb": 1}, signed=unsigned)
    assert not verdict.passed
    assert line(verdict, "scorecard").why == (
        "not approved yet: `headgate approve --scorecard flights --because ...` (0 of 1 approvals)"
    )
    assert line(verdict, "bundle").passed


def test_an_unauthenticated_approval_of_the_scorecard_is_said(bundle: Path) -> None:
    signed = SignedOff("sha256:card", approved=True, authenticated=False, why=("ada approves",))
    verdict = give(bundle, {"kind": "size", "at_most_mb": 1}, signed=signed)
    assert verdict.passed
    assert line(verdict, "scorecard").why == "ada approves (unauthenticated)"


def test_rows_that_the_candidate_was_trained_on_do_not_judge_it(bundle: Path) -> None:
    held = rows(1000)
    later = START + timedelta(minutes=400)
    verdict = give(bundle, {"kind": "metric", "metric": "roc_auc", "at_least": 0.6}, held=held, until=later)
    assert line(verdict, "roc_auc").measured["rows"] == 600


def test_the_comparison_uses_only_rows_later_than_both_training_windows(bundle: Path) -> None:
    late = START + timedelta(minutes=300)
    verdict = give(bundle, BETTER, champion=Oracle("theirs"), theirs_until=late)
    judged = line(verdict, "roc_auc")
    assert (judged.measured["rows"], judged.measured["shared_rows"]) == (1000, 700)
    assert "700 rows new to both" in judged.why


def test_too_few_shared_rows_fail_with_a_way_out(bundle: Path) -> None:
    late = START + timedelta(minutes=900)
    verdict = give(bundle, BETTER, champion=Oracle("theirs"), theirs_until=late)
    judged = line(verdict, "roc_auc")
    assert not judged.passed
    assert (
        "only 100 rows of 1,000 are later than the training of both this version and champion 3; 200 are needed: "
        "hold out a longer span, wait for newer data, or lower least_rows"
    ) in judged.why


@pytest.mark.parametrize("which", ["until", "theirs_until"])
def test_an_unknown_training_window_cannot_be_compared(bundle: Path, which: str) -> None:
    verdict = give(bundle, BETTER, champion=Oracle("theirs"), **{which: None})
    judged = line(verdict, "roc_auc")
    assert not judged.passed
    assert "it is not known until when version" in judged.why


def test_too_few_rows_of_a_class_cannot_be_compared(bundle: Path) -> None:
    held = rows(1000)
    rare = HeldOut(np.r_[np.ones(19, dtype=int), np.zeros(981, dtype=int)], held.time, held.segments, held.inputs)
    judged = line(give(bundle, BETTER, champion=Oracle("theirs"), held=rare), "roc_auc")
    assert not judged.passed
    assert "only 19 rows of 1,000 are 1; 20 are needed" in judged.why


def test_other_classes_than_the_champions_cannot_be_compared(bundle: Path) -> None:
    other = Oracle("theirs", classes=("1", "0"))
    judged = line(give(bundle, BETTER, champion=other), "roc_auc")
    assert not judged.passed
    assert "the classes differ: 0, 1 against the champion's 1, 0" in judged.why


def test_a_label_that_the_model_does_not_know_fails_with_its_name(bundle: Path) -> None:
    held = rows()
    strange = HeldOut(np.where(held.time == held.time[0], 2, held.labels), held.time, held.segments, held.inputs)
    verdict = give(bundle, {"kind": "metric", "metric": "roc_auc", "at_least": 0.5}, held=strange)
    assert line(verdict, "roc_auc").why == "label 2 is none of the model's classes (0, 1)"


def test_answers_that_are_not_numbers_fail_and_the_first_row_is_named(bundle: Path) -> None:
    held = rows()
    broken = {**held.inputs, "ours": np.where(np.arange(1000) >= 990, np.nan, held.inputs["ours"])}
    seen = HeldOut(held.labels, held.time, held.segments, broken)
    verdict = give(
        bundle, {"kind": "metric", "metric": "roc_auc", "at_least": 0.5}, held=seen, ours=Oracle("ours", missing=True)
    )
    assert line(verdict, "roc_auc").why == "10 of 1,000 answers are not finite numbers (the first on held-out row 991)"


def test_a_version_that_cannot_answer_fails_with_its_reason(bundle: Path) -> None:
    failing = Oracle("ours", fails="features() raised ZeroDivisionError: division by zero")
    verdict = give(bundle, {"kind": "metric", "metric": "roc_auc", "at_least": 0.5}, ours=failing)
    assert "ZeroDivisionError" in line(verdict, "roc_auc").why
    lacking = Oracle("ours", also=(Field("wind", "float64"),))
    verdict = give(bundle, {"kind": "metric", "metric": "roc_auc", "at_least": 0.5}, ours=lacking)
    assert line(verdict, "roc_auc").why == "it needs inputs that the held-out rows do not have: wind"


def test_a_tampered_copy_is_judged_by_nobody(bundle: Path) -> None:
    def refuse(folder: Path, expected: str) -> Oracle:
        raise Tampered(f"changed since it was sealed: model.onnx ({expected})", where=str(folder))

    with pytest.raises(Tampered, match="changed since it was sealed"):
        open_subject(version("7"), bundle, refuse)


def test_a_bundle_that_does_not_open_fails_every_line_that_needs_it(bundle: Path) -> None:
    def refuse(folder: Path, expected: str) -> Oracle:
        raise BadInput(f"features.py of {expected} defines no features()", where=str(folder))

    subject = open_subject(version("7"), bundle, refuse)
    lines: tuple[dict[str, Any], ...] = (
        {"kind": "metric", "metric": "roc_auc", "at_least": 0.5},
        {"kind": "memory", "at_most_mb": 500},
        {"kind": "latency", "at_most_ms": 50},
        {"kind": "parity"},
    )
    verdict = judge(subject, None, policy(*lines), rows(), SIGNED, FixedMeasurements())
    assert not any(judged.passed for judged in verdict.lines[:4])
    assert "defines no features()" in line(verdict, "signature").why


def test_no_rows_at_all_pass_nothing(bundle: Path) -> None:
    verdict = give(
        bundle,
        {"kind": "metric", "metric": "roc_auc", "at_least": 0.5},
        held=rows(300),
        until=START + timedelta(days=9),
    )
    assert line(verdict, "roc_auc").why == "there are no held-out rows that are later than its training data"


def test_a_breaking_signature_is_refused_unless_the_api_version_rises(bundle: Path) -> None:
    size = {"kind": "size", "at_most_mb": 1}
    same = line(give(bundle, size, champion=Oracle("ours")), "signature")
    assert same.passed
    broken = line(give(bundle, size, champion=Oracle("theirs")), "signature")
    assert not broken.passed
    assert "input ours is new and callers do not send it" in broken.why
    assert "raise it in headgate.yaml" in broken.why
    raised = line(give(bundle, size, champion=Oracle("theirs"), ours=Oracle("ours", api_version=2)), "signature")
    assert raised.passed
    assert "api_version 2 is above the champion's 1" in raised.why


def test_each_load_is_measured_once_and_beside_the_champion(bundle: Path) -> None:
    measure = FixedMeasurements()
    lines = (
        {"kind": "latency", "quantile": 0.95, "at_most_ms": 5},
        {"kind": "latency", "quantile": 0.99, "at_most_ms": 9},
        {"kind": "latency", "quantile": 0.5, "at_most_ms": 9, "rate": 50},
    )
    verdict = give(bundle, *lines, champion=Oracle("ours"), measure=measure)
    assert measure.asked == [("candidate", "champion"), ("candidate", "champion")]
    assert verdict.machine == {"processor": "fake", "cores": 2}
    assert give(bundle, {"kind": "size", "at_most_mb": 1}).machine == {}


def test_memory_and_parity_come_from_the_measurements_and_the_bundle(bundle: Path) -> None:
    measure = FixedMeasurements(peak=Memory(120.0, 60.0, 256))
    verdict = give(bundle, {"kind": "memory", "at_most_mb": 100}, {"kind": "parity"}, measure=measure)
    assert "120 MB at its peak" in line(verdict, "peak memory").why
    assert "holds no record of parity" in line(verdict, "packaged and native").why


def test_parity_is_read_as_packaging_wrote_it(bundle: Path) -> None:
    groups = {"held out": {"rows": 900, "share": 1.0}, "unseen": {"rows": 100, "share": 0.5}}
    body = {"share": 0.5, "rows": 1000, "largest": 0.25, "groups": groups}
    assert parity_of(body, "onnx") == Parity(0.5, 1000, 0.25, "onnx", "unseen")
    (bundle / "parity.json").write_text("{")
    model = Oracle("ours", files={"parity.json": "sha256:0"})
    assert isinstance(read_parity(Subject(version("7"), bundle, model)), Unmeasured)


judgements = st.lists(st.builds(Judged, st.text(), st.booleans(), st.text(), st.just({})))


@given(judgements)
def test_a_verdict_passes_exactly_when_every_line_does(lines: list[Judged]) -> None:
    verdict = Verdict("m", "1", "d", "s", None, tuple(lines), {})
    assert verdict.passed == (bool(lines) and all(judged.passed for judged in lines))


@given(judgements, st.integers(0, 20))
def test_a_failing_line_never_makes_a_verdict_pass(lines: list[Judged], place: int) -> None:
    lines.insert(place, Judged("one more", passed=False, why="", measured={}))
    assert not Verdict("m", "1", "d", "s", None, tuple(lines), {}).passed


@given(st.sampled_from(["roc_auc", "log_loss", "brier", "accuracy", "f1", "average_precision"]), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_identical_answers_are_never_better_and_never_worse(metric: str, seed: int) -> None:
    held = rows(250 + seed)
    subject = Subject(version("7"), Path("/nowhere"), Oracle("ours"))
    other = Subject(version("3"), Path("/nowhere"), Oracle("ours"))
    lines = ({**BETTER, "metric": metric}, {**BETTER, "metric": metric, "champion": {"rule": "no_worse"}})
    for one, two in ((subject, other), (other, subject)):
        better, no_worse = judge(one, two, policy(*lines), held, SIGNED, FixedMeasurements(), seed=seed).lines[:2]
        assert not better.passed
        assert "no difference" in better.why
        assert no_worse.passed


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_two_versions_are_never_both_better_than_each_other(seed: int) -> None:
    rng = np.random.default_rng(seed)
    held = rows(300, *rng.uniform(0.3, 3, 2))
    subject = Subject(version("7"), Path("/nowhere"), Oracle("ours"))
    other = Subject(version("3"), Path("/nowhere"), Oracle("theirs"))
    one = judge(subject, other, policy(BETTER), held, SIGNED, FixedMeasurements(), seed=seed).lines[0]
    two = judge(other, subject, policy(BETTER), held, SIGNED, FixedMeasurements(), seed=seed).lines[0]
    assert not (one.passed and two.passed)
