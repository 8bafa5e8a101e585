"""`headgate backup`, `restore` and `doctor`: keep the state, bring it back, and see whether it is well."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headgate.cli.doctor import doctor
from headgate.cli.output import HERE, AsJson, Folder, open_project, plainly, show

if TYPE_CHECKING:
    from headgate.wiring import Project

Target = Annotated[Path, typer.Argument(help="The tar file; .tgz or .tar.gz compresses.")]
Source = Annotated[Path, typer.Argument(help="A file that `headgate backup` wrote.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the file; on restore, move the present state aside.")]


def attach(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("backup", rich_help_panel="Upkeep")(backup)
    app.command("restore", rich_help_panel="Upkeep")(restore)
    app.command("doctor", rich_help_panel="Upkeep")(doctor)


@plainly
def backup(file: Target, folder: Folder = HERE, *, force: Force = False, as_json: AsJson = False) -> None:
    """Write the whole state folder into one file while everything goes on; keep it safe: it holds private keys."""
    project = open_project(folder)
    saved = project.save_state(file, force=force)
    lines = [f"{file}: {saved.files} files, {saved.size / 1e6:.1f} MB, with the private keys of this project"]
    lines += [f"left out: {why}" for why in (*saved.left_out, *_elsewhere(project))]
    body = {"file": str(file), "files": saved.files, "size": saved.size, "left_out": lines[1:]}
    show(body, as_json=as_json, render=lambda: "\n".join(lines))


@plainly
def restore(file: Source, folder: Folder = HERE, *, force: Force = False, as_json: AsJson = False) -> None:
    """Bring the state folder back from a backup: checked whole before anything is moved."""
    project = open_project(folder)
    restored = project.restore_state(file, force=force)
    lines = [f"{restored.files} files as of {restored.at}; see that all is well with `headgate doctor`"]
    if restored.former:
        lines.append(f"the former state is now {restored.former}: delete it once you need it no more")
    former = str(restored.former) if restored.former else None
    body = {"files": restored.files, "at": restored.at, "former": former, "not_restored": _elsewhere(project)}
    show(body, as_json=as_json, render=lambda: "\n".join([*lines, *_elsewhere(project)]))


def _elsewhere(project: "Project") -> list[str]:
    settings = project.policy.settings
    named = {"settings.database": settings.database, "settings.tracking": settings.tracking}
    named["settings.artefacts"] = settings.artefacts
    return [f"{key} is not in the state folder: back it up with its own tools" for key, url in named.items() if url]
