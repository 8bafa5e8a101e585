"""`headgate init`: write a commented starter project that runs as it is; it never overwrites a file."""

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from headgate.base.errors import BadInput, Refused
from headgate.cli.output import AsJson, plainly, show
from headgate.policy.problem import list_words, nearest

TASKS = ("binary", "multiclass", "regression")
NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")

Target = Annotated[Path, typer.Argument(help="The project folder; made if it is not there.")]
TaskName = Annotated[str, typer.Option("--task", help=f"What is predicted: {', '.join(TASKS)}.")]
ProjectName = Annotated[str, typer.Option("--name", help="The project's name; default: the folder's.")]


def attach(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init", rich_help_panel="Start")(init)


@plainly
def init(
    target: Target = Path(), *, task: TaskName = "binary", name: ProjectName = "", as_json: AsJson = False
) -> None:
    """Write a starter project: policy, features, training and a small data set."""
    from headgate.cli.starter import starter

    if task not in TASKS:
        raise BadInput(
            f"{task!r} is no task.{nearest(task, TASKS)} Allowed: {', '.join(TASKS)}",
            where="--task",
            way_out="binary: one of two; multiclass: one of several; regression: a number",
        )
    written = write(target, starter(task, project_name(target, name)))
    show(
        {"folder": str(target), "task": task, "files": written},
        as_json=as_json,
        render=lambda: _next_steps(target, written),
    )


def project_name(target: Path, name: str) -> str:
    """Return the name asked for, or one made of the folder's."""
    found = name or re.sub(r"[^a-z0-9_-]+", "-", target.resolve().name.lower()).strip("-_0123456789") or "project"
    if not NAME.fullmatch(found):
        raise BadInput(
            f"{found!r} is not a name",
            where="--name",
            way_out="lower-case letters, digits, - and _, a letter first, at most 63",
        )
    return found


def write(target: Path, project: dict[str, str]) -> list[str]:
    """Write the files into the folder, all of them or, where one is there already, none."""
    if target.exists() and not target.is_dir():
        raise Refused("is a file, not a folder", where=str(target), way_out="name another folder")
    there = [name for name in project if (target / name).exists()]
    if there:
        raise Refused(
            f"{list_words(there)} would be overwritten",
            where=str(target),
            way_out="name a new folder: headgate init NAME",
        )
    from headgate.base.files import write_atomically

    for name, text in project.items():
        write_atomically(target / name, text.encode())
        (target / name).chmod(0o666 & ~_umask())  # a team and its workers share the folder
    return list(project)


def _umask() -> int:
    """Return the process's mask; the only way to read it is to set it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _next_steps(target: Path, written: list[str]) -> str:
    enter = "" if target.resolve() == Path.cwd() else f"  cd {target}\n"
    return (
        f"Wrote {', '.join(written)} to {target}.\n"
        "The rows are a public data set; it carries no time, so one row an hour is made up.\n"
        f"Next:\n{enter}  headgate check\n  headgate train\n"
        "Then put your own rows into data/ and say in headgate.yaml what they are."
    )
