"""A controller as a process of its own, with what it sees in a file, for tests that stop and kill it.

    python -m headgate.testing.controlling FOLDER NAME [--kill before:3] [--stop RUNG]

FOLDER/evidence.json says the verdict on each rung (`{"5 %": "harm"}`), and is read at every look. The registry does not
answer. `--kill` ends the process like `kill -9` before or after its n-th append; `--stop` stops it once (SIGSTOP) while
it judges that rung, when it has read and has not written.
"""

import argparse
import json
import os
import signal
import sys
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

from headgate.journal.ports import EventStore
from headgate.loop.lease import Term
from headgate.loop.ports import Leases
from headgate.loop.releases import Controller
from headgate.release.evidence import Evidence, Reading, Verdict, weigh
from headgate.release.standing import Standing
from headgate.release.steps import Desk
from headgate.testing.registry import MemoryRegistry
from headgate.testing.release_supply import Faulty, Scripted
from headgate.wiring import Project

EVIDENCE = "evidence.json"
SPAN, EVERY = timedelta(seconds=2), 0.1


class Killing:
    """Leases of leaders who die at one of their appends; otherwise the leases that are given."""

    def __init__(self, leases: Leases, kill: str) -> None:
        self.leases = leases
        self._when, _, number = kill.partition(":")
        self._left = int(number or 0)

    def acquire(self, name: str, holder: str, span: timedelta) -> Term | None:
        """Begin a reign."""
        return self.leases.acquire(name, holder, span)

    def renew(self, term: Term, span: timedelta) -> Term:
        """Push on the lease."""
        return self.leases.renew(term, span)

    def resign(self, term: Term) -> None:
        """End a reign."""
        self.leases.resign(term)

    def read(self, name: str) -> Term | None:
        """Return the newest reign."""
        return self.leases.read(name)

    def under(self, term: Term) -> EventStore:
        """Return the journal of a leader who dies in time."""
        return Faulty(self.leases.under(term), self._die) if self._when else self.leases.under(term)

    def _die(self, _number: int, when: str) -> None:
        if when == self._when:
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Run passes until SIGTERM; print what each did, and what it could not do."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("name")
    parser.add_argument("--kill", default="")
    parser.add_argument("--stop", default="")
    said = parser.parse_args()
    stops, end = [said.stop] if said.stop else [], Event()
    signal.signal(signal.SIGTERM, lambda *_: end.set())

    def see(at: Standing, _now: datetime) -> Evidence:
        known = json.loads((said.folder / EVIDENCE).read_text())
        if at.at.name in stops:
            stops.remove(at.at.name)
            os.kill(os.getpid(), signal.SIGSTOP)
            known[at.at.name] = "sound"
        verdict = Verdict(known.get(at.at.name, "unsure"))
        return weigh([Reading("errors", required=True, verdict=verdict, why="as the test says")], at.since, 5000)

    project = Project.open(said.folder)
    registry = MemoryRegistry(project.state / "no-registry")
    registry.reachable = False
    desk = Desk(project.journal(), registry, project.clock, project.policy, project.bundles())
    controller = Controller(desk, Killing(project.leases(), said.kill), Scripted(see), said.name, span=SPAN)
    while not end.wait(EVERY):
        for part in controller.run_pass():
            sys.stdout.write(f"{part.trouble or part.what}\n")
            sys.stdout.flush()
    controller.resign()


if __name__ == "__main__":
    main()
