"""`headgate reproduce`: train a version again from its record alone, and say whether it came out the same."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from headgate.cli.output import HERE, AsJson, Folder, choose_model, counted, open_project, plainly, show, telling

if TYPE_CHECKING:
    from rich.console import RenderableType

    from headgate.training.likeness import Likeness


def attach(app: typer.Typer) -> None:
    """Add the command."""
    app.command("reproduce", rich_help_panel="Look back")(reproduce)


@plainly
def reproduce(
    version: Annotated[str, typer.Argument(help="The version to train again.")],
    *,
    model: Annotated[str, typer.Option("--model", help="Its model, where the project has several.")] = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Train a version again from its record in a clean folder and compare. Exit 0: the same; 1: it differs."""
    from headgate.training.reproduce import reproduce as again

    project = open_project(folder)
    name = choose_model(project, model)
    with telling() as tell:
        found = again(project.bench(name, tell), project.registry().version(name, version))
    body = {"same": found.same, "compared": [asdict(entry) for entry in found.compared]}
    around = {"surroundings": list(found.surroundings), "ran_on": found.ran_on}
    show({**body, **around}, as_json=as_json, render=lambda: _table(version, found))
    if not found.same:
        raise typer.Exit(1)


def _table(version: str, found: "Likeness") -> "RenderableType":
    from rich.console import Group
    from rich.table import Table

    table = Table("compared", "", "why", title=f"version {version}: {'the same' if found.same else 'not the same'}")
    for entry in found.compared:
        table.add_row(entry.what, "[green]same[/green]" if entry.same else "[red]differs[/red]", entry.why)
    machine, threads = found.ran_on["machine"], counted(found.ran_on["threads"], "thread")
    where = f"Python {found.ran_on['python']}, {threads}, {machine['cores']} cores of {machine['processor']}"
    ran = f"Trained again with {where}, {machine['system']}."
    if not found.surroundings:
        return Group(table, ran, "Interpreter, packages, threads and machine are as recorded.")
    return Group(table, ran, "What differs around it, and may be why:", *(f"  {line}" for line in found.surroundings))
