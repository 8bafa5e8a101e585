"""`headgate release report`: what was planned, what happened, and on what evidence, as a page."""

from pathlib import Path
from typing import Annotated

import typer

from headgate.cli.output import HERE, AsJson, Folder, open_project, plainly, show

Id = Annotated[str, typer.Argument(help="The release, such as delay-3.")]
To = Annotated[Path | None, typer.Option("--html", help="Write the page with its plots to this file.")]


@plainly
def report(release: Id, *, html: To = None, folder: Folder = HERE, as_json: AsJson = False) -> None:
    """Print a release's report as Markdown, or write it as a page; also while it runs, as far as it is."""
    from rich.markup import escape

    from headgate.base.files import write_atomically
    from headgate.release.report_steps import told_of

    project = open_project(folder)
    told = told_of(project.journal(), project.policy.models, release)
    place = project.reporter().write(told.plan.model, release)
    if html is not None:
        write_atomically(html, (place / "report.html").read_bytes())
    data = {"release": release, "model": told.plan.model, "folder": str(place), "html": str(html) if html else None}
    said = f"report: {html}" if html else (place / "report.md").read_text()
    show(data, as_json=as_json, render=lambda: escape(said))
