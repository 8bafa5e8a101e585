"""`headgate predictions`: what was answered; `headgate compact`: spool files become Parquet."""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.output import HERE, AsJson, Folder, choose_model, open_project, plainly, show

if TYPE_CHECKING:
    from collections.abc import Callable

    from headgate.predictions.pairs import Between
    from headgate.wiring import Project

Model = Annotated[str, typer.Argument(help="The model; may be left out when the project has one.")]
Since = Annotated[str, typer.Option("--since", help="From when on: a span back (1h, 14d) or a time with zone.")]
Until = Annotated[str, typer.Option("--until", help="Before when: a span back or a time with zone; empty: now.")]
Version = Annotated[str, typer.Option("--version", help="Of this version alone.")]
ArmName = Annotated[str, typer.Option("--arm", help="Of this arm alone.")]
Unit = Annotated[str, typer.Option("--unit", help="Of this unit alone, as it was sent.")]
Identity = Annotated[str, typer.Option("--id", help="The request of this prediction id.")]
RoleName = Annotated[str, typer.Option("--role", help="live or shadow alone.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help="At most so many, the latest.")]
Pairs = Annotated[
    bool,
    typer.Option(
        "--pairs", help="Live beside shadow, the largest differences first; --version is then the shadow's version."
    ),
]
SHOWN = 6
ANSWERED = 200


def attach(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("predictions", rich_help_panel="Run")(predictions)
    app.command("compact", rich_help_panel="Run")(compact)


@plainly
def predictions(
    model: Model = "",
    *,
    since: Since = "1h",
    until: Until = "",
    version: Version = "",
    arm: ArmName = "",
    unit: Unit = "",
    identity: Identity = "",
    role: RoleName = "",
    pairs: Pairs = False,
    limit: Limit = 20,
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Show the latest predictions, from the workers' own files and from Parquet together."""
    from headgate.predictions.pairs import Between
    from headgate.predictions.query import Wanted

    _check_role(role)
    project = open_project(folder)
    name = choose_model(project, model)
    now = project.clock.now()
    if unit and project.policy.models[name].serving.redaction().get("unit") == "hash":
        unit = project.log_hash()(unit)
    start = None if identity else moment(since, now, "--since")
    end = moment(until, now, "--until") if until else None
    if pairs:
        _refuse({"--arm": arm, "--role": role})
        paired = read_pairs(project, name, Between(version, start, end, unit, identity.lower(), limit))
        show(paired, as_json=as_json, render=lambda: _text(paired, _show_pair))
        return
    wanted = Wanted(start, end, version, arm, unit, identity.lower(), role, limit)
    rows = read(project, name, wanted)
    show(rows, as_json=as_json, render=lambda: _text(rows, _show))


def read(project: "Project", model: str, wanted: Any) -> list[dict[str, Any]]:
    """Return predictions as objects, the latest first."""
    from headgate.predictions.query import parts_of

    return [parts_of(row) for row in project.predictions(model).table(wanted).to_pylist()]


def read_pairs(project: "Project", model: str, wanted: "Between") -> list[dict[str, Any]]:
    """Return pairs of live and shadow predictions as objects, the largest differences first."""
    from headgate.predictions.pairs import parts_of

    return [parts_of(row) for row in project.predictions(model).pairs(wanted).to_pylist()]


def _check_role(role: str) -> None:
    from headgate.base.errors import BadInput

    if role not in ("", "live", "shadow"):
        raise BadInput(f"{role!r} is no role", where="--role", way_out="live or shadow; without --role: both")


def _refuse(options: dict[str, str]) -> None:
    from headgate.base.errors import BadInput

    if given := [option for option, value in options.items() if value]:
        raise BadInput("a pair has both roles, and is chosen by --version, --unit, --id and time", where=given[0])


def moment(text: str, now: datetime, where: str) -> datetime:
    """Return the time that a span back from now, or a time with zone, means.

    Raises:
        BadInput: It is neither.
    """
    from datetime import timedelta

    from headgate.base.errors import BadInput
    from headgate.policy.span import parse_moment, parse_span

    try:
        span = parse_span(text)
    except ValueError:
        try:
            return parse_moment(text)
        except ValueError as error:
            raise BadInput(str(error), where=f"{where} {text}", way_out="or a span back from now: 1h, 14d") from error
    return now - span if isinstance(span, timedelta) else now


@plainly
def compact(*, folder: Folder = HERE, as_json: AsJson = False) -> None:
    """Turn what workers wrote into Parquet by model and day, merge small files, delete what is too old."""
    project = open_project(folder)
    done = {model: asdict(one) for model, one in project.compact().items()}
    show(done, as_json=as_json, render=lambda: "\n".join(_line(model, one) for model, one in done.items()))


def _line(model: str, done: dict[str, int]) -> str:
    rest = f"{done['merged']} small files merged, {done['deleted']} old files deleted"
    return f"{model}: {done['rows']} predictions to {done['files']} Parquet files, {rest}"


def _text(rows: list[dict[str, Any]], line: "Callable[[dict[str, Any]], str]") -> str:
    from rich.markup import escape

    return escape("\n".join(map(line, rows))) or "no predictions; --since says how far back to look"


def _show(row: dict[str, Any]) -> str:
    """Return one line: ids are long, so a table would cut them."""
    name = row["id"] if not row["row"] else f"{row['id']} +{row['row']}"
    arm = row["arm"] if row["role"] == "live" else f"{row['arm']} ({row['role']})"
    unit = f" unit {row['unit']}" if row["unit"] else ""
    head = f"{row['time']:%Y-%m-%d %H:%M:%S.%f}"[:-3] + f" {name} version {row['version']} {arm}{unit}"
    values = f"{_short(row['outputs'])} from {_short(row['inputs'])}" if row["status"] == ANSWERED else "no answer"
    return f"{head} {row['status']} {row['latency_us'] / 1000:.1f} ms: {values}"


def _show_pair(row: dict[str, Any]) -> str:
    name = row["id"] if not row["row"] else f"{row['id']} +{row['row']}"
    far = "no difference known" if row["difference"] is None else f"difference {row['difference']:.6g}"
    unit = f" unit {row['unit']}" if row["unit"] else ""
    live = _short(row["live"]) if row["status"] == ANSWERED else f"status {row['status']}"
    other = _short(row["shadow_outputs"]) if row["shadow_status"] == ANSWERED else f"status {row['shadow_status']}"
    return (
        f"{far}: {row['time']:%Y-%m-%d %H:%M:%S} {name}{unit} version {row['version']} {live}, "
        f"shadow {row['shadow_version']} {other} from {_short(row['inputs'])}"
    )


def _short(values: dict[str, Any]) -> str:
    said = [f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value}" for name, value in values.items()]
    more = f" and {len(said) - SHOWN} more" if len(said) > SHOWN else ""
    return " ".join(said[:SHOWN]) + more
