"""`headgate person`: who may sign; add, list, revoke."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.output import HERE, Actor, AsJson, Because, Folder, actor_of, open_project, plainly, show

if TYPE_CHECKING:
    from rich.console import RenderableType

    from headgate.gate.people import Person, Signer

Named = Annotated[str, typer.Argument(help="The person's name.")]
Key = Annotated[Path | None, typer.Option("--key", help="Private key file; default: ~/.config/headgate/keys/NAME.pem.")]
TheirKey = Annotated[Path | None, typer.Option("--their-key", help="Private key of who signs this (--as).")]
Unvouched = Annotated[
    str | None, typer.Option("--unvouched", help="Add without a signature, and why; they stay unauthenticated.")
]


def attach(app: typer.Typer) -> None:
    """Add the commands."""
    person = typer.Typer(help="Who may sign: add, list, revoke.", no_args_is_help=True)
    person.command("add")(add)
    person.command("list")(list_people)
    person.command("revoke")(revoke)
    app.add_typer(person, name="person", rich_help_panel="Decide")


def key_of(name: str, key: Path | None) -> "Signer | None":
    """Return the key to sign with: the file that is named, else the person's default file, else none."""
    from headgate.gate.people import NAME, plain_name
    from headgate.wiring import key_path, load_key

    plain = plain_name(name)
    path = key or (key_path(plain) if NAME.fullmatch(plain) else None)
    return load_key(path) if path is not None and (key is not None or path.exists()) else None


@plainly
def add(
    name: Named,
    *,
    key: Key = None,
    actor: Actor = "",
    their_key: TheirKey = None,
    unvouched: Unvouched = None,
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Add a person: make their key pair (or use the one in --key), and record the public key."""
    from headgate.gate.enrol import Voucher, add_person
    from headgate.gate.people import check_name, plain_name
    from headgate.wiring import create_key, key_path, load_key

    project = open_project(folder)
    path = key or key_path(check_name(name))
    by = plain_name(actor_of(actor))
    voucher = Voucher(by, key_of(by, their_key))
    made = not path.exists()
    signer = create_key(path) if made else load_key(path)
    try:
        person = add_person(project.journal(), project.clock, name, signer.public_key, voucher, unvouched)
    except BaseException:
        if made:
            path.unlink()  # a key that belongs to nobody
        raise
    trust = "" if person.trusted else "\n[yellow]nobody vouched: what they sign counts as unauthenticated[/yellow]"
    show(
        {**_json(person), "key_file": str(path)},
        as_json=as_json,
        render=lambda: f"{name} signs with {person.key_id} ({person.why})\nprivate key: {path}{trust}",
    )


@plainly
def list_people(*, folder: Folder = HERE, as_json: AsJson = False) -> None:
    """List everybody the journal knows."""
    from headgate.gate.people import STREAM, people_of

    people = people_of(open_project(folder).journal().read(STREAM))
    found = [people.known[name] for name in sorted(people.known)]
    show([_json(person) for person in found], as_json=as_json, render=lambda: _table(found))


@plainly
def revoke(
    name: Named,
    *,
    because: Because,
    actor: Actor = "",
    key: TheirKey = None,
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Let a person's key no longer count; somebody whose key counts signs that, the person themselves too."""
    from headgate.gate.enrol import Voucher, revoke_person
    from headgate.gate.people import plain_name

    project = open_project(folder)
    by = plain_name(actor_of(actor))
    person = revoke_person(project.journal(), project.clock, name, because, Voucher(by, key_of(by, key)))
    show(_json(person), as_json=as_json, render=lambda: f"{name}'s key {person.key_id} no longer counts")


def _json(person: "Person") -> dict[str, Any]:
    return {
        "name": person.name,
        "key_id": person.key_id,
        "public_key": person.public_key,
        "added_by": person.added_by or None,
        "trusted": person.trusted,
        "revoked": person.revoked,
        "since": person.since.isoformat(),
        "why": person.why,
    }


def _table(found: "list[Person]") -> "RenderableType":
    from rich.markup import escape
    from rich.table import Table

    if not found:
        return (
            "nobody has a key: approvals are recorded as [yellow]unauthenticated[/yellow] (`headgate person add NAME`)"
        )
    table = Table("person", "key", "since", "counts as", "why")
    for person in found:
        counts = (
            "revoked" if person.revoked else "authenticated" if person.trusted else "[yellow]unauthenticated[/yellow]"
        )
        table.add_row(person.name, person.key_id, f"{person.since:%Y-%m-%d %H:%M} UTC", counts, escape(person.why))
    return table
