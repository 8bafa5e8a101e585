"""Decide whether the pointer may move.

A version that is ready may be promoted. One that served before may come back without a new ballot, unless somebody
rejects it. Anything else needs an override with a reason, which stays visible for as long as the version serves.
Nothing here reads a clock, a table or the network.
"""

from dataclasses import dataclass
from datetime import datetime

from headgate.base.digest import Json
from headgate.base.errors import Refused
from headgate.gate.people import People
from headgate.gate.verdict import remedy
from headgate.release.ledger import Cause, Ledger
from headgate.release.readiness import Readiness, Rules, approval_missing, listed, readiness


@dataclass(frozen=True, slots=True)
class Move:
    """A move of the pointer that may be recorded."""

    model: str
    version: str
    before: str | None
    digest: str
    cause: Cause
    override: str | None
    authenticated: bool
    approvers: tuple[str, ...]
    rules: Rules
    decided_at: datetime
    why: tuple[str, ...]

    def to_json(self, revision: int) -> dict[str, Json]:
        """Return the body of ``pointer.moved``."""
        return {
            "from": self.before,
            "to": self.version,
            "digest": self.digest,
            "revision": revision,
            "cause": self.cause,
            "override": self.override,
            "authenticated": self.authenticated,
            "approvers": list(self.approvers),
            "rules": self.rules.to_json(),
            "at": self.decided_at.isoformat(),
        }


def promote(
    ledger: Ledger, version: str, rules: Rules, people: People, now: datetime, override: str | None = None
) -> Move | None:
    """Return the move that makes a version champion; None when it already is.

    Raises:
        BadInput: There is no such version.
        Refused: The rules do not allow it and nobody overrides them, or the override gives no reason.
    """
    ready = readiness(ledger, version, rules, people, now)
    if _serves(ledger, version, ready.digest):
        return None
    needed = _needed(ready, ready.missing, override, f"promote {version}", rules)
    return _move(ledger, ready, "promote", rules, now, needed)


def roll_back(
    ledger: Ledger, version: str | None, rules: Rules, people: People, now: datetime, override: str | None = None
) -> Move | None:
    """Return the move that brings back a version that served (None: the one before); None when it serves now.

    Raises:
        BadInput: There is no such version.
        Refused: It never served, somebody rejects it, or there is none before.
    """
    target = version if version is not None else _previous(ledger)
    ready = readiness(ledger, target, rules, people, now)
    if _serves(ledger, target, ready.digest):
        return None
    missing = _return_missing(ledger, ready, rules)
    needed = _needed(ready, missing, override, f"roll back to {target}", rules)
    return _move(ledger, ready, "rollback", rules, now, needed)


def follow_alias(ledger: Ledger, version: str, rules: Rules, people: People, now: datetime) -> Move:
    """Return the move that honours an alias moved by hand; the same rules hold, and nobody can override them.

    Raises:
        BadInput: There is no such version.
        Refused: It may neither be promoted nor come back.
    """
    ready = readiness(ledger, version, rules, people, now)
    came_back = ledger.served(version) is not None and not _return_missing(ledger, ready, rules)
    _needed(ready, () if came_back else ready.missing, None, f"honour the alias on {version}", rules)
    return _move(ledger, ready, "alias", rules, now, None)


def _move(ledger: Ledger, ready: Readiness, cause: Cause, rules: Rules, now: datetime, override: str | None) -> Move:
    """What a version stood on when it served before, it still stands on when it comes back."""
    champion, served = ledger.champion, ledger.served(ready.version)
    why = (*ready.standing.why, *(() if override is None else (f"override: {override}",)))
    authenticated, approvers = ready.authenticated, ready.standing.approvers
    if ready.missing and override is None and served is not None:
        override, authenticated, approvers = served.override, served.authenticated, served.approvers
        why = (*why, f"served before, since {served.at:%Y-%m-%d %H:%M} UTC")
    return Move(
        model=ledger.model,
        version=ready.version,
        before=champion.version if champion else None,
        digest=ready.digest,
        cause=cause,
        override=override,
        authenticated=authenticated and override is None,
        approvers=approvers,
        rules=rules,
        decided_at=now,
        why=why,
    )


def _needed(ready: Readiness, missing: tuple[str, ...], override: str | None, what: str, rules: Rules) -> str | None:
    """Return the override when one is needed; an override that is not needed is not recorded."""
    where = f"model {rules.model}"
    if override is not None and not override.strip():
        raise Refused("an override needs a reason", where=where, way_out='--override "what makes this necessary"')
    if not missing:
        return None
    if override is None:
        given = ready.verdict.verdict if ready.verdict else None
        give = "give what is missing" if given is None or given.passed else remedy(given)
        raise Refused(
            f"cannot {what}{listed(missing)}",
            where=where,
            way_out=f'{give}; or, in an emergency, --override "reason", which every screen then shows',
        )
    return override.strip()


def _serves(ledger: Ledger, version: str, digest: str) -> bool:
    champion = ledger.champion
    return champion is not None and (champion.version, champion.digest) == (version, digest)


def _previous(ledger: Ledger) -> str:
    if ledger.previous is None:
        serving = f"version {ledger.champion.version} is the first that served" if ledger.champion else "none serves"
        raise Refused(
            f"there is no earlier champion to go back to: {serving}",
            where=f"model {ledger.model}",
            way_out="`headgate promote VERSION` makes another version champion",
        )
    return ledger.previous


def _return_missing(ledger: Ledger, ready: Readiness, rules: Rules) -> tuple[str, ...]:
    """A version comes back as the very artefact that served, and not against somebody's rejection."""
    served = ledger.served(ready.version)
    if served is None:
        return (f"version {ready.version} never served ({_served_before(ledger)})", *ready.missing)
    if served.digest != ready.digest:
        return (f"version {ready.version} was registered again as another artefact", *ready.missing)
    return approval_missing(ready.version, rules, ready.standing) if ready.standing.blocked_by else ()


def _served_before(ledger: Ledger) -> str:
    return "served before: " + (", ".join(dict.fromkeys(ledger.trail)) or "none")
