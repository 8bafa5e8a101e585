"""A person at 3 a.m. gets two lines for an event; a program, or --full, gets all of it."""

from collections.abc import Mapping
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from headgate.base.digest import Json
from headgate.journal.chain import link
from headgate.journal.event import Event, NewEvent
from headgate.journal.tell import WIDTH, body_lines, brief


def event(reason: str, body: Mapping[str, Json]) -> Event:
    new = NewEvent("verdict.given", "person:ada", reason, body)
    return link(None, "model/late", 0, [new], datetime(2026, 3, 1, tzinfo=UTC))[0]


VERDICT: Mapping[str, Json] = {
    "version": "3",
    "digest": "sha256:" + "ab" * 32,
    "passed": False,
    "lines": [{"line": f"line {n}", "why": "x" * 300} for n in range(12)],
    "machine": {"cores": 2},
    "champion": None,
}


def test_a_verdict_is_one_line_of_what_decides() -> None:
    assert list(brief(event("", VERDICT))) == ["digest sha256:abababababab, passed no, version 3"]


def test_the_reason_comes_first_on_one_line() -> None:
    assert list(brief(event("it burns\n  and smokes", {}))) == ["it burns and smokes"]


@given(st.dictionaries(st.text("abcXYZ ", min_size=1), st.text() | st.integers() | st.lists(st.text())))
def test_no_body_makes_more_than_one_short_line(body: dict[str, Json]) -> None:
    body = {
        key: value.replace("\x00", "").encode(errors="ignore").decode() if isinstance(value, str) else ""
        for key, value in body.items()
    }
    lines = list(brief(event("", body)))
    assert len(lines) <= 1
    assert all(len(line) <= WIDTH and "\n" not in line for line in lines)


def test_all_of_it_is_there_in_full() -> None:
    text = "\n".join(body_lines(event("why", VERDICT)))
    assert text.startswith("why\n{")
    assert "x" * 300 in text
    assert "sha256:" + "ab" * 32 in text
