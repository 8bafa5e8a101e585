"""`headgate check`: look at a project without running it; `headgate schema`: the JSON Schema of headgate.yaml."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from headgate.base.errors import BadPolicy
from headgate.cli.output import HERE, AsJson, Folder, plainly, show

if TYPE_CHECKING:
    from rich.console import RenderableType

    from headgate.cli.inspection import Finding


def attach(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("check", rich_help_panel="Start")(check)
    app.command("schema", rich_help_panel="Start")(schema)


@plainly
def check(*, folder: Folder = HERE, as_json: AsJson = False) -> None:
    """Check policy, files and headers of the data; nothing of the project is run. Exit code 4: something is wrong."""
    from headgate.cli.inspection import inspect
    from headgate.policy.load import find

    path = find(folder)
    findings = inspect(path, os.environ)
    show(_json(path, findings), as_json=as_json, render=lambda: _table(findings))
    problems = [problem for finding in findings for problem in finding.problems]
    if not problems:
        return
    if not as_json:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        typer.echo("\n".join([f"headgate: {count}:", *problems]), err=True)
    raise typer.Exit(BadPolicy.exit_code)


def schema() -> None:
    """Print the JSON Schema of headgate.yaml, for editors."""
    from headgate.policy.schema import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


def _json(path: Path, findings: "tuple[Finding, ...]") -> dict[str, object]:
    from dataclasses import asdict

    wrong = [problem for finding in findings for problem in finding.problems]
    return {"file": str(path), "good": not wrong, "checked": [asdict(f) for f in findings], "problems": wrong}


def _table(findings: "tuple[Finding, ...]") -> "RenderableType":
    from rich.markup import escape
    from rich.table import Table

    table = Table("", "checked", "where", "found")
    for finding in findings:
        count = len(finding.problems)
        mark, text = ("[green]good[/green]", finding.note) if not count else ("[red]wrong[/red]", f"{count} to mend")
        table.add_row(mark, finding.what, escape(finding.where), escape(text))
    return table
