"""`headgate journal`: what happened, who did it, and why."""

import json
import sys
from collections.abc import Iterator
from itertools import takewhile
from typing import TYPE_CHECKING, Annotated

import typer

from headgate.cli.output import HERE, AsJson, Folder, open_project, plainly

if TYPE_CHECKING:
    from headgate.journal.event import Event
    from headgate.journal.ports import EventStore

POLL_SECONDS = 1.0


def attach(app: typer.Typer) -> None:
    """Add the command."""
    app.command("journal", rich_help_panel="Look back")(journal)


@plainly
def journal(
    folder: Folder = HERE,
    model: Annotated[str, typer.Option("--model", "-m", help="Only this model's events.")] = "",
    kind: Annotated[str, typer.Option("--kind", "-k", help="Only kinds that match; * stands for any part.")] = "*",
    actor: Annotated[str, typer.Option("--actor", help="Only what this actor did: person:ada, process:*.")] = "*",
    since: Annotated[
        str, typer.Option("--since", help="From when on: a span back (1h, 14d) or a time with zone.")
    ] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="The last so many; 0: all.")] = 0,
    *,
    full: Annotated[bool, typer.Option("--full", help="Print whole bodies, for people.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as events happen, until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what happened: the journal, oldest first, bodies in short; with --json one whole event a line."""
    from headgate.cli.predictions import moment
    from headgate.journal.pick import Pick

    project = open_project(folder)
    start = moment(since, project.clock.now(), "--since") if since else None
    pick = Pick(f"model/{model}" if model else None, kind, actor, start)
    store = project.journal()
    end = store.last()  # first, so that nothing that happens meanwhile falls between the two parts
    upto = end.position if end else 0
    for event in pick.last(takewhile(lambda event: event.position <= upto, store.read(pick.stream)), limit):
        _print(event, full=full, as_json=as_json)
    if not follow:
        return
    try:
        for event in filter(pick.wants, _later(store, pick.stream, upto)):
            _print(event, full=full, as_json=as_json)
    except KeyboardInterrupt:
        return


def _later(store: "EventStore", stream: str | None, after: int) -> Iterator["Event"]:
    """Yield events as they are recorded, for ever."""
    from threading import Event as Signal

    never = Signal()
    while True:
        for event in store.read(stream, after=after):
            after = event.position
            yield event
        never.wait(POLL_SECONDS)


def _print(event: "Event", *, full: bool, as_json: bool) -> None:
    from headgate.journal.outbox import event_json
    from headgate.journal.tell import body_lines, brief

    if as_json:
        typer.echo(json.dumps(event_json(event), ensure_ascii=False))
    else:
        line = f"{event.position:>6}  {event.at:%Y-%m-%d %H:%M:%S}  {event.stream:<16} {event.kind:<20} {event.actor}"
        typer.echo("\n".join([line, *(f"{'':>8}{one}" for one in (body_lines if full else brief)(event))]))
    sys.stdout.flush()
