"""`headgate profile`: what a version does under load, over HTTP, in a worker of its own; recorded on the version."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.output import (
    HERE,
    Actor,
    AsJson,
    Folder,
    actor_of,
    choose_model,
    open_project,
    plainly,
    show,
    telling,
)

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from headgate.gate.profile import Settings, Tried
    from headgate.journal.event import Event
    from headgate.registry.signature import Columns
    from headgate.registry.version import Version
    from headgate.wiring import Project

FOLDER = "profile"
MOST = 100_000.0
LONGEST_TRY = 2.0  # seconds of each step of the search
For = Annotated[str, typer.Option("--for", help="How long the load lasts, such as 10s.")]
Rps = Annotated[float, typer.Option("--rps", min=1, max=MOST, help="Requests per second, sent whatever comes back.")]
Most = Annotated[float, typer.Option("--most-rps", min=1, max=MOST, help="The search tries no higher rate than this.")]
Sla = Annotated[
    float | None,
    typer.Option(
        "--sla-ms", min=0.001, help="Search the highest rate whose P99 stays within this, and batch settings for it."
    ),
]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: requests per second for seconds; the limit and the highest rate of the search."""

    rps: float
    seconds: float
    sla_ms: float | None
    most: float


def attach(app: typer.Typer) -> None:
    """Add the command."""
    app.command("profile", rich_help_panel="Decide")(profile)


@plainly
def profile(
    version: Annotated[str, typer.Argument(help="The version.")],
    *,
    rps: Rps = 200,
    duration: For = "10s",
    sla_ms: Sla = None,
    most_rps: Most = MOST,
    model: Annotated[str, typer.Option("--model", "-m", help="The model; may be left out where there is one.")] = "",
    actor: Actor = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Load a version over HTTP, each latency counted from when its request was due; the result is kept with it."""
    from headgate.cli.gate import version_of
    from headgate.release.steps import read_ledger

    project = open_project(folder)
    name = choose_model(project, model)
    chosen = version_of(read_ledger(project.journal(), name)[0], version)
    with telling() as tell:
        body = _measure(project, chosen, Wanted(rps, _seconds(duration), sla_ms, most_rps), tell)
    event, warning = _record(project, chosen, body, actor_of(actor))
    said = {**body, "position": event.position, "warning": warning}
    show(said, as_json=as_json, render=lambda: _summary(said))


def _seconds(text: str) -> float:
    from headgate.base.errors import BadInput
    from headgate.policy.span import parse_span

    try:
        span: Any = parse_span(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is no span", where="--for", way_out=str(error)) from error
    return float(span.total_seconds())


def _measure(
    project: "Project",
    version: "Version",
    wanted: Wanted,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Return the body of the event: the load that was asked for, and what the search found."""
    from headgate.cli.gate import held_out
    from headgate.gate.profile import Settings, Setup, best, best_setup, search, search_settings
    from headgate.gate.steps import settings_of
    from headgate.registry.steps import ensure_bundle

    bundle = ensure_bundle(project.bundles(), project.registry(), version.model, version.number, version.digest)
    rows = held_out(project, version).inputs
    rps, seconds, sla_ms, most = wanted.rps, wanted.seconds, wanted.sla_ms, wanted.most
    settings, length = settings_of(project.policy.models[version.model]), min(seconds, LONGEST_TRY)
    opened = _opener(project, version, bundle, rows, rps, tell)
    with opened(settings) as attempt:
        seen = attempt(rps, seconds)
        tries = search(lambda rate: attempt(rate, length), rps, sla_ms, most) if sla_ms else []

    @contextmanager
    def shortly(other: Settings) -> "Iterator[Callable[[float], Tried]]":
        tell(f"batches of {other.max_batch:,} rows, waiting {other.max_wait_ms:g} ms ...")
        with opened(other) as attempt:
            yield lambda rate: attempt(rate, length)

    highest = best(tries, sla_ms) if sla_ms else None
    setups = search_settings(Setup(settings, highest), shortly, rps, sla_ms, most) if sla_ms else []
    return {
        "version": version.number,
        "digest": version.digest,
        "seconds": seconds,
        **seen.to_json(),
        "settings": settings.to_json(),
        "sla_ms": sla_ms,
        "highest": highest,
        "tries": [tried.to_json() for tried in tries],
        "setups": [setup.to_json() for setup in setups],
        "best": best_setup(setups).to_json() if setups else None,
        "machine": dict(project.measurements().machine()),
    }


def _opener(
    project: "Project",
    version: "Version",
    bundle: Path,
    rows: "Columns",
    rps: float,
    tell: Callable[[str], None],
) -> "Callable[[Settings], AbstractContextManager[Callable[[float, float], Tried]]]":
    """Return what serves the version with batch settings, warm, and puts rates on it."""
    from headgate.base.errors import BadInput

    @contextmanager
    def opened(settings: "Settings") -> "Iterator[Callable[[float, float], Tried]]":
        with project.measured_worker(version, bundle, rows, settings) as attempt:
            warm = attempt(min(rps, 200.0), 1.0)
            if not warm.load.milliseconds:
                raise BadInput(
                    f"no request was answered: {warm.why or 'the worker was silent'}",
                    where=f"version {version.number}",
                    way_out="the requests are made of its held-out rows; see what `headgate gate` says of them",
                )

            def told(rate: float, length: float) -> "Tried":
                tell(f"{rate:,.0f} requests/s for {length:g} s ...")
                return attempt(rate, length)

            yield told

    return opened


def _record(project: "Project", version: "Version", body: dict[str, Any], actor: str) -> tuple["Event", str]:
    """Record the profile, and store it with the version; a registry that is away costs the copy, not the record."""
    import tempfile

    from headgate.base.errors import Unavailable
    from headgate.gate.profiled import RECORDED
    from headgate.gate.record import append
    from headgate.journal.event import NewEvent

    said = f"version {version.number} at {body['rate']:g} requests/s over HTTP"
    event = append(project.journal(), f"model/{version.model}", NewEvent(RECORDED, actor, said, body))
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "profile.json"
        file.write_text(json.dumps(body, indent=2))
        try:
            project.registry().attach(version, file, f"{FOLDER}/{event.position}")
        except Unavailable as error:
            return event, f"the journal holds it, the version's own copy is not stored: {error.what}"
    return event, ""


def _summary(body: dict[str, Any]) -> str:
    shown = ", ".join(f"{name.upper()} {value:.2f} ms" for name, value in body["milliseconds"].items())
    load = f"{body['rate']:g} requests/s for {body['seconds']:g} s over HTTP"
    lines = [
        f"version [bold]{body['version']}[/bold] at {load}: {shown}",
        f"{body['answered']:,} of {body['offered']:,} answered, {body['failed']:,} failed",
    ]
    if body["sla_ms"] and body["highest"]:
        lines.append(f"highest rate with P99 within {body['sla_ms']:g} ms: {body['highest']:,.0f} requests/s")
    elif body["sla_ms"]:
        lines.append(f"[red]no rate held P99 within {body['sla_ms']:g} ms[/red]")
    if body["best"] and body["best"]["highest"]:
        best = body["best"]
        lines.append(
            f"best batch settings: max_batch {best['max_batch']:,}, max_wait_ms {best['max_wait_ms']:g}, "
            f"with which {best['highest']:,.0f} requests/s hold it ({len(body['setups'])} were tried)"
        )
    lines += [f"[yellow]{body['warning']}[/yellow]"] if body["warning"] else []
    return "\n".join(lines)
