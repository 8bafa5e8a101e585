"""What the route of a model should be by the journal alone, and how the one that the gateway reads differs from it."""

from dataclasses import replace
from typing import Any

from headgate.base.errors import BadInput
from headgate.journal.ports import Document
from headgate.release.ledger import Ledger
from headgate.routing.route import CHAMPION, Arm, Route, bundle_of


def champion_route(model: str, revision: int, version: str, digest: str) -> Route:
    """Return the route in which the champion has everything."""
    return Route(model, revision, (Arm(CHAMPION, version, digest, 1.0, bundle_of(digest)),))


def recorded_route(ledger: Ledger) -> Route | None:
    """Return the route that the journal says; None: no version was promoted."""
    champion = ledger.champion
    if champion is None:
        return None
    if ledger.route is None:
        return champion_route(ledger.model, champion.revision, champion.version, champion.digest)
    return placed(Route.from_json(ledger.route))


def placed(route: Route) -> Route:
    """Return a route with its bundles named by digest alone: where they lay when it was written does not matter."""
    arms = tuple(replace(arm, bundle=bundle_of(arm.digest)) for arm in route.arms)
    shadows = tuple(replace(shadow, bundle=bundle_of(shadow.digest)) for shadow in route.shadows)
    return replace(route, arms=arms, shadows=shadows)


def route_flaw(ledger: Ledger, document: Document | None) -> str:
    """Say how the stored route differs from the journal's; "" when it does not."""
    true = recorded_route(ledger)
    if document is None:
        return f"there is none, and the journal says version {true.champion.version} serves" if true else ""
    if true is None:
        return "there is one, and the journal knows of no promotion"
    body: Any = document.body
    try:
        route = placed(Route.from_json(body))
    except (BadInput, KeyError, TypeError, ValueError) as error:
        return f"it cannot be read: {error.what if isinstance(error, BadInput) else repr(error)}"
    flaws = [
        f"its {what} is {said}, and the journal's is {right}"
        for what, said, right in (
            ("version", route.champion.version, true.champion.version),
            ("digest", route.champion.digest, true.champion.digest),
            ("revision", route.revision, true.revision),
            ("stored revision", document.revision, route.revision),
        )
        if said != right
    ]
    if not flaws and route != true:
        flaws = [f"it is not the one that was recorded as revision {true.revision}"]
    return "; ".join(flaws)
