"""Which share each arm has now: what the route says, while its lease holds, less what a worker took out."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from headgate.routing.route import Route


def holds(route: Route, now: datetime) -> bool:
    """Say whether the challengers' shares hold: the lease was renewed beyond now, or needs no renewal."""
    return route.renewed_until is None or now < route.renewed_until


def effective(route: Route, now: datetime, out: Collection[str] = ()) -> Route:
    """Return the route with the shares that hold now.

    Args:
        route: As it was decided.
        now: By this machine's clock.
        out: Names of arms that are taken out here; the champion never is.

    Returns:
        The route itself while all of it holds. Otherwise the arms that do not hold have weight 0, and the champion has
        what they had.
    """
    champion, alive = route.champion, holds(route, now)
    back = [arm.name for arm in route.challengers if arm.weight and (not alive or arm.name in out)]
    if not back:
        return route
    kept = sum(arm.weight for arm in route.challengers if arm.name not in back)
    arms = tuple(
        replace(arm, weight=1.0 - kept if arm is champion else 0.0 if arm.name in back else arm.weight)
        for arm in route.arms
    )
    return replace(route, arms=arms)


def renew(route: Route, until: datetime) -> Route:
    """Return the next revision of the route, its lease pushed on; nothing else changes, so no unit moves."""
    return replace(route, revision=route.revision + 1, renewed_until=until)
