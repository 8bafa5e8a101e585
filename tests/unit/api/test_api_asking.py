"""Who may ask what, what an error is over HTTP, and that a request is done once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headgate.api.caller import LOCAL, Caller, admit, check_origin, need
from headgate.api.faults import Absent, problem_of, status_of, unreadable
from headgate.api.once import Kept, asked_of, once
from headgate.base.errors import BadInput, BadPolicy, Conflict, HeadgateError, Refused, Tampered, Unavailable
from headgate.gateway.guard.keys import Key, KeyTable, fingerprint, spell
from headgate.gateway.guard.roles import ROLES, role_of, scopes_of
from headgate.gateway.refusal import Refusal

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SHOWN = spell(b"\x01" * 6, b"\x02" * 32)


def table(*scopes: str, needed: bool = True, expires: datetime | None = None) -> KeyTable:
    key = Key(SHOWN[0], "Person:Ada", "00", fingerprint("00", SHOWN[1]), scopes, NOW, expires)
    return KeyTable.of([key], needed=needed)


def ask(keys: KeyTable, scope: str, shown: str = SHOWN[1], **headers: str) -> Caller:
    sent = {b"authorization": f"Bearer {shown}".encode()} if shown else {}
    sent |= {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return admit(keys, sent, scope, NOW, "Root")


def test_the_caller_is_the_person_of_the_key_in_the_one_form_that_is_compared() -> None:
    caller = ask(table("read"), "read", headgate_actor="grace")
    assert (caller.name, caller.actor, caller.key) == ("ada", "person:ada", SHOWN[0])


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_its_scopes_and_admin_is_all(role: str) -> None:
    scopes = scopes_of(role)
    for scope in ("read", "operate", "approve", "admin"):
        allowed = scope in scopes or role == "admin"
        if allowed:
            assert ask(table(*scopes), scope).may(scope)
        else:
            with pytest.raises(Refusal, match="scope") as refused:
                ask(table(*scopes), scope)
            assert refused.value.status == 403


def test_the_role_of_scopes_is_the_widest_and_a_client_has_none() -> None:
    assert {role: role_of(scopes) for role, scopes in ROLES.items()} == {role: role for role in ROLES}
    assert role_of(("predict:*", "outcomes")) == ""
    assert role_of(("read", "operate", "approve")) == "operator and approver"
    with pytest.raises(BadInput, match="no role 'boss'") as unknown:
        scopes_of("boss")
    assert "viewer, operator, approver, admin" in unknown.value.way_out


@pytest.mark.parametrize(
    ("shown", "expires", "code"),
    [
        ("", None, "key_missing"),
        (SHOWN[1][:-1], None, "key_unknown"),
        ("hg_ff_00", None, "key_unknown"),
        (SHOWN[1], NOW - timedelta(seconds=1), "key_expired"),
    ],
)
def test_nobody_comes_in_without_a_key_that_holds(shown: str, expires: datetime | None, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        ask(table("admin", expires=expires), "read", shown)
    assert (refused.value.status, refused.value.code) == (401, code)


def test_without_a_key_that_is_needed_the_caller_is_whom_they_say_else_the_login() -> None:
    assert ask(table(needed=False), "admin", "").actor == "person:root"
    assert ask(table(needed=False), "admin", "", headgate_actor="Grace").actor == "person:grace"
    with pytest.raises(BadInput, match="not a person's name"):
        ask(table(needed=False), "read", "", headgate_actor="process:tick")


def test_what_depends_on_the_body_can_be_asked_for_afterwards() -> None:
    need(Caller("ada", "1", ("admin",)), "operate", "it")
    with pytest.raises(Refusal, match="an override needs the scope admin"):
        need(Caller("ada", "1", ("operate",)), "admin", "an override")


@pytest.mark.parametrize("host", ["localhost:8081", "127.0.0.1:8081", "[::1]:8081", "LOCALHOST", "[::1]"])
def test_this_machine_s_names_are_answered_to(host: str) -> None:
    check_origin(host, LOCAL)


@pytest.mark.parametrize("host", ["evil.example:8081", "127.0.0.1.evil.example", ""])
def test_other_names_are_not_unless_the_api_is_open(host: str) -> None:
    check_origin(host, ())
    with pytest.raises(Refusal, match="answers to localhost"):
        check_origin(host, LOCAL)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Refused("no"), 409, "refused"),
        (BadInput("no"), 422, "bad_input"),
        (BadPolicy("no"), 422, "bad_input"),
        (Absent("no"), 404, "not_found"),
        (Unavailable("no"), 503, "unavailable"),
        (Conflict("no"), 409, "conflict"),
        (Tampered("no"), 500, "tampered"),
        (Refusal(401, "key_missing", "no"), 401, "key_missing"),
        (HeadgateError("no"), 500, "error"),
    ],
)
def test_every_error_has_a_status_and_one_form(error: HeadgateError, status: int, code: str) -> None:
    error.where, error.way_out = "here", "there"
    assert status_of(error) == status
    assert problem_of(error) == {"code": code, "what": "no", "where": "here", "way_out": "there"}


@pytest.mark.parametrize(
    "code", ["key_missing", "key_unknown", "key_expired", "key_scope", "host_unknown", "in_progress"]
)
def test_a_refusal_says_where_and_the_way_out_too(code: str) -> None:
    told = problem_of(Refusal(403, code, "no"))
    assert told["where"].startswith("the header ")
    assert told["way_out"]


def test_what_cannot_be_read_is_named_by_its_place() -> None:
    errors: Any = [
        {"loc": ("body", "shares", "a"), "msg": "must be at most 1"},
        {"loc": ("query", "limit"), "msg": "x"},
    ]
    assert unreadable(errors)["what"] == "body.shares.a: must be at most 1; query.limit: x"


class Memory:
    """Answers in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}

    def begin(self, key: str, asked: str, now: float) -> Kept | None:
        del now
        if key in self.kept:
            return self.kept[key]
        self.kept[key] = (asked, None, {})
        return None

    def keep(self, key: str, status: int, body: dict[str, Any]) -> None:
        self.kept[key] = (self.kept[key][0], status, body)

    def drop(self, key: str) -> None:
        self.kept.pop(key)


def test_the_second_time_the_first_answer_is_given_and_nothing_is_done() -> None:
    answers, done = Memory(), list[int]()

    def call() -> dict[str, Any]:
        done.append(1)
        return {"n": len(done)}

    assert once(answers, "k", "a", 0, call) == ((200, {"n": 1}), False)
    assert once(answers, "k", "a", 0, call) == ((200, {"n": 1}), True)
    assert once(answers, "other", "a", 0, call) == ((200, {"n": 2}), False)
    with pytest.raises(Refusal, match="another request") as reused:
        once(answers, "k", "b", 0, call)
    assert reused.value.status == 422


def test_a_refusal_is_an_answer_and_what_could_not_be_done_may_be_asked_again() -> None:
    answers, errors = Memory(), [Refused("no"), Unavailable("away"), RuntimeError("a bug")]

    def call() -> dict[str, Any]:
        raise errors[0]

    assert once(answers, "k", "a", 0, call)[0][0] == 409
    errors.pop(0)
    assert once(answers, "k", "a", 0, call)[0][0] == 409
    assert once(answers, "j", "a", 0, call)[0][0] == 503
    errors.pop(0)
    with pytest.raises(RuntimeError, match="a bug"):
        once(answers, "j", "a", 0, call)
    assert "j" not in answers.kept


def test_while_the_first_is_under_way_the_second_is_told_so() -> None:
    answers = Memory()
    answers.begin("k", "a", 0)
    with pytest.raises(Refusal, match="under way") as busy:
        once(answers, "k", "a", 0, dict)
    assert busy.value.status == 409


def test_a_request_is_known_again_by_all_of_it() -> None:
    assert asked_of("POST", "/a", {"x": 1, "y": 2}) == asked_of("POST", "/a", {"y": 2, "x": 1})
    assert len({asked_of("POST", "/a", {}), asked_of("POST", "/b", {}), asked_of("POST", "/a", {"x": 1})}) == 3
