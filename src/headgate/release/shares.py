"""Decide which share of the traffic each version gets: the champion stays who it is, a challenger must be ready.

Pure: a route and a ledger in, the next route out. Whoever takes the champion's place does so by promotion.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from headgate.base.digest import Json
from headgate.base.errors import BadInput, Refused
from headgate.gate.people import People
from headgate.release.ledger import Ledger
from headgate.release.readiness import Readiness, Rules, listed, readiness
from headgate.routing.route import CHAMPION, Arm, Route, Shadow, bundle_of


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants a route to be.

    Attributes:
        shares: Arm name -> share, 0 to 1.
        versions: Arm or shadow name -> version, for those that the route does not name yet or that change.
        shadows: Shadow name -> fraction, 0 to 1.
        until: Until when the shares hold unless renewed; None: they need no renewal.
        release: Names the release that wants it; empty: a person does.
    """

    shares: Mapping[str, float]
    versions: Mapping[str, str]
    until: datetime | None
    shadows: Mapping[str, float]
    release: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """A route that may be set, and what it stands on.

    Attributes:
        route: The next route.
        override: Why the rules were set aside; None: they were not.
        authenticated: Whether trusted keys carry every challenger.
    """

    route: Route
    override: str | None
    authenticated: bool

    def to_json(self) -> dict[str, Json]:
        """Return the body of the event."""
        return {**self.route.to_json(), "override": self.override, "authenticated": self.authenticated}


def set_shares(
    ledger: Ledger, route: Route, wish: Wish, rules: Rules, people: People, now: datetime, override: str | None
) -> Setting:
    """Return the route that a wish leads to.

    Args:
        ledger: The model's record.
        route: As it stands; its champion must be the pointer's.
        wish: What is wanted.
        rules: What the policy demands of a version that serves.
        people: Who may sign.
        now: The time.
        override: Why a version that is not ready gets a share nevertheless.

    Raises:
        BadInput: No such arm or version, or shares that do not sum to 1.
        Refused: A version is not ready, or another one than the pointer's is to be champion.
    """
    where = f"model {ledger.model}"
    _check_names(ledger, wish, where)
    ready = {
        name: readiness(ledger, _version(name, route, wish, where), rules, people, now)
        for name, share in wish.shares.items()
        if name != CHAMPION and share > 0
    }
    missing = [line for one in ready.values() for line in one.missing]
    if missing and (override is None or not override.strip()):
        raise Refused(
            f"cannot set these shares{listed(missing)}",
            where=where,
            way_out='give what is missing; or, in an emergency, --override "reason", which every screen then shows',
        )
    made = _route(ledger, route, wish, ready)
    reason = override.strip() if missing and override else None
    return Setting(made, reason, reason is None and all(one.authenticated for one in ready.values()))


def _check_names(ledger: Ledger, wish: Wish, where: str) -> None:
    champion = ledger.champion
    if champion is None:
        raise Refused(
            "no version serves yet", where=where, way_out="`headgate promote VERSION` makes the first champion"
        )
    if CHAMPION not in wish.shares:
        raise BadInput("the champion's share is not named", where=where, way_out="--set champion=95,challenger=5")
    if wish.versions.get(CHAMPION, champion.version) != champion.version:
        raise Refused(
            f"the champion is version {champion.version}",
            where=where,
            way_out="`headgate promote VERSION` makes another version champion",
        )
    if unknown := set(wish.versions) - set(wish.shares) - set(wish.shadows):
        raise BadInput(f"no share is named for {', '.join(sorted(unknown))}", where=where)


def _version(name: str, route: Route, wish: Wish, where: str) -> str:
    """Return the version of an arm or a shadow: the wish's, else the one that the route names."""
    known = {one.name: one.version for one in route.arms} | {one.name: one.version for one in route.shadows}
    version = wish.versions.get(name) or known.get(name)
    if version is None:
        raise BadInput(f"which version is {name}?", where=where, way_out=f"--{name} VERSION, or --arm {name}=VERSION")
    return version


def _route(ledger: Ledger, old: Route, wish: Wish, ready: Mapping[str, Readiness]) -> Route:
    champion = old.champion
    arms = [Arm(name, one.version, one.digest, wish.shares[name], bundle_of(one.digest)) for name, one in ready.items()]
    shadows = []
    for name, fraction in wish.shadows.items():
        found = ledger.registered(_version(name, old, wish, f"model {ledger.model}"))
        shadows.append(Shadow(name, found.version, found.digest, fraction, bundle_of(found.digest)))
    first = Arm(champion.name, champion.version, champion.digest, wish.shares[CHAMPION], bundle_of(champion.digest))
    return Route(
        old.model,
        old.revision + 1,
        (first, *arms),
        tuple(shadows),
        _salt(old, arms),
        wish.until if arms else None,
        wish.release if arms else "",
    )


def _salt(old: Route, arms: list[Arm]) -> str:
    """Return the experiment's salt: the old one while an old challenger goes on, so that nobody changes sides."""
    if not arms:
        return ""
    before = {arm.version for arm in old.challengers}
    if old.salt and before & {arm.version for arm in arms}:
        return old.salt
    return f"{old.model}/{arms[0].version}/{old.revision + 1}"
