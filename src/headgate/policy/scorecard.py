"""What a person signs off: the digest of everything that decides a verdict, and each line in words.

Nothing here judges a version: that is the gate's.
"""

from typing import assert_never

from headgate.base.digest import canonical, digest_json
from headgate.policy.model import (
    LatencyLine,
    Line,
    MemoryLine,
    MetricLine,
    ModelPolicy,
    ParityLine,
    SegmentLine,
    SizeLine,
    Versus,
    show_span,
)

LEAST_ROWS = SegmentLine.model_fields["least_rows"].default


def digest(model: ModelPolicy) -> str:
    """Return the digest of what decides this model's verdicts; a change of any of it asks for a new signature.

    In it: the lines (in any order), the task, the API version (it decides whether a breaking signature passes), the
    label and when it is known and the length of the held-out span (they decide which rows judge), and what counts as
    agreement of the packaged with the native model (it decides a parity line). Not in it: dates, parameters, features
    and sources, which differ from one retraining to the next and are recorded with each version.
    """
    lines = [line.model_dump(mode="json") for line in model.scorecard]
    return digest_json(
        {
            "lines": sorted(lines, key=canonical),
            "task": model.task,
            "api_version": model.api_version,
            "label": model.data.label.model_dump(mode="json"),
            "holdout": show_span(model.split.holdout),
            "parity": {"share": model.package.agree_share, "tolerance": model.package.tolerance},
        }
    )


def describe(line: Line) -> str:
    """Return a line of the scorecard in words, such as ``roc_auc at least 0.65``."""
    match line:
        case MetricLine():
            parts = [*_bounds(line.at_least, line.at_most), *_versus(line.champion)]
            return f"{line.metric} {', '.join(parts)}"
        case SegmentLine():
            parts = _bounds(line.at_least, line.at_most)
            if line.may_drop is not None:
                parts.append(f"no worse than the champion by more than {line.may_drop:.10g}")
            rows = "" if line.least_rows == LEAST_ROWS else f" (of {line.least_rows} rows or more)"
            return f"{line.metric} in every {line.by}{rows} {', '.join(parts)}"
        case LatencyLine():
            return (
                f"latency P{line.quantile * 100:.10g} at most {line.at_most_ms:.10g} ms "
                f"at {line.rate:.10g} requests/s for {line.seconds:.10g} s"
            )
        case SizeLine():
            return f"bundle at most {line.at_most_mb:.10g} MB"
        case MemoryLine():
            return f"peak memory at most {line.at_most_mb:.10g} MB"
        case ParityLine():
            return f"packaged and native model agree on at least {line.share * 100:.10g}% of rows"
        case _:
            assert_never(line)


def _bounds(at_least: float | None, at_most: float | None) -> list[str]:
    bounds = [] if at_least is None else [f"at least {at_least:.10g}"]
    return bounds if at_most is None else [*bounds, f"at most {at_most:.10g}"]


def _versus(champion: Versus | None) -> list[str]:
    if champion is None:
        return []
    sure = f"({champion.confidence * 100:.10g}% confident)"
    if champion.rule == "better":
        return [f"better than the champion {sure}"]
    return [f"no worse than the champion by more than {champion.margin:.10g} {sure}"]
