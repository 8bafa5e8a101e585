"""Call the user's train() in a process of its own, with a time limit; bring back the saved model or what went wrong."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headgate.base.errors import BadInput
from headgate.policy.model import ModelPolicy, show_span
from headgate.training.native import RECORD

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
TAIL = 2000  # characters of the log that an error shows


@dataclass(frozen=True, slots=True)
class FitJob:
    """What one fit reads and writes.

    Attributes:
        code: Unpacked copy of the project's code.
        assembled: Folder of the assembled frames.
        target: Folder to fill: native/ and fit.log.
        policy: The model's policy.
    """

    code: Path
    assembled: Path
    target: Path
    policy: ModelPolicy


def fit(job: FitJob) -> None:
    """Fit; raises BadInput that names the file and line of train.py where it can."""
    training = job.policy.training
    spec = {
        "code": str(job.code),
        "file": training.file,
        "params": dict(training.params),
        "seed": training.seed,
        "features": str(job.assembled / "train_features.parquet"),
        "rows": str(job.assembled / "train_rows.parquet"),
        "label": job.policy.data.label.column,
        "package": job.policy.package.model_dump(mode="json"),
        "target": str(job.target / "native"),
        "error": str(job.target / "error.json"),
    }
    spec_path = job.target / "spec.json"
    spec_path.write_text(json.dumps(spec))
    log = job.target / "fit.log"
    code = _run(spec_path, log, _surroundings(training.threads, training.seed), training.time_limit.total_seconds())
    spec_path.unlink()
    if code is None:
        raise BadInput(
            f"train() did not end within {show_span(training.time_limit)} and was stopped",
            where=training.file,
            way_out="make it faster, or raise training.time_limit in headgate.yaml",
        )
    if code != 0:
        raise _failure(job, code, log)
    if not (job.target / "native" / RECORD).is_file():
        raise BadInput(
            "train.py ended the process before train() returned a model",
            where=training.file,
            way_out=f"take out sys.exit() or os._exit(), and return the fitted model. Output:\n{_tail(log)}",
        )


def _run(spec: Path, log: Path, env: Mapping[str, str], seconds: float) -> int | None:
    """Return the exit code; None when the time was up. The process and all that it started are stopped then."""
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-m", "headgate.training.child", str(spec)],
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=dict(env),
            start_new_session=True,
        )
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it ended by itself, and left nobody behind
    finally:
        process.wait()


def _surroundings(threads: int, seed: int) -> dict[str, str]:
    fixed = {
        "PYTHONHASHSEED": str(seed % 2**32),
        "PYTHONDONTWRITEBYTECODE": "1",
        **dict.fromkeys(THREADS, str(threads)),
    }
    return {**os.environ, **fixed}


def _failure(job: FitJob, code: int, log: Path) -> BadInput:
    left = job.target / "error.json"
    if left.is_file():
        told = json.loads(left.read_text())
        return BadInput(
            told["what"],
            where=told["where"],
            way_out=told["way_out"]
            or f"correct it and run `headgate train` again; it goes on from here. Output:\n{_tail(log)}",
        )
    cause, look = f"exit code {code}", "look for what ends the process: sys.exit(), os._exit()"
    if code < 0:
        cause, look = f"signal {signal.Signals(-code).name}", "look for a crash in a library"
    if code == -signal.SIGKILL:
        look = "SIGKILL often means out of memory: train on fewer rows, or on a larger machine"
    return BadInput(
        f"the training process ended with {cause} and said nothing",
        where=job.policy.training.file,
        way_out=f"{look}. Its output:\n{_tail(log)}",
    )


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-TAIL:].strip() or "(none)"
