"""What the control API needs of a project, and what every request is asked first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from headgate.api.caller import Caller, admit, check_origin
from headgate.api.faults import Absent
from headgate.api.once import Answers
from headgate.gateway.guard.follow import read_key
from headgate.gateway.guard.keys import COLLECTION, KeyTable
from headgate.gateway.guard.roles import APPROVE, OPERATE, READ
from headgate.release.release_steps import read_releases
from headgate.release.standing import Standing
from headgate.release.steps import Desk, read_ledger
from headgate.wiring import Project

BEARER = HTTPBearer(auto_error=False, description="An API key: `headgate key create --role ...`.")


@dataclass(frozen=True, slots=True)
class Counter:
    """Where requests come in.

    Attributes:
        project: The project.
        answers: What was answered under idempotency keys.
        needed: Whether a request without an API key is refused.
        login: Who asks where none is needed.
        hosts: Names that a request may ask for; empty: any.
        running: Returns what runs of the project on this machine.
    """

    project: Project
    answers: Answers
    needed: bool
    login: str
    hosts: tuple[str, ...]
    running: Callable[[], Mapping[str, Any]]

    @property
    def desk(self) -> Desk:
        """What moves pointers and routes."""
        project = self.project
        return Desk(project.journal(), project.registry(), project.clock, project.policy, project.bundles())

    def model(self, name: str) -> str:
        """Return the name of a model that exists."""
        if name not in self.project.policy.models:
            known = ", ".join(self.project.policy.models)
            raise Absent(f"the project has no model {name!r}", where="path", way_out=f"its models: {known}")
        return name

    def version(self, model: str, number: str) -> str:
        """Return the number of a version that exists."""
        ledger, _ = read_ledger(self.project.journal(), self.model(model))
        if number not in ledger.versions:
            known = ", ".join(ledger.versions) or "none yet"
            raise Absent(f"there is no version {number!r}", where=f"model {model}", way_out=f"versions: {known}")
        return number

    def releases(self, model: str) -> tuple[Standing, ...]:
        """Return every release of a model, in the order in which they started."""
        return read_releases(self.project.journal(), model).all

    def keys(self) -> KeyTable:
        """Return the API keys of the moment."""
        found = map(read_key, self.project.journal().documents(COLLECTION))
        return KeyTable.of([key for key in found if key is not None], needed=self.needed)


def counter_of(request: Request) -> Counter:
    """Return where the request came in."""
    counter: Counter = request.app.state.counter
    return counter


At = Annotated[Counter, Depends(counter_of)]


class Asked:
    """Lets in who carries a scope."""

    def __init__(self, scope: str) -> None:
        self._scope = scope

    def __call__(self, request: Request, at: At) -> Caller:
        """Return who asks; raises Refusal."""
        headers = {name.lower(): value for name, value in request.headers.raw}
        check_origin(request.headers.get("host", ""), at.hosts)
        return admit(at.keys(), headers, self._scope, at.project.clock.now(), at.login)


Viewer = Annotated[Caller, Depends(Asked(READ))]
Operator = Annotated[Caller, Depends(Asked(OPERATE))]
Approver = Annotated[Caller, Depends(Asked(APPROVE))]
