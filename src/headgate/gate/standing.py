"""What ballots add up to: whether enough people agreed, and why every one that was looked at counts or does not.

A ballot about a version is bound to the bundle's digest and to the scorecard's: when either differs it is void, and the
count says so. Whoever trained, triggered or asked for a version does not count for it. A person's later ballot replaces
the earlier one; a rejection blocks until the same person approves; approvals expire, rejections do not. A signed ballot
counts while its key is its person's key. A name that has a key never counts unsigned; a name without one counts only
while nobody has one, unless the policy says otherwise. Nothing here reads a clock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from headgate.gate.ballots import Ballot, Subject, flaw
from headgate.gate.people import People, plain_name
from headgate.policy.model import ApprovalPolicy, show_span


@dataclass(frozen=True, slots=True)
class Asked:
    """What people are asked about; `requesters` (plain names) do not count."""

    project: str
    model: str
    subject: Subject
    version: str | None
    digest: str | None
    scorecard: str
    requesters: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ballots add up to.

    Attributes:
        approved: Enough people approve and nobody blocks.
        authenticated: Enough of them by a trusted key; what is not, every screen says.
        why: A line per ballot that was looked at, then the sum.
        approvers: Whose approval counts.
        missing: How many approvals are still needed.
        blocked_by: Who rejects.
    """

    approved: bool
    authenticated: bool
    why: tuple[str, ...]
    approvers: tuple[str, ...]
    missing: int
    blocked_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Weighed:
    ballot: Ballot
    void: str
    authenticated: bool
    why: str

    @property
    def counts(self) -> bool:
        return not self.void


def counts_unsigned(rule: ApprovalPolicy, people: People) -> bool:
    """Return whether ballots without a trusted key count: as the policy says, else while nobody ever had such a key."""
    if rule.allow_unauthenticated is not None:
        return rule.allow_unauthenticated
    return not any(person.trusted for person in people.known.values())


def useless(ballot: Ballot, asked: Asked, people: People, rule: ApprovalPolicy, now: datetime) -> str:
    """Return why a ballot would not count, "" when it would: what somebody is told before it is recorded."""
    return flaw(ballot, people) or _weigh(ballot, asked, people, rule, now).void


def standing(asked: Asked, ballots: Sequence[Ballot], people: People, rule: ApprovalPolicy, now: datetime) -> Standing:
    """Return what the ballots say about the subject, with a why for every one that was looked at."""
    about = [ballot for ballot in ballots if _about(ballot, asked)]
    weighed = [_weigh(ballot, asked, people, rule, now) for ballot in _latest(about, people)]
    forged = [f"{b.person}: does not count: {why}" for b in about if (why := flaw(b, people))]
    blocking = [one for one in weighed if one.counts and one.ballot.choice == "reject"]
    approving = _one_per_key([one for one in weighed if one.counts and one.ballot.choice == "approve"])
    missing = max(0, rule.need - len(approving))
    return Standing(
        approved=not missing and not blocking,
        authenticated=sum(one.authenticated for one in approving) >= rule.need,
        why=(*(one.why for one in weighed), *forged, _sum(approving, rule.need, blocking)),
        approvers=tuple(one.ballot.person for one in approving),
        missing=missing,
        blocked_by=tuple(one.ballot.person for one in blocking),
    )


def scorecard_approved(
    project: str,
    model: str,
    scorecard: str,
    ballots: Sequence[Ballot],
    people: People,
    rule: ApprovalPolicy,
    now: datetime,
) -> Standing:
    """Return whether a person signed this very scorecard off; one signature is enough, and only an edit ends it.

    `scorecard` is `policy.scorecard.digest` of the scorecard as it stands in headgate.yaml.
    """
    asked = Asked(project, model, "scorecard", None, None, scorecard)
    once = rule.model_copy(update={"need": 1, "expires": timedelta.max})
    found = standing(asked, ballots, people, once, now)
    others = [ballot for ballot in ballots if ballot.subject == "scorecard" and ballot.scorecard != scorecard]
    if found.approved or found.blocked_by or not others:
        return found
    edited = f"signed off was {others[-1].scorecard[:19]} (by {others[-1].person}); it was edited since"
    return Standing(
        approved=False, authenticated=False, why=(*found.why, edited), approvers=(), missing=1, blocked_by=()
    )


def _about(ballot: Ballot, asked: Asked) -> bool:
    """A version's ballots are all looked at, so that void ones are explained; a scorecard's only under its digest."""
    if (ballot.model, ballot.subject) != (asked.model, asked.subject):
        return False
    return ballot.version == asked.version if asked.subject == "version" else ballot.scorecard == asked.scorecard


def _latest(ballots: Iterable[Ballot], people: People) -> tuple[Ballot, ...]:
    """Return the last genuine ballot of each person; a signature recorded twice is the first one only."""
    seen: set[str] = set()
    last: dict[str, Ballot] = {}
    for ballot in ballots:
        if ballot.nonce in seen or flaw(ballot, people):
            continue
        seen.add(ballot.nonce)
        name = plain_name(ballot.person)
        last.pop(name, None)
        last[name] = ballot
    return tuple(last.values())


def _weigh(ballot: Ballot, asked: Asked, people: People, rule: ApprovalPolicy, now: datetime) -> _Weighed:
    person = people.active(ballot.person)
    authenticated = ballot.signature is not None and person is not None and person.trusted
    unheard = "" if authenticated or counts_unsigned(rule, people) else _unheard(ballot, people)
    void = _void(ballot, asked, rule, now, unheard)
    verb = "approves" if ballot.choice == "approve" else "rejects"
    label = "" if authenticated else " (unauthenticated)"
    if void:
        return _Weighed(ballot, void, authenticated, f"{ballot.person} {verb}: void: {void}")
    note = ""
    if person is not None and plain_name(person.added_by) in asked.requesters:
        note = f"; note: {person.added_by}, who asked for this version, vouched for this key"
    return _Weighed(ballot, "", authenticated, f"{ballot.person} {verb}{label}: {ballot.because}{note}")


def _void(ballot: Ballot, asked: Asked, rule: ApprovalPolicy, now: datetime, unheard: str) -> str:
    """Return why a genuine ballot does not count here, "" when it does."""
    if ballot.project != asked.project:
        return f"it was signed for project {ballot.project}"
    if rule.of and plain_name(ballot.person) not in {plain_name(name) for name in rule.of}:
        return f"the policy counts only {', '.join(rule.of)}"
    if unheard:
        return unheard
    # A rejection blocks whatever was edited since, until the same person approves.
    return "" if ballot.choice == "reject" else _void_approval(ballot, asked, rule, now)


def _unheard(ballot: Ballot, people: People) -> str:
    """Return why a ballot without a trusted key is not heard where only those count."""
    if people.active(ballot.person) is not None:
        return f"nobody trusted vouched for {ballot.person}'s key, and only ballots of trusted keys count here"
    add = f"`headgate person add {ballot.person}`, then sign with --key"
    return f"{ballot.person} has no key, and only signed ballots count here: {add}"


def _void_approval(ballot: Ballot, asked: Asked, rule: ApprovalPolicy, now: datetime) -> str:
    if plain_name(ballot.person) in asked.requesters:
        return f"{ballot.person} trained or asked for this version; somebody else has to approve it"
    if ballot.digest != asked.digest:
        return f"it approved another artefact ({_short(ballot.digest)} then, {_short(asked.digest)} now)"
    if ballot.scorecard != asked.scorecard:
        then, now_ = _short(ballot.scorecard), _short(asked.scorecard)
        return f"the scorecard was edited after this approval ({then} then, {now_} now)"
    since = min(ballot.at, ballot.signed_at)
    if now - since > rule.expires:
        return f"it expired (given {since:%Y-%m-%d %H:%M}, good for {show_span(rule.expires)})"
    return ""


def _short(digest: str | None) -> str:
    return (digest or "none")[:19]


def _one_per_key(approving: Sequence[_Weighed]) -> list[_Weighed]:
    """Two names with one key are one person."""
    seen: dict[str, _Weighed] = {}
    for one in approving:
        seen.setdefault(one.ballot.key_id or plain_name(one.ballot.person), one)
    return list(seen.values())


def _sum(approving: Sequence[_Weighed], need: int, blocking: Sequence[_Weighed]) -> str:
    counted = f"{len(approving)} of {need} approvals"
    if blocking:
        return f"{counted}, and {', '.join(one.ballot.person for one in blocking)} blocks it"
    unsigned = sum(not one.authenticated for one in approving)
    return f"{counted}, {unsigned} of them unauthenticated" if unsigned else counted
