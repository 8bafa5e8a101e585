"""`headgate key`: the API keys that clients of the gateway and of the control API show; create, list, revoke."""

from typing import Annotated, Any

import typer

from headgate.cli.output import HERE, Actor, AsJson, Because, Folder, actor_of, open_project, plainly, show

Named = Annotated[str, typer.Option("--name", help="Who uses it; one name may have two keys, to change them over.")]
Scopes = Annotated[
    list[str] | None,
    typer.Option("--scope", help="predict:MODEL, predict:*, outcomes, read, operate, approve or admin; repeatable."),
]
Role = Annotated[str | None, typer.Option("--role", help="For the control API: viewer, operator, approver or admin.")]
Expires = Annotated[str | None, typer.Option("--expires", help="How long it holds, such as 90d; default: for ever.")]
Id = Annotated[str, typer.Argument(help="The id of the key (see `headgate key list`).")]
After = Annotated[str | None, typer.Option("--after", help="Let it hold this much longer, such as 1h; default: not.")]


def attach(app: typer.Typer) -> None:
    """Add the commands."""
    key = typer.Typer(help="API keys for the gateway and the control API: create, list, revoke.", no_args_is_help=True)
    key.command("create")(create)
    key.command("list")(list_)
    key.command("revoke")(revoke)
    app.add_typer(key, name="key", rich_help_panel="Decide")


@plainly
def create(
    *,
    name: Named,
    because: Because,
    scope: Scopes = None,
    role: Role = None,
    expires: Expires = None,
    actor: Actor = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, once: only a hash of it is kept. Without --scope and --role it may ask every model."""
    import os

    from headgate.gateway.guard import issue
    from headgate.gateway.guard.roles import scopes_of

    project = open_project(folder)
    now = project.clock.now()
    until = None if expires is None else now + _span(expires, "--expires")
    asked = [*(scope or ()), *(scopes_of(role) if role else ())]
    scopes, models = list(dict.fromkeys(asked)) or ["predict:*"], list(project.policy.models)
    made, secret = issue.create(
        project.journal(), name, scopes, models, now, until, os.urandom, actor_of(actor), because
    )
    body = {"id": made.id, "key": secret, "name": name, "scopes": scopes, "expires": until and until.isoformat()}
    said = f"{secret}\n\nThis is the only time it is shown. Requests carry it as `Authorization: Bearer KEY`."
    show(body, as_json=as_json, render=lambda: said)


@plainly
def list_(folder: Folder = HERE, *, as_json: AsJson = False) -> None:
    """Show the keys, without their secrets."""
    from headgate.gateway.guard import issue
    from headgate.gateway.guard.roles import role_of

    project = open_project(folder)
    now = project.clock.now()
    rows = [
        {
            "id": key.id,
            "name": key.name,
            "scopes": list(key.scopes),
            "role": role_of(key.scopes),
            "created": key.created.isoformat(),
            "expires": key.expires and key.expires.isoformat(),
            "state": "revoked" if gone else "expired" if key.expires and key.expires <= now else "holds",
        }
        for key, gone in issue.known(project.journal())
    ]
    show(rows, as_json=as_json, render=lambda: _table(rows))


@plainly
def revoke(
    id_: Id,
    *,
    because: Because,
    after: After = None,
    actor: Actor = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """End a key; workers stop taking it within a second, or after the time that is left to it."""
    from headgate.gateway.guard import issue

    project = open_project(folder)
    now = project.clock.now()
    at = now if after is None else now + _span(after, "--after")
    key = issue.revoke(project.journal(), id_, at, now, actor_of(actor), because)
    when = "no longer holds" if after is None else f"holds until {at.isoformat(timespec='seconds')}"
    said = f"the API key {key.id} of {key.name} {when}"
    show({"id": key.id, "name": key.name, "until": at.isoformat()}, as_json=as_json, render=lambda: said)


def _span(text: str, option: str) -> Any:
    from headgate.base.errors import BadInput
    from headgate.policy.span import parse_span

    try:
        return parse_span(text)
    except ValueError as error:
        raise BadInput(str(error), where=option, way_out=f"{option} 90d") from error


def _table(rows: list[dict[str, Any]]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    if not rows:
        return "there is no API key; `headgate key create` makes one"
    table = Table("id", "name", "role", "scopes", "created", "expires", "")
    for row in rows:
        scopes, expires = escape(", ".join(row["scopes"])), row["expires"] or "never"
        table.add_row(
            row["id"], escape(row["name"]), row["role"], scopes, row["created"][:19], expires[:19], row["state"]
        )
    return table
