"""What chat is told of releases: events as Slack messages, each with the numbers that it stands on. Pure.

A message is made from its event, and from what the release recorded before it (its plan, its last evidence). Rows,
inputs and units of users are never told.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from headgate.base.digest import Json, canonical
from headgate.journal.event import Event
from headgate.journal.outbox import Form
from headgate.journal.ports import Delivery
from headgate.journal.tell import brief
from headgate.release import events
from headgate.release.evidence import Evidence
from headgate.release.ledger import MOVED, RENEWED
from headgate.release.move import Act
from headgate.release.plan import Plan
from headgate.release.words import table

LONGEST, TITLE = 2800, 140  # characters; Slack takes 3,000 of a section and 150 of a header
NEAR = 200  # positions: evidence is recorded with the move that stands on it
SILENT = frozenset({events.INTENDED, events.EVIDENCE, events.REPORTED, RENEWED})
GIVEN = "verdict.given"


def slack(delivery: Delivery, before: Sequence[Event]) -> bytes | None:
    """Return the body of a message as Slack's incoming webhooks take it; None: the event is no message.

    Args:
        delivery: What is told.
        before: Earlier `release.started` and `release.evidence` of the same model.
    """
    event = delivery.event
    body: Any = event.body
    if event.kind in SILENT or body.get("act") == Act.RESHARE.value:
        return None
    own = [one for one in before if one.body.get("release") == body.get("release")]
    title, lines = said(event, _plan_of(event, own))
    seen = _seen(event, own)
    found = [_header(title), *(_section(_line(line)) for line in lines if line.strip())]
    if seen is not None and seen.readings:
        found.append(_section(f"```{_table(seen)}```"))
    named = f"{event.stream}, event {event.position}, {event.at:%Y-%m-%d %H:%M:%S} UTC, delivery {delivery.id}"
    found.append({"type": "context", "elements": [{"type": "mrkdwn", "text": _escaped(named)}]})
    return canonical({"text": _cut(_escaped(title), LONGEST), "blocks": found})


SLACK = Form(slack, {events.STARTED: 0, events.EVIDENCE: NEAR})


def said(event: Event, plan: Plan | None) -> tuple[str, list[str]]:
    """Return what an event says to people: a title, and further lines."""
    body: Any = event.body
    if event.kind in TITLES:
        return TITLES[event.kind](event, plan)
    if event.kind == GIVEN:
        return _verdict(event)
    if event.kind == MOVED:
        title = f"{event.stream.removeprefix('model/')}: version {body['to']} is champion ({body.get('cause', '')})"
        return title, [f"by {event.actor}: {event.reason}"]
    return f"{event.stream.removeprefix('model/')}: {event.kind}", [f"by {event.actor}", *brief(event)]


def _started(event: Event, plan: Plan | None) -> tuple[str, list[str]]:
    body: Any = event.body
    title = f"{body['release']}: release of version {body['version']} against champion {body['from']} starts"
    rungs = "" if plan is None else " > ".join(rung.name for rung in plan.rungs)
    return title, [f"by {event.actor}: {event.reason}", rungs]


def _moved(event: Event, plan: Plan | None) -> tuple[str, list[str]]:
    body: Any = event.body
    release, why = body["release"], event.reason
    if body.get("outcome", "done") != "done":
        return f"{release}: a move was refused; a person is asked", [why, _ways(release)]
    match Act(body["act"]):
        case Act.PROMOTE:
            what = f"{body.get('arm') or 'the challenger'} is champion, and is watched"
        case Act.DROP:
            what = f"harm: {', '.join(body['drop'])} taken out"
        case _:
            what = f"enters {_rung(plan, int(body['rung']))}"
    return f"{release}: {what}", [why]


def _asked(event: Event, _plan: Plan | None) -> tuple[str, list[str]]:
    body: Any = event.body
    until = f"Without an answer until {body['until'][:16].replace('T', ' ')} UTC it rolls back."
    return f"{body['release']}: asks a person", [event.reason, until, _ways(body["release"])]


def _over(event: Event, _plan: Plan | None) -> tuple[str, list[str]]:
    body: Any = event.body
    what = "rolled back; the champion of before has everything"
    if event.kind == events.FINISHED or body.get("end") == "finished":
        what = "done"
    elif body.get("end") and body["end"] != "rolled_back":
        what = f"{body['end']}; the champion of before has everything"
    return f"{body['release']}: {what}", [event.reason]


def _by_person(what: str) -> Callable[[Event, Plan | None], tuple[str, list[str]]]:
    def tell(event: Event, _plan: Plan | None) -> tuple[str, list[str]]:
        return f"{event.body['release']}: {what}", [f"by {event.actor}: {event.reason}"]

    return tell


def _verdict(event: Event) -> tuple[str, list[str]]:
    body: Any = event.body
    version, model = body["version"], body["model"]
    failed = [line["line"] for line in body["lines"] if not line["passed"]]
    if not body["passed"]:
        return f"{model}: version {version} did not pass the gate", [f"not met: {', '.join(failed) or 'no line'}"]
    how = f"`headgate approve {version} --model {model} --because ...`"
    return f"{model}: version {version} passed the gate; approval needed", [event.reason, how]


TITLES: Mapping[str, Callable[[Event, Plan | None], tuple[str, list[str]]]] = {
    events.STARTED: _started,
    events.CLIMBED: _moved,
    events.ASKED: _asked,
    events.FINISHED: _over,
    events.ROLLED_BACK: _over,
    events.PAUSED: _by_person("paused"),
    events.RESUMED: _by_person("goes on"),
    events.ABORTED: _by_person("is to end"),
    events.SUPERSEDED: _by_person("gives way to a later release"),
}


def _ways(release: str) -> str:
    """Return what a person can do."""
    return f"`headgate release show {release}`, then `release resume`, `release abort` or `promote --now`"


def _plan_of(event: Event, own: Sequence[Event]) -> Plan | None:
    started: list[Any] = [one.body for one in (event, *own) if one.kind == events.STARTED]
    return Plan.from_json(started[-1]["plan"]) if started else None


def _seen(event: Event, own: Sequence[Event]) -> Evidence | None:
    """Return what a move, a question or an end stands on."""
    if event.kind not in {events.CLIMBED, events.ASKED, events.FINISHED, events.ROLLED_BACK}:
        return None
    found: list[Any] = [one.body for one in own if one.kind == events.EVIDENCE]
    return Evidence.from_json(found[-1]["evidence"]) if found else None


def _rung(plan: Plan | None, position: int) -> str:
    return plan.rungs[position].name if plan and position < len(plan.rungs) else f"rung {position + 1}"


def _header(title: str) -> dict[str, Json]:
    return {"type": "header", "text": {"type": "plain_text", "text": _cut(title, TITLE)}}


def _section(markup: str) -> dict[str, Json]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": markup}}


def _table(seen: Evidence) -> str:
    most = LONGEST
    while len(text := _escaped(table(seen.readings, most))) > LONGEST:
        most -= len(text) - LONGEST
    return text


def _line(text: str) -> str:
    return _cut(_escaped(" ".join(text.split())), LONGEST)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _escaped(text: str) -> str:
    """Return text that is no markup, mention or link (docs.slack.dev: escape &, < and >)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
