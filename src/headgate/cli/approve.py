"""`headgate approve` and `headgate reject`: a person says yes or no to a version, or to a scorecard."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headgate.cli.output import (
    HERE,
    Actor,
    AsJson,
    Because,
    Folder,
    actor_of,
    choose_model,
    open_project,
    plainly,
    show,
)
from headgate.cli.person import key_of

if TYPE_CHECKING:
    from headgate.gate.ballots import Choice
    from headgate.release.casting import Said

What = Annotated[
    str, typer.Argument(help="The version; with --scorecard the model (may be left out where the project has one).")
]
Model = Annotated[str, typer.Option("--model", "-m", help="The model; may be left out where the project has one.")]
Scorecard = Annotated[bool, typer.Option("--scorecard", help="Say it about the model's scorecard, not a version.")]
Key = Annotated[Path | None, typer.Option("--key", help="Private key to sign with; default: the person's own file.")]


def attach(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("approve", rich_help_panel="Decide")(approve)
    app.command("reject", rich_help_panel="Decide")(reject)


@plainly
def approve(
    what: What = "",
    *,
    because: Because,
    model: Model = "",
    scorecard: Scorecard = False,
    actor: Actor = "",
    key: Key = None,
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Approve a version that passed the gate, or a scorecard. Who trained or asked for a version does not count."""
    _say("approve", what, because, model, actor, key, folder, scorecard=scorecard, as_json=as_json)


@plainly
def reject(
    what: What = "",
    *,
    because: Because,
    model: Model = "",
    scorecard: Scorecard = False,
    actor: Actor = "",
    key: Key = None,
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Reject a version or a scorecard: it blocks until the same person approves."""
    _say("reject", what, because, model, actor, key, folder, scorecard=scorecard, as_json=as_json)


def _say(
    choice: "Choice",
    what: str,
    because: str,
    model: str,
    actor: str,
    key: Path | None,
    folder: Path,
    *,
    scorecard: bool,
    as_json: bool,
) -> None:
    from headgate.gate.people import plain_name
    from headgate.release.casting import Voice, sign_off, vote

    project = open_project(folder)
    person = plain_name(actor_of(actor))
    voice = Voice(person, because, key_of(person, key))
    name = choose_model(project, model or (what if scorecard else ""))
    if scorecard:
        said = sign_off(project.journal(), project.clock, project.policy, name, choice, voice)
    else:
        said = vote(project.journal(), project.clock, project.policy, name, _version(what, name), choice, voice)
    show({**said.to_json(), "model": name}, as_json=as_json, render=lambda: _summary(said, name))


def _version(what: str, model: str) -> str:
    from headgate.base.errors import BadInput

    if not what:
        raise BadInput("which version?", where=f"model {model}", way_out="`headgate status` shows what waits")
    return what


def _summary(said: "Said", model: str) -> str:
    from rich.markup import escape

    subject = f"version {said.ballot.version} of {model}" if said.ballot.version else f"the scorecard of {model}"
    verb = "approves" if said.ballot.choice == "approve" else "rejects"
    trust = f"signed with {said.ballot.key_id}" if said.authenticated else "[yellow]unauthenticated[/yellow]"
    lines = [f"{said.ballot.person} {verb} {subject} ({trust})", *(f"  {escape(line)}" for line in said.standing.why)]
    if said.standing.approved and said.ballot.version:
        lines.append(f"next: headgate promote {said.ballot.version} --model {model} --because ...")
    return "\n".join(lines)
