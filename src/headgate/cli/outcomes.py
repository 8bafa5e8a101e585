"""`headgate outcomes`: what became true: import, show, and how much of the predictions it covers."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.output import HERE, AsJson, Folder, choose_model, open_project, plainly, show
from headgate.cli.predictions import Limit, Model, Since, moment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from headgate.predictions.join import Joined
    from headgate.predictions.outcome import Outcome
    from headgate.predictions.ports import OutcomeSink
    from headgate.wiring import Project

Maturity = Annotated[str, typer.Option("--maturity", help="After how long an outcome is due, such as 24h.")]
AsOf = Annotated[str, typer.Option("--as-of", help="As it was known then: a span back or a time with zone.")]
NAMED = 20


def attach(app: typer.Typer) -> None:
    """Add the commands."""
    outcomes = typer.Typer(help="What became true of predictions: import, list, coverage.", no_args_is_help=True)
    outcomes.command("import")(import_file)
    outcomes.command("list")(list_outcomes)
    outcomes.command("coverage")(coverage)
    app.add_typer(outcomes, name="outcomes", rich_help_panel="Run")


@plainly
def import_file(
    file: Annotated[
        str, typer.Argument(help="CSV or Parquet, path or s3:// URL: value, id (or model, unit, time), row, true_at.")
    ],
    *,
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Take outcomes in from a file; importing it again changes nothing. Bad rows are named, and the exit code is 1."""
    from headgate.predictions.filed import outcomes
    from headgate.predictions.outcome import micros
    from headgate.wiring import outcome_pieces

    project, name = open_project(folder), file.partition("?")[0].rpartition("/")[2]
    received, bad, good, first = micros(project.clock.now()), [], 0, 1
    sink, conceal = project.outcome_sink(), project.concealing()
    try:
        with _progress(name) as progress:
            task = progress.add_task("", total=1.0)
            for share, rows in outcome_pieces(file):
                made = list(outcomes(rows, first, received, name, conceal))
                found = [one for _, one in made if not isinstance(one, str)]
                keep(sink, found)
                bad += [{"row": number, "error": one} for number, one in made if isinstance(one, str)]
                good, first = good + len(found), first + len(rows)
                progress.update(task, completed=share, description=f"{good} outcomes, {len(bad)} bad rows")
    finally:
        sink.close()
    result = {"file": name if "://" in file else file, "accepted": good, "bad": len(bad), "errors": bad[:NAMED]}
    show(result, as_json=as_json, render=lambda: _imported(result))
    if bad:
        raise typer.Exit(1)


def keep(sink: "OutcomeSink", outcomes: "Sequence[Outcome]") -> None:
    """Keep outcomes and wait until they are durable.

    Raises:
        Unavailable: They could not be made durable.
    """
    from threading import Event

    from headgate.base.errors import Unavailable

    if not outcomes:
        return
    told: list[Exception | None] = []
    finished = Event()

    def done(error: Exception | None) -> None:
        told.append(error)
        finished.set()

    sink.record(outcomes, done)
    finished.wait()
    if told[0] is not None:
        raise Unavailable(
            f"outcomes could not be kept: {told[0]}", way_out="free the disk, then import again"
        ) from told[0]


@plainly
def list_outcomes(
    model: Model = "", *, since: Since = "1d", limit: Limit = 20, folder: Folder = HERE, as_json: AsJson = False
) -> None:
    """Show the latest predictions whose outcome is known, with it."""
    project = open_project(folder)
    joined = _join(project, choose_model(project, model), since, "1s", "")
    rows = joined.latest(limit)
    joined.close()
    show(rows, as_json=as_json, render=lambda: _table(rows, ("outcome_at", "id", "version", "arm", "outcome", "said")))


@plainly
def coverage(
    model: Model = "",
    *,
    since: Since = "30d",
    maturity: Maturity = "24h",
    as_of: AsOf = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Show for each arm and version how many predictions are mature, and how many of those have an outcome."""
    project = open_project(folder)
    name = choose_model(project, model)
    joined = _join(project, name, since, maturity, as_of)
    rows, parked = joined.coverage(), joined.parked()
    joined.close()
    result = {"model": name, "arms": rows, "parked": parked}
    show(result, as_json=as_json, render=lambda: _covered(rows, parked))


def _join(project: "Project", model: str, since: str, maturity: str, as_of: str) -> "Joined":
    from headgate.predictions.join import Joined
    from headgate.predictions.query import Wanted

    now = project.clock.now()
    until = moment(as_of, now, "--as-of") if as_of else now
    hashed = project.policy.models[model].serving.redaction().get("unit") == "hash"
    predictions = project.predictions(model).table(Wanted(moment(since, now, "--since"), until))
    outcomes = project.outcomes().table()
    due = now - moment(maturity, now, "--maturity")
    return Joined(model, predictions, outcomes, until, due, project.log_hash() if hashed else None)


def _progress(name: str) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn(name), BarColumn(), TextColumn("{task.description}"))
    return Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())


def _imported(result: dict[str, Any]) -> str:
    from rich.markup import escape

    lines = [f"{result['accepted']} outcomes are kept"]
    lines += [f"  row {one['row']}: {escape(one['error'])}" for one in result["errors"]]
    if result["bad"] > len(result["errors"]):
        lines.append(f"  and {result['bad'] - len(result['errors'])} bad rows more")
    return "\n".join(lines)


def _covered(rows: list[dict[str, Any]], parked: int) -> "RenderableType":
    from rich.console import Group

    columns = ("arm", "role", "version", "predictions", "mature", "with_outcome", "mature_with_outcome", "corrected")
    waiting = f"{parked} outcomes name a prediction that is not among these" if parked else ""
    return Group(_table(rows, columns), waiting)


def _table(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> "RenderableType":
    from rich.markup import escape
    from rich.table import Table

    if not rows:
        return "nothing; --since says how far back to look"
    table = Table(*[column.replace("_", " ") for column in columns], box=None)
    for row in rows:
        table.add_row(*[escape(str(row[column])) for column in columns])
    return table
