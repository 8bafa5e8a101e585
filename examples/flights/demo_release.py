"""Releases that are judged, on real flights: a good challenger becomes champion, three bad ones go back by themselves.

Four models serve March at once through one gateway: `late` for all flights, and one for each airport. Each has a
challenger; those of the airports have a planted fault (planted.py). Nobody decides anything once the releases are
started. `make demo-release` runs it, in a fresh project in ``demo/releases`` or the folder that is named.
"""

import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow.compute as pc
from planted import FAULTS, MODELS, plant, write_heldout, write_model, write_policy
from rich.markup import escape
from rich.table import Table
from shell import OUT, TOP, Shell, step, wait
from stream import Source, Stream
from traffic import march, requests

WORK = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else TOP / "demo" / "releases"
RATES = {"late": 240.0, "ewr": 80.0, "jfk": 80.0, "lga": 80.0}
WARM = 16.0  # seconds of traffic before the releases: they tell what is usual
LONGEST = 300.0  # seconds until every release is over, on a machine that is busy with something else
SILENCE = 5.0  # seconds after which something is said
ENDS = ("release.finished", "release.rolled_back")
TOLD = ("release.started", "release.moved", "release.asked", *ENDS)
SHELL = Shell(WORK)


def main() -> int:
    """Run the whole demo; return its exit code."""
    began = time.monotonic()
    SHELL.make_project()
    write_policy(WORK)
    step("People", "ada trains; grace, somebody else, approves.")
    SHELL.add_people()
    step("Champions and challengers", "every one passes its gate and is approved; what is wrong does not show there.")
    prepare()
    step("Traffic", "a worker answers March's flights; what became true of each follows. A controller watches.")
    with SHELL.serving() as url, SHELL.beside("controller"), Stream(url, sources(url)).running() as stream:
        wait(WARM)
        step("Releases", "all four at once, and from here on nobody does anything.")
        for name in MODELS:
            SHELL.do("promote", "2", "-m", name, "--traffic", f"{RATES[name]:g}", "--as", "grace", "--because", "new")
        ends = follow(stream)
    SHELL.do("audit")
    tell(ends)
    OUT.print(f"  {sum(stream.asked.values()):,} requests were sent.")
    OUT.print(f"\nDone in {time.monotonic() - began:.0f} s. Look around in it:\n")
    OUT.print('  [cyan]export PATH="$PWD/.venv/bin:$PATH"; cd demo/releases[/cyan]')
    for command, why in NEXT:
        OUT.print(f"  [cyan]{'headgate ' + command:<36}[/cyan] {why}", soft_wrap=True)
    return 0 if len(ends) == len(MODELS) else 1


def prepare() -> None:
    """Make version 1 of every model champion, and let version 2 be ready to be released; two commands at a time."""
    with ThreadPoolExecutor(2) as both:
        first = both.submit(SHELL.do, "train", "late", "--as", "ada")
        heldout = write_heldout(WORK)
        for name in MODELS:
            SHELL.do("approve", "--scorecard", name, *SHELL.grace("the bar we agreed on"))
        first.result()
        bundle = next((WORK / ".headgate" / "bundles").iterdir())
        models = {kind: write_model(WORK, bundle, kind, inverted=kind == "mixed-up") for kind in ("copy", "mixed-up")}
        admit("late", "1")
        policy = WORK / "headgate.yaml"
        policy.write_text(policy.read_text().replace("num_leaves: 15", "num_leaves: 7"))
        second = both.submit(SHELL.do, "train", "late", "--as", "ada")
        for done in [both.submit(airport, name, models, heldout) for name in FAULTS]:
            done.result()
        second.result()
        admit("late", "2")


def airport(name: str, models: Mapping[str, Path], heldout: Mapping[str, Path]) -> None:
    """Bring an airport's champion, and its challenger with the fault."""
    bring(name, models["copy"], heldout[name])
    plant(WORK, name)
    bring(name, models["mixed-up" if FAULTS[name].inverted else "copy"], heldout[f"{name}/challenger"])


def bring(name: str, model: Path, heldout: Path) -> None:
    """Register a model of an airport, and admit it."""
    words = ("register", str(model), "--heldout", str(heldout), "-m", name)
    admit(name, str(SHELL.do(*words, "--as", "ada")["version"]))


def admit(name: str, version: str) -> None:
    """Judge and approve a version; a model's first becomes champion."""
    SHELL.gate(version, "-m", name)
    SHELL.do("approve", version, "-m", name, *SHELL.grace("it passed"))
    if version == "1":
        SHELL.do("promote", version, "-m", name, "--as", "grace", "--because", "first version")


def sources(url: str) -> dict[str, Source]:
    """Return March's flights as requests to each model: all of them, or those of its airport."""
    rows, made = march(WORK), dict[str, Source]()
    for name, rate in RATES.items():
        own = rows if name == "late" else rows.filter(pc.equal(rows["origin"], name.upper()))
        fields = httpx.get(f"{url}/v2/models/{name}").raise_for_status().json()["inputs"]
        made[name] = Source(requests(own, fields, name), own["late"].to_pylist(), rate)
    return made


def follow(stream: Stream) -> dict[str, Any]:
    """Tell what happens to the releases until each is over; return the event that ended each, and when, by model."""
    from headgate.wiring import Project

    journal, position, ends = Project.open(WORK).journal(), 0, dict[str, Any]()
    deadline, started = time.monotonic() + LONGEST, dict[str, datetime]()
    heard = time.monotonic()
    while len(ends) < len(MODELS) and time.monotonic() < deadline:
        for event in journal.read(after=position, kinds=TOLD):
            position, name = event.position, event.stream.removeprefix("model/")
            started.setdefault(name, event.at)
            after = (event.at - started[name]).total_seconds()
            OUT.print(f"  {after:5.1f} s  [bold]{name:<5}[/bold] {says(event)}", soft_wrap=True)
            if event.kind in ENDS:
                ends[name] = (event, after)
            heard = time.monotonic()
        if time.monotonic() > heard + SILENCE:
            heard = time.monotonic()
            OUT.print(
                f"          {sum(stream.asked.values()):,} requests so far; {len(MODELS) - len(ends)} still judged"
            )
        wait(0.5)
    return ends


def says(event: Any) -> str:
    """Return what an event says, in a line."""
    colour = {"release.rolled_back": "red", "release.finished": "green"}.get(event.kind, "cyan")
    what = event.kind.removeprefix("release.").replace("_", " ")
    return f"[{colour}]{what}[/{colour}] {escape(event.reason)}"


def tell(ends: Mapping[str, Any]) -> None:
    """Print how each release ended: when, on what evidence, and who met the challenger."""
    table = Table(title="How they ended", title_justify="left", show_lines=True)
    for head in ("model", "version 2", "ended", "on what evidence", "flights that met it"):
        table.add_column(head, overflow="fold")
    for name in MODELS:
        fault = FAULTS.get(name)
        planted = f"{fault.what} ({fault.hides})" if fault else "a good one: smaller trees"
        event, after = ends.get(name, (None, 0.0))
        ended = "not over" if event is None else says_end(event, after)
        table.add_row(name, planted, ended, escape(event.reason) if event else "", met(name))
    OUT.print(table)


def says_end(event: Any, after: float) -> str:
    """Say how a release ended, and when."""
    good = event.kind == "release.finished"
    return f"[green]champion[/green], after {after:.0f} s" if good else f"[red]rolled back[/red] after {after:.0f} s"


def met(name: str) -> str:
    """Return how many flights the challenger answered for, or failed, by the prediction log."""
    from headgate.predictions.query import Wanted
    from headgate.wiring import Project

    log = Project.open(WORK).predictions(name).table(Wanted(role="live"))
    own = log.filter(pc.equal(log["version"], "2"))
    flights = pc.count_distinct(own["unit"]).as_py()
    if not flights:
        return "none"
    failed = pc.count_distinct(own.filter(pc.not_equal(own["status"], 200))["unit"]).as_py()
    p50 = np.quantile(own["latency_us"].to_numpy(), 0.5) / 1000
    of = pc.count_distinct(log["unit"]).as_py()
    return f"{flights:,} of {of:,}; {failed:,} got an error; median {p50:.1f} ms"


NEXT = (
    ("release list --all", "every release and how it ended"),
    ("release show late-1", "rungs, guards, evidence"),
    ("journal", "each intent, move and rollback, with the evidence it stands on"),
    ("route ewr", "the champion has everything again"),
)


if __name__ == "__main__":
    sys.exit(main())
