"""Who looks at the releases for everybody who asks: what was read is kept, and one request reads on at a time."""

from threading import Lock
from typing import Annotated

from fastapi import Depends, Request

from headgate.api.faults import Absent
from headgate.base.errors import Unavailable
from headgate.release.sheet import Sheet
from headgate.release.sheet_steps import Watcher
from headgate.wiring import Project

PATIENCE = 30.0  # seconds; who looks first at a long release reads all of its rung


class Lookout:
    """Looks at the releases, from where it was the last time; one request at a time.

    Args:
        project: Whose.
    """

    def __init__(self, project: Project) -> None:
        self._project, self._lock = project, Lock()
        self._watcher = Watcher(project.journal(), project.judge(), project.policy.models)

    def sheets(self) -> tuple[Sheet, ...]:
        """Return how every release stands.

        Raises:
            Unavailable: Others look for too long.
        """
        if not self._lock.acquire(timeout=PATIENCE):
            raise Unavailable("others are looking at the releases", where="releases", way_out="ask again in a moment")
        try:
            return self._watcher.sheets(self._project.clock.now())
        finally:
            self._lock.release()

    def sheet(self, release: str) -> Sheet:
        """Return how one release stands, or raise Absent."""
        every = self.sheets()
        for one in every:
            if one.at.release == release:
                return one
        raise absent(release, [one.at.release for one in every])


def lookout_of(request: Request) -> Lookout:
    """Return who looks at the releases."""
    found: Lookout = request.app.state.lookout
    return found


Look = Annotated[Lookout, Depends(lookout_of)]


def absent(release: str, known: list[str]) -> Absent:
    """Return the error of a release that does not exist."""
    named = ", ".join(known[-5:]) or "none yet"
    return Absent(f"there is no release {release!r}", where="path", way_out=f"releases: {named}")
