"""`headgate train`: run the stages of a training run, all of them or one; `headgate runs`: list what was run."""

from typing import TYPE_CHECKING, Annotated

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
    from rich.console import RenderableType

    from headgate.training.run import Run

ModelName = Annotated[str, typer.Argument(help="The model; may be left out where the project has one.")]
StageName = Annotated[
    str, typer.Option("--stage", help="Only this stage: validate, assemble, fit, evaluate, package, register.")
]
RunId = Annotated[str, typer.Option("--run", help="Go on with this run.")]
Again = Annotated[bool, typer.Option("--new", help="Begin a new run even where the last one stopped half-way.")]


def attach(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("train", rich_help_panel="Make a version")(train)
    app.command("runs", rich_help_panel="Make a version")(runs)


@plainly
def train(
    model: ModelName = "",
    *,
    stage: StageName = "",
    run: RunId = "",
    new: Again = False,
    actor: Actor = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Train a version: validate, assemble, fit, evaluate, package, register. Finished stages are not repeated."""
    from headgate.training.run import stage_named
    from headgate.training.steps import start

    only = stage_named(stage) if stage else None
    project = open_project(folder)
    with telling() as tell:
        bench = project.bench(choose_model(project, model), tell)
        training = start(bench, actor_of(actor), run=run, afresh=new or bool(only and not run))
        done = training.only(only) if only else training.through("register")
    show(done.to_json(), as_json=as_json, render=lambda: _summary(done))


def _summary(run: "Run") -> str:
    if run.version:
        return (
            f"run {run.id} is version [bold]{run.version}[/bold] of {run.model}\n"
            f"next: headgate gate {run.version} --model {run.model}"
        )
    last = list(run.done)[-1]
    return f"run {run.id}: {last} is finished\nnext: headgate train --run {run.id}"


@plainly
def runs(model: ModelName = "", *, folder: Folder = HERE, as_json: AsJson = False) -> None:
    """List the training runs of this folder, the last ones first."""
    from headgate.training.steps import read_runs

    project = open_project(folder)
    found = [run for run in reversed(read_runs(project.state / "runs")) if model in ("", run.model)]
    show([run.to_json() for run in found], as_json=as_json, render=lambda: _table(found))


def _table(found: "list[Run]") -> "RenderableType":
    from rich.table import Table

    table = Table()
    table.add_column("run", no_wrap=True, min_width=len(found[0].id) if found else 0)  # copied whole, for --run
    for name in ("model", "asked by", "finished", "version", "stopped at"):
        table.add_column(name)
    for run in found:
        stopped = f"{run.failed['stage']}: {run.failed['why'].splitlines()[0]}" if run.failed else ""
        finished = "all" if run.version else f"up to {list(run.done)[-1]}" if run.done else "nothing"
        table.add_row(run.id, run.model, run.requester.removeprefix("person:"), finished, run.version, stopped)
    return table
