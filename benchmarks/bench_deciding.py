"""What a person waits for who asks for help, and what a decision costs: `python -m benchmarks.bench_deciding`.

`headgate --help` beside the bare interpreter, in turns. A plan, a move of the ladder and a line of the gate are pure
functions: they are called until a tenth of a second is over. Growth: a canary of ten times as many rungs.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
import timeit
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # runnable as a script

from benchmarks import rounds
from benchmarks.budgets import Line, show, table
from headgate.gate.lines import signature
from headgate.policy.model import ModelPolicy, ReleasePolicy
from headgate.registry.bundle import Manifest
from headgate.registry.field import Field
from headgate.registry.signature import Signature
from headgate.release.evidence import Evidence, Verdict
from headgate.release.ladder import next_move
from headgate.release.move import State
from headgate.release.plan import make_plan
from headgate.release.standing import Standing
from headgate.testing.releases import MODEL, NEW, OLD, POLICY

HELP_SECONDS = 0.4
MICROSECONDS = 200.0  # "microseconds", and not milliseconds
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
STEPS = (2, 20)
X = Field("x", "float32")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; with --check, 1 when a budget is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two rounds: shows that all runs")
    parser.add_argument("--check", action="store_true", help="end with 1 when a budget is missed")
    options = parser.parse_args(arguments)
    print(rounds.machine())
    lines = [helped(2 if options.quick else 9)]
    found = {steps: decided(steps) for steps in STEPS}
    print()
    named = [(name, *(f"{found[steps][name]:.1f}" for steps in STEPS)) for name in found[STEPS[0]]]
    table(("µs a call", *(f"{steps} rungs" for steps in STEPS)), named)
    lines += [Line(name, took, MICROSECONDS, "µs", at_least=False) for name, took in found[STEPS[0]].items()]
    met = show(lines)
    print(f"\n{rounds.machine()}")
    return int(options.check and not met)


def helped(turns: int) -> Line:
    """Return how long the command's help takes; the interpreter alone takes turns with it."""
    bare, asked = [sys.executable, "-c", "pass"], [sys.executable, "-m", "headgate.cli.main", "--help"]
    seconds = [(*_run(bare), *_run(asked)) for _ in range(turns)]
    alone, _, ours, cpu = (statistics.median(part) for part in zip(*seconds, strict=True))
    print(f"\nheadgate --help {ours:.3f} s, {cpu:.3f} s of it on a processor; the bare interpreter {alone:.3f} s")
    return Line("headgate --help", ours, HELP_SECONDS, "s", at_least=False)


def _run(command: Sequence[str]) -> tuple[float, float]:
    """Run a command; return its seconds, and those that it had a processor."""
    began, before = time.perf_counter(), os.times()
    subprocess.run(command, check=True, capture_output=True)
    seconds, after = time.perf_counter() - began, os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, spent


def decided(steps: int) -> dict[str, float]:
    """Return the microseconds of a plan of so many rungs, of a move on it, and of a line of the gate."""
    shares = [round(0.9 * (step + 1) / steps, 4) for step in range(steps)]
    said = ReleasePolicy.model_validate({"rungs": [{"share": share} for share in shares]})
    policy = ModelPolicy.model_validate({**POLICY, "release": said})
    plan = make_plan(MODEL, policy, OLD, {"challenger": NEW})
    at = Standing("r1", plan, State.RUNNING, "1", NOON, NOON, NOON, 1)
    seen, later = Evidence(Verdict.SOUND, "because", NOON, requests=9999), NOON + timedelta(days=1)
    bundle = Manifest("m", "regression", "onnx", "", Signature((X,), (X,), (Field("p", "float32"),)), (), 1, {})
    return {
        "plan": _microseconds(lambda: make_plan(MODEL, policy, OLD, {"challenger": NEW})),
        "ladder: a move": _microseconds(lambda: next_move(at, seen, later)),
        "gate: a line": _microseconds(lambda: signature.judge(bundle, bundle)),
    }


def _microseconds(call: Callable[[], object]) -> float:
    timer = timeit.Timer(call)
    times, _ = timer.autorange(lambda _count, _seconds: None)
    return min(timer.repeat(3, max(1, times // 4))) / max(1, times // 4) * 1e6


if __name__ == "__main__":
    sys.exit(main())
