"""`headgate webhook`: how far each webhook is, and sending once more."""

from typing import Annotated, Any

import typer

from headgate.base.errors import BadInput
from headgate.cli.output import HERE, AsJson, Folder, open_project, plainly, show

Name = Annotated[str, typer.Argument(help="The webhook's name in headgate.yaml.")]
From = Annotated[
    int, typer.Option("--from", min=1, help="The first position that is sent again (see `headgate journal`).")
]


def attach(app: typer.Typer) -> None:
    """Add the commands."""
    webhook = typer.Typer(help="See how far webhooks are; send again.", no_args_is_help=True)
    webhook.command("list")(list_)
    webhook.command("replay")(replay)
    app.add_typer(webhook, name="webhook", rich_help_panel="Upkeep")


@plainly
def list_(folder: Folder = HERE, *, as_json: AsJson = False) -> None:
    """Show each webhook: what was delivered, what waits, what was given up, and why."""
    project = open_project(folder)
    known = {standing.webhook: standing for standing in project.journal().outbox.standings()}
    rows: list[dict[str, Any]] = []
    for name in sorted(known.keys() | project.policy.webhooks.keys()):
        policy, at = project.policy.webhooks.get(name), known.get(name)
        rows.append(
            {
                "webhook": name,
                "url": (policy.url or f"(in {policy.url_env})") if policy else "(no longer in headgate.yaml)",
                "events": list(policy.events) if policy else [],
                "position": at.position if at else None,
                "done": at.done if at else 0,
                "pending": at.pending if at else 0,
                "dead": at.dead if at else 0,
                "why": at.why if at else "new: starts with the next `headgate tick`",
            }
        )
    show(rows, as_json=as_json, render=lambda: _table(rows))


@plainly
def replay(name: Name, position: From, folder: Folder = HERE, *, as_json: AsJson = False) -> None:
    """Send everything from a position on once more, under the same delivery ids; the next tick does it."""
    project = open_project(folder)
    if name not in project.policy.webhooks:
        known = ", ".join(sorted(project.policy.webhooks)) or "none"
        raise BadInput(f"there is no webhook {name}", where="headgate.yaml", way_out=f"the project has: {known}")
    project.journal().outbox.replay(name, position)
    said = f"webhook {name}: everything from position {position} on is sent again by the next `headgate tick`"
    show({"webhook": name, "from": position}, as_json=as_json, render=lambda: said)


def _table(rows: list[dict[str, Any]]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    if not rows:
        return "headgate.yaml names no webhook"
    table = Table("webhook", "url", "up to", "done", "waits", "given up", "last trouble")
    for row in rows:
        position = "-" if row["position"] is None else str(row["position"])
        counts = (str(row[key]) for key in ("done", "pending", "dead"))
        table.add_row(row["webhook"], escape(row["url"]), position, *counts, escape(row["why"]))
    return table
