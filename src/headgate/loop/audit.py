"""Whether the past holds: what the chain says, what a replay says, and what serves compared with what should.

Nothing here reads the journal, the registry or a clock: they are handed in.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headgate.base.errors import BadInput
from headgate.gate.ballots import CAST
from headgate.journal.chain import Break
from headgate.journal.event import Event
from headgate.journal.ports import Document
from headgate.loop.replay import Finding, replay
from headgate.loop.state import ProjectState
from headgate.release.ledger import MOVED, Moved
from headgate.routing.route import Route


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found.

    Attributes:
        events, moves, ballots: How many there are; those from the first break on were counted, not checked.
        findings: What does not hold, the first broken event first; empty: all holds.
        notes: What holds and should be known (overrides, unauthenticated approvals).
    """

    events: int
    moves: int
    ballots: int
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def to_json(self) -> dict[str, Any]:
        """Return what a program is told."""
        positions = [finding.position for finding in self.findings if finding.position]
        return {
            "holds": self.holds,
            "events": self.events,
            "moves": self.moves,
            "ballots": self.ballots,
            "first_broken": min(positions, default=None),
            "findings": [{"position": one.position, "where": one.where, "what": one.what} for one in self.findings],
            "notes": list(self.notes),
        }


def audit(
    events: Sequence[Event],
    broken: Sequence[Finding],
    routes: Sequence[Document] | str,
    aliases: Mapping[str, str | None] | str,
    beyond: Sequence[Event] = (),
) -> AuditReport:
    """Return everything that does not hold.

    Args:
        events: All that can be trusted, in order.
        broken: What the chain and the signed head say (`from_break`).
        routes: The route documents that the gateway reads; or why they are not compared.
        aliases: What the registry's champion alias names, by model; or why the registry could not be asked.
        beyond: Events from the first break on; counted only.
    """
    replayed = replay(events)
    findings, notes = [*broken, *replayed.findings], list(replayed.notes)
    if isinstance(routes, str):
        notes.append(f"routes were not compared: {routes}")
    else:
        findings += check_routes(replayed.state, routes)
    if isinstance(aliases, str):
        notes.append(f"aliases were not compared: {aliases}")
    else:
        findings += check_aliases(replayed.state, aliases)
    kinds = Counter(event.kind for event in (*events, *beyond))
    return AuditReport(kinds.total(), kinds[MOVED], kinds[CAST], tuple(findings), tuple(notes))


def from_break(broken: Break) -> Finding:
    """Return what the chain says as a finding."""
    return Finding(broken.position, "chain", f"{broken.fault}: {broken.why}")


def check_routes(state: ProjectState, routes: Sequence[Document]) -> list[Finding]:
    """Compare what the gateway reads with what the journal says."""
    stored, findings = {document.key: document for document in routes}, list[Finding]()
    for name in sorted({*stored, *state.models}):
        ledger = state.model(name).ledger
        what = _route_flaw(stored.get(name), ledger.champion, ledger.route)
        if what:
            findings.append(Finding(None, f"route {name}", what))
    return findings


def check_aliases(state: ProjectState, found: Mapping[str, str | None]) -> list[Finding]:
    """Compare the registry's champion aliases with the pointers."""
    findings = []
    for name, names in sorted(found.items()):
        champion = state.model(name).ledger.champion
        if champion is not None and names != champion.version:
            what = f"it names {names or 'nothing'} and the pointer is at {champion.version}; `headgate tick` settles it"
            findings.append(Finding(None, f"alias champion of {name}", what))
    return findings


def _route_flaw(document: Document | None, champion: Moved | None, shares: Mapping[str, Any] | None) -> str:
    if document is None:
        return f"there is none, and the journal says version {champion.version} serves" if champion else ""
    if champion is None:
        return "there is one, and the journal knows of no promotion"
    body: Any = document.body
    try:
        route = Route.from_json(body)
        arm = route.champion
    except (BadInput, KeyError, TypeError, ValueError) as error:
        return f"it cannot be read: {error!r}"
    pairs = (
        ("version", arm.version, champion.version),
        ("digest", arm.digest, champion.digest),
        ("revision", route.revision, champion.revision if shares is None else route.revision),
        ("stored revision", document.revision, route.revision),
        ("bundle", arm.bundle.rstrip("/").rsplit("/", 1)[-1], champion.digest.removeprefix("sha256:")),
    )
    flaws = [f"its {what} is {said}, and the journal's is {true}" for what, said, true in pairs if said != true]
    return "; ".join([*flaws, *(_shares_flaws(route, shares) if shares is not None else ())])


def _shares_flaws(route: Route, shares: Mapping[str, Any]) -> list[str]:
    """Compare a route with the `route.set` that made it, and the renewals since."""
    recorded = Route.from_json(shares)
    return [] if route == recorded else [f"it is not the one that was set as revision {recorded.revision}"]
