"""`headgate profile`: what a version does under load, over HTTP, in a worker of its own; recorded on the version."""

import json
from collections.abc import Callable
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
    from headgate.journal.event import Event
    from headgate.registry.version import Version
    from headgate.wiring import Project

RECORDED = "profile.recorded"
FOLDER = "profile"
MOST = 100_000.0
LONGEST_TRY = 2.0  # seconds of each step of the search
For = Annotated[str, typer.Option("--for", help="How long the load lasts, such as 10s.")]
Rps = Annotated[float, typer.Option("--rps", min=1, max=MOST, help="Requests per second, sent whatever comes back.")]
Sla = Annotated[
    float | None, typer.Option("--sla-ms", min=0.001, help="Search the highest rate whose P99 stays within this.")
]


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
        body = _measure(project, chosen, rps, _seconds(duration), sla_ms, tell)
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
    rps: float,
    seconds: float,
    sla_ms: float | None,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Return the body of the event: the load that was asked for, and what the search found."""
    from headgate.base.errors import BadInput
    from headgate.cli.gate import held_out
    from headgate.gate.profile import Tried, best, search
    from headgate.registry.steps import ensure_bundle

    bundle = ensure_bundle(project.bundles(), project.registry(), version.model, version.number, version.digest)
    rows = held_out(project, version).inputs
    with project.measured_worker(version, bundle, rows) as attempt:

        def told(rate: float, length: float) -> Tried:
            tell(f"{rate:,.0f} requests/s for {length:g} s ...")
            return attempt(rate, length)

        warm = attempt(min(rps, 200.0), 1.0)
        if not warm.load.milliseconds:
            raise BadInput(
                f"no request was answered: {warm.why or 'the worker was silent'}",
                where=f"version {version.number}",
                way_out="the requests are made of its held-out rows; see what `headgate gate` says of them",
            )
        seen = told(rps, seconds)
        length = min(seconds, LONGEST_TRY)
        tries = search(lambda rate: told(rate, length), rps, sla_ms, MOST) if sla_ms else []
    return {
        "version": version.number,
        "digest": version.digest,
        "seconds": seconds,
        **seen.to_json(),
        "sla_ms": sla_ms,
        "highest": best(tries, sla_ms) if sla_ms else None,
        "tries": [tried.to_json() for tried in tries],
        "machine": dict(project.measurements().machine()),
    }


def _record(project: "Project", version: "Version", body: dict[str, Any], actor: str) -> tuple["Event", str]:
    """Record the profile, and store it with the version; a registry that is away costs the copy, not the record."""
    import tempfile

    from headgate.base.errors import Unavailable
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
    lines += [f"[yellow]{body['warning']}[/yellow]"] if body["warning"] else []
    return "\n".join(lines)
