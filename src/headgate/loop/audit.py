"""Whether the past holds: what the chain says, what a replay says, and what serves compared with what should.

Nothing here reads the journal, the registry or a clock: they are handed in.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headgate.gate.ballots import CAST
from headgate.journal.chain import Break
from headgate.journal.event import Event
from headgate.journal.head import BACK, RESTORE
from headgate.journal.ports import Document
from headgate.loop.keys import check_keys
from headgate.loop.replay import Finding, replay
from headgate.loop.state import ProjectState
from headgate.registry.version import Version, counts_anew
from headgate.release.ledger import MOVED
from headgate.release.restore import route_flaw

TICK = "`headgate tick` settles it"


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
    aliases: Mapping[str, Version | None] | str,
    beyond: Sequence[Event] = (),
    bundles: Mapping[str, str] | None = None,
    keys: Sequence[Document] = (),
) -> AuditReport:
    """Return everything that does not hold.

    Args:
        events: All that can be trusted, in order.
        broken: What the chain and the signed head say (`from_break`).
        routes: The route documents that the gateway reads; or why they are not compared.
        aliases: What the registry's champion alias names, by model; or why the registry could not be asked.
        beyond: Events from the first break on; counted only.
        bundles: What is wrong with the local copy of a champion's bundle, by model.
        keys: The documents of API keys that the gateway reads; not compared where routes are not.
    """
    replayed = replay(events)
    findings, notes = [*broken, *replayed.findings], list(replayed.notes)
    if isinstance(routes, str):
        notes.append(f"routes were not compared: {routes}")
    else:
        findings += check_routes(replayed.state, routes) + check_keys(events, keys)
    if isinstance(aliases, str):
        notes.append(f"aliases were not compared: {aliases}")
    else:
        findings += check_aliases(replayed.state, aliases)
    findings += [Finding(None, f"bundle {name}", f"{what}; {TICK}") for name, what in (bundles or {}).items()]
    kinds = Counter(event.kind for event in (*events, *beyond))
    return AuditReport(kinds.total(), kinds[MOVED], kinds[CAST], tuple(findings), tuple(notes))


def from_break(broken: Break) -> Finding:
    """Return what the chain says as a finding."""
    way_out = RESTORE if broken.fault == "truncated" else BACK
    return Finding(broken.position, "chain", f"{broken.fault}: {broken.why}; {way_out}")


def check_routes(state: ProjectState, routes: Sequence[Document]) -> list[Finding]:
    """Compare what the gateway reads with what the journal says."""
    stored, findings = {document.key: document for document in routes}, list[Finding]()
    for name in sorted({*stored, *state.models}):
        ledger = state.model(name).ledger
        what = route_flaw(ledger, stored.get(name))
        if what:
            findings.append(Finding(None, f"route {name}", f"{what}; {TICK}" if ledger.champion else what))
    return findings


def check_aliases(state: ProjectState, found: Mapping[str, Version | None]) -> list[Finding]:
    """Compare the registry's champion aliases with the pointers."""
    findings = []
    for name, names in sorted(found.items()):
        champion = state.model(name).ledger.champion
        if champion is None or (
            names is not None and (names.number, names.digest) == (champion.version, champion.digest)
        ):
            continue
        what = f"it names {names.number if names else 'nothing'} and the pointer is at {champion.version}; {TICK}"
        if names is not None and names.number == champion.version:
            anew = counts_anew(name, champion.version, champion.digest, names.digest)
            what = f"{anew.what}; {anew.way_out}"
        findings.append(Finding(None, f"alias champion of {name}", what))
    return findings
