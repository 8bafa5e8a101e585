"""The main job on real flights, told as it happens: train, gate, approve, promote, serve, score March, compare.

Works in a fresh copy of this project (``demo/flights`` at the top of the repository, or the folder that is named), with
the very commands that a person would type. `make demo` runs it.
"""

import contextlib
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.progress import track
from rich.table import Table

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
WORK = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else TOP / "demo" / "flights"
BATCH = 64
SINGLES = 2000
OUT = Console(highlight=False)


def main() -> int:
    """Run the whole demo; return its exit code."""
    started = time.monotonic()
    make_project()
    step("People", "ada trains; grace, somebody else, approves. Both have keys.")
    for name in ("ada", "grace"):
        sponsor = () if name == "ada" else ("--as", "ada", "--their-key", keys("ada"))
        headgate("person", "add", name, "--key", keys(name), *sponsor)
    headgate("approve", "--scorecard", "--as", "grace", "--key", keys("grace"), "--because", "the bar we agreed on")
    step("Train", "January and February; the last two weeks are held out and judge the version.")
    trained = headgate("train", "--as", "ada")
    version = str(trained["version"])
    step("Gate", "every line of the scorecard must pass.")
    verdict = headgate("gate", version)
    step("Approve", "by the requester, which is refused; then by somebody else.")
    refused = headgate("approve", version, "--as", "ada", "--key", keys("ada"), "--because", "mine", expect=3)
    OUT.print(f"  refused: {refused['what']}", soft_wrap=True)
    headgate(
        "approve",
        version,
        "--as",
        "grace",
        "--key",
        keys("grace"),
        "--because",
        "better than guessing, checked by origin",
    )
    step("Promote and serve", "the pointer moves in the journal; a worker answers over HTTP.")
    headgate("promote", version, "--as", "grace", "--because", "first version")
    with serving() as url:
        scored = score_march(url)
    headgate("audit")
    tell(version, verdict, scored, time.monotonic() - started)
    return 0


def make_project() -> None:
    """Make a fresh copy of this project with its data."""
    step("Data", "all flights that left New York in 2013, weather and aircraft, on one clock.")
    if not (HERE / "data" / "flights.parquet").exists():
        subprocess.run([sys.executable, str(HERE / "prepare.py")], check=True)
    if WORK.exists():
        shutil.rmtree(WORK)
    shutil.copytree(HERE, WORK, ignore=shutil.ignore_patterns(".headgate", "__pycache__"))


def step(name: str, what: str) -> None:
    """Print a heading."""
    OUT.print(f"\n[bold]{name}[/bold]: {what}", soft_wrap=True)


def keys(name: str) -> str:
    """Return where the demo keeps a person's key."""
    return str(WORK / ".headgate" / "demo-keys" / f"{name}.pem")


def headgate(*words: str, expect: int = 0) -> Any:
    """Run a command as a person would, and return what it printed as JSON."""
    shown = " ".join(word if " " not in word else f'"{word}"' for word in words if "/demo-keys/" not in word)
    OUT.print(f"[cyan]$ headgate {shown}[/cyan]".replace(" --key", "").replace(" --their-key", ""), soft_wrap=True)
    command = [sys.executable, "-m", "headgate.cli.main", *words, "--project", str(WORK), "--json"]
    quiet = subprocess.DEVNULL if expect else None  # what a command tells while it works is shown as it comes
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=quiet, text=True, check=False)
    if done.returncode != expect:
        lines = json.loads(done.stdout).get("lines", []) if done.stdout.startswith("{") else []
        failed = [f"  {line['line']}: {line['why']}" for line in lines if not line["passed"]]
        told = "\n".join(failed) or done.stdout
        sys.exit(f"{told}\nheadgate {words[0]} ended with {done.returncode}, not {expect}; is the machine very busy?")
    return json.loads(done.stdout)


@contextmanager
def serving() -> Iterator[str]:
    """Serve the project on a free port for as long as the block runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    OUT.print(f"[cyan]$ headgate serve --port {port}[/cyan]")
    command = [sys.executable, "-m", "headgate.cli.main", "serve", "--port", str(port), "--project", str(WORK)]
    log = (WORK / ".headgate" / "serve.log").open("w")
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_ready(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def wait_ready(url: str, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the worker says that it is ready."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):  # it does not listen yet
            if httpx.get(f"{url}/v2/health/ready").status_code == httpx.codes.OK:
                return
        if process.poll() is not None:
            break
        select.select([], [], [], 0.05)
    sys.exit((WORK / ".headgate" / "serve.log").read_text())


def march() -> pa.Table:
    """Return March's flights with the stored features as they were known one hour before departure."""
    from headgate.features.asof import join
    from headgate.training.table import read_stored, read_table
    from headgate.wiring import Project

    policy = Project.open(WORK).policy.models["late"]
    rows = read_table(WORK / policy.data.source, policy.data.columns, policy.data.source)
    start, end = (pa.scalar(f"2013-{month}-01T05:00:00Z").cast(pa.timestamp("us", "UTC")) for month in ("03", "04"))
    rows = rows.filter(pc.and_(pc.greater_equal(rows[policy.data.time], start), pc.less(rows[policy.data.time], end)))
    tables = {
        name: read_stored(WORK / stored.source, policy, name, stored.source)
        for name, stored in policy.features.stored.items()
    }
    return join(rows, policy.data.time, policy.features.stored, tables)


def tensors(rows: pa.Table, fields: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a request of the Open Inference Protocol for these rows."""
    return {
        "inputs": [
            {
                "name": field["name"],
                "datatype": field["datatype"],
                "shape": [rows.num_rows],
                "data": rows[field["name"]].to_pylist(),
            }
            for field in fields
        ]
    }


def score_march(url: str) -> dict[str, Any]:
    """Send March's flights over HTTP, then join what really happened."""
    rows = march()
    with httpx.Client(base_url=url, timeout=30) as client:
        fields = client.get("/v2/models/late").json()["inputs"]
        answers = [
            client.post("/v2/models/late/infer", json=tensors(rows.slice(start, BATCH), fields))
            .raise_for_status()
            .json()
            for start in track(range(0, rows.num_rows, BATCH), "  scoring March in batches of 64", console=OUT)
        ]
        picked = rows.take(np.random.default_rng(1).integers(0, rows.num_rows, SINGLES))
        singles = [
            timed(client, tensors(picked.slice(place, 1), fields))
            for place in track(range(SINGLES), "  and 2,000 flights one by one", console=OUT)
        ]
    chance = np.concatenate([output_of(answer, "probability") for answer in answers])
    late = rows["late"].to_numpy()
    return {
        "rows": rows.num_rows,
        "chance": chance,
        "late": late,
        "singles": np.array(singles),
        "version": answers[0]["model_version"],
    }


def timed(client: httpx.Client, body: dict[str, Any]) -> float:
    """Return the milliseconds that one request took, client included."""
    begun = time.perf_counter()
    client.post("/v2/models/late/infer", json=body).raise_for_status()
    return (time.perf_counter() - begun) * 1000


def output_of(answer: dict[str, Any], name: str) -> "np.ndarray[Any, Any]":
    """Return one output tensor of an answer."""
    return np.array(next(output["data"] for output in answer["outputs"] if output["name"] == name))


def tell(version: str, verdict: dict[str, Any], scored: dict[str, Any], seconds: float) -> None:
    """Print what happened, in tables."""
    from headgate.training.metrics import METRICS

    lines = Table(
        "line of the scorecard",
        "",
        "why",
        title=f"Gate: version {version}, {'passed' if verdict['passed'] else 'not passed'}",
        title_justify="left",
    )
    for line in verdict["lines"]:
        lines.add_row(line["line"], "[green]passed[/green]" if line["passed"] else "[red]failed[/red]", line["why"])
    OUT.print(lines)
    OUT.print(headgate_text("status"))
    auc, loss = (
        METRICS[name].compute(scored["late"], scored["chance"], ("0", "1")) for name in ("roc_auc", "log_loss")
    )
    table = Table("March, over HTTP", "", title="Quality on what came next", title_justify="left")
    table.add_row("flights scored", f"{scored['rows']:,} by version {scored['version']}")
    table.add_row("late in truth / as predicted", f"{scored['late'].mean():.1%} / {scored['chance'].mean():.1%}")
    table.add_row("ROC AUC", f"{auc:.3f}  (0.5 is guessing; nothing was refitted)")
    table.add_row("log loss", f"{loss:.3f}")
    ranked = scored["late"][np.argsort(-scored["chance"])]
    table.add_row("of the tenth most at risk", f"{ranked[: len(ranked) // 10].mean():.0%} were late")
    p50, p99 = np.quantile(scored["singles"], [0.5, 0.99])
    table.add_row("one flight a request", f"p50 {p50:.2f} ms, p99 {p99:.2f} ms, Python client included")
    OUT.print(table)
    OUT.print(f"\nDone in {seconds:.0f} s. The project is a folder; look around in it:\n")
    OUT.print('  [cyan]export PATH="$PWD/.venv/bin:$PATH"; cd demo/flights[/cyan]')
    for command, why in NEXT:
        OUT.print(f"  [cyan]{'headgate ' + command:<36}[/cyan] {why}", soft_wrap=True)


NEXT = (
    ("journal", "what was decided, when, by whom and why"),
    ("at 2026-01-01T12:00 late", "what was production at a time"),
    ("audit", "nothing was changed; edit a byte of .headgate/headgate.db and look again"),
    ("reproduce 1", "train version 1 again from its record alone, and compare"),
    ("train", "after a change in train.py: version 2, for the same gate"),
    ("serve", "Open Inference Protocol on port 8080"),
)


def headgate_text(*words: str) -> str:
    """Run a command and return what it prints for people."""
    command = [sys.executable, "-m", "headgate.cli.main", *words, "--project", str(WORK)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "110"})
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
