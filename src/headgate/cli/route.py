"""`headgate route`: show and set which share of the traffic each version of a model gets."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from headgate.cli.output import (
    HERE,
    Actor,
    AsJson,
    Folder,
    actor_of,
    choose_model,
    open_project,
    plainly,
    show,
)
from headgate.cli.promote import Override, desk_of

if TYPE_CHECKING:
    from datetime import datetime

    from headgate.policy.model import ProjectPolicy
    from headgate.routing.route import Route

Model = Annotated[str, typer.Argument(help="The model; may be left out where the project has one.")]
Shares = Annotated[str | None, typer.Option("--set", help="Shares by arm: champion=95,challenger=5.")]
Challenger = Annotated[str | None, typer.Option("--challenger", help="The version that the arm challenger serves.")]
Arms = Annotated[list[str] | None, typer.Option("--arm", help="NAME=VERSION of a further arm; may be repeated.")]
Shadows = Annotated[
    list[str] | None, typer.Option("--shadow", help="VERSION=PERCENT of the requests that are copied to a shadow.")
]
Lease = Annotated[
    str | None, typer.Option("--lease", help="How long the shares hold, such as 1h; none: until they are set again.")
]
Why = Annotated[str, typer.Option("--because", help="Why; kept in the journal. Needed with --set.")]


def attach(app: typer.Typer) -> None:
    """Add the command."""
    app.command("route", rich_help_panel="Decide")(route)


@plainly
def route(
    model: Model = "",
    *,
    shares: Shares = None,
    challenger: Challenger = None,
    arm: Arms = None,
    shadow: Shadows = None,
    lease: Lease = None,
    because: Why = "",
    override: Override = None,
    actor: Actor = "",
    folder: Folder = HERE,
    as_json: AsJson = False,
) -> None:
    """Show the shares of a model's versions, or set them; every worker follows within a second."""
    from headgate.release.route_steps import read_route, set_route, shares_of
    from headgate.release.shares import Wish

    project = open_project(folder)
    name = choose_model(project, model)
    if shares is None:
        _show(read_route(project.journal(), name), project.clock.now(), name, as_json=as_json)
        return
    copied = _shadows(shadow)
    versions = _versions(challenger, arm) | {f"shadow-{version}": version for version in copied}
    shadows = {f"shadow-{version}": fraction for version, fraction in copied.items()}
    until = _until(lease, project.policy, name, project.clock.now())
    wish = Wish(shares_of(shares, "--set"), versions, until, shadows)
    setting, _ = set_route(desk_of(project), name, wish, actor_of(actor), because, override)
    _show(setting.route, project.clock.now(), name, override=setting.override, as_json=as_json)


def _show(
    route: "Route | None", now: "datetime", model: str, *, override: str | None = None, as_json: bool = False
) -> None:
    from headgate.routing.share import effective, holds

    if route is None:
        show({"model": model, "arms": []}, as_json=as_json, render=lambda: f"no version of {model} serves yet")
        return
    held = {one.name: one.weight for one in effective(route, now).arms}
    body = {**route.to_json(), "now": held, "leased": holds(route, now), "override": override}
    show(body, as_json=as_json, render=lambda: _table(body))


def _table(body: dict[str, Any]) -> Any:
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table

    table = Table("arm", "version", "share", "now", title=f"{body['model']}, revision {body['revision']}")
    for arm in body["arms"]:
        now = body["now"][arm["name"]]
        table.add_row(escape(arm["name"]), escape(arm["version"]), f"{arm['weight']:.4%}", f"{now:.4%}")
    for shadow in body.get("shadows", ()):
        table.add_row(escape(shadow["name"]), escape(shadow["version"]), f"copies {shadow['fraction']:.4%}", "")
    lines = []
    if until := body.get("renewed_until"):
        lines.append(f"the challengers' shares {'hold' if body['leased'] else 'held'} until {until}")
    if body["override"]:
        lines.append(f"[red]the rules were overridden: {escape(body['override'])}[/red]")
    return Group(table, *lines)


def pairs(texts: list[str] | None, option: str, wanted: str) -> dict[str, str]:
    """Return what NAME=VALUE options say."""
    from headgate.base.errors import BadInput

    found: dict[str, str] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not (name and equals and value) or name in found:
            raise BadInput(f"cannot read {text!r}", where=option, way_out=f"write {option} {wanted}")
        found[name] = value
    return found


def _versions(challenger: str | None, arms: list[str] | None) -> dict[str, str]:
    return pairs(arms, "--arm", "NAME=VERSION") | ({"challenger": challenger} if challenger else {})


def _shadows(texts: list[str] | None) -> dict[str, float]:
    """Return the shadows' fractions by version."""
    from headgate.base.errors import BadInput

    found = pairs(texts, "--shadow", "VERSION=PERCENT")
    try:
        return {version: float(percent.removesuffix("%")) / 100 for version, percent in found.items()}
    except ValueError:
        raise BadInput("a shadow's percentage is a number", where="--shadow", way_out="--shadow 7=100") from None


def _until(lease: str | None, policy: "ProjectPolicy", model: str, now: "datetime") -> "datetime | None":
    from headgate.base.errors import BadInput
    from headgate.policy.span import parse_span

    if lease == "none":
        return None
    try:
        span: Any = policy.models[model].serving.lease if lease is None else parse_span(lease)
    except ValueError as error:
        raise BadInput(
            str(error), where="--lease", way_out="--lease 1h, or --lease none: until it is set again"
        ) from error
    until: datetime = now + span
    return until
