"""The events of a release, as they are recorded: docs/reference/events.md says when.

An intent is recorded before its move is made, with the evidence it stands on; its outcome after, under the same key.
"""

from datetime import datetime

from headgate.base.digest import Json
from headgate.journal.event import NewEvent
from headgate.release.evidence import Evidence
from headgate.release.move import Intent
from headgate.release.plan import Plan

STARTED, INTENDED, CLIMBED = "release.started", "release.intended", "release.moved"
ASKED, PAUSED, RESUMED = "release.asked", "release.paused", "release.resumed"
ABORTED, SUPERSEDED = "release.aborted", "release.superseded"
FINISHED, ROLLED_BACK = "release.finished", "release.rolled_back"
EVIDENCE, REPORTED = "release.evidence", "release.reported"
ABOUT_ONE = frozenset(
    {
        *(INTENDED, CLIMBED, ASKED, PAUSED, RESUMED, ABORTED, SUPERSEDED),
        *(FINISHED, ROLLED_BACK, EVIDENCE, REPORTED),
    }
)


def started(release: str, plan: Plan, actor: str, because: str) -> NewEvent:
    """A release begins to exist; it waits for its turn."""
    side = plan.challengers[plan.only]
    body: dict[str, Json] = {
        "release": release,
        "plan": plan.to_json(),
        "version": side.version,
        "digest": side.digest,
        "from": plan.champion.version,
    }
    return NewEvent(STARTED, actor, because, body)


def intended(intent: Intent, seen: Evidence, actor: str) -> tuple[NewEvent, NewEvent]:
    """A move is about to be made, on this evidence."""
    return evidence(intent.release, seen, actor, intent.move.rung), NewEvent(
        INTENDED, actor, intent.move.why, intent.to_json()
    )


def moved(intent: Intent, actor: str) -> NewEvent:
    """A move within a release was made."""
    return NewEvent(CLIMBED, actor, intent.move.why, {**intent.to_json(), "outcome": "done"})


def failed(intent: Intent, actor: str, why: str) -> NewEvent:
    """A move could not be made, and will not be tried again unless a person says so."""
    return NewEvent(CLIMBED, actor, why, {**intent.to_json(), "outcome": "failed"})


def finished(intent: Intent, actor: str) -> NewEvent:
    """A release is over, and whoever is champion stays."""
    return NewEvent(FINISHED, actor, intent.move.why, intent.to_json())


def rolled_back(intent: Intent, actor: str) -> NewEvent:
    """The champion of before has everything again."""
    return NewEvent(ROLLED_BACK, actor, intent.move.why, intent.to_json())


def asked(release: str, seen: Evidence, until: datetime, actor: str, why: str) -> tuple[NewEvent, NewEvent]:
    """A person is asked: go on waiting (`resume`), `promote --now`, or `abort`."""
    body: dict[str, Json] = {"release": release, "until": until.isoformat()}
    return evidence(release, seen, actor, None), NewEvent(ASKED, actor, why, body)


def paused(release: str, actor: str, because: str) -> NewEvent:
    """A person holds a release where it is."""
    return NewEvent(PAUSED, actor, because, {"release": release})


def resumed(release: str, actor: str, because: str) -> NewEvent:
    """A person lets a release go on; its patience begins anew."""
    return NewEvent(RESUMED, actor, because, {"release": release})


def aborted(release: str, actor: str, because: str) -> NewEvent:
    """A person wants a release ended; `release.rolled_back` says when it is."""
    return NewEvent(ABORTED, actor, because, {"release": release})


def superseded(release: str, by: str, actor: str, why: str) -> NewEvent:
    """A later release of the model takes this one's place."""
    return NewEvent(SUPERSEDED, actor, why, {"release": release, "by": by})


def evidence(release: str, seen: Evidence, actor: str, rung: int | None) -> NewEvent:
    """What was measured, as it stood."""
    body: dict[str, Json] = {"release": release, "rung": rung, "evidence": seen.to_json()}
    return NewEvent(EVIDENCE, actor, seen.why, body)


def reported(release: str, folder: str, actor: str) -> NewEvent:
    """The release's report is stored with the version."""
    return NewEvent(REPORTED, actor, "the release ended", {"release": release, "folder": folder})
