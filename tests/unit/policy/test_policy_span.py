"""Spans and moments read back what they write."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.policy.span import parse_moment, parse_span, show_span

MILLISECOND = timedelta(milliseconds=1)


@given(st.integers(1, 10**12))
def test_a_span_reads_back_what_it_shows(milliseconds: int) -> None:
    span = milliseconds * MILLISECOND
    assert parse_span(show_span(span)) == span


@pytest.mark.parametrize(("text", "shown"), [("336h", "14d"), ("90s", "90s"), ("0.5d", "12h"), ("1500ms", "1500ms")])
def test_a_span_is_shown_in_the_largest_whole_unit(text: str, shown: str) -> None:
    span = parse_span(text)
    assert isinstance(span, timedelta)
    assert show_span(span) == shown


@pytest.mark.parametrize("text", ["", "5", "d", "-1d", "0s", "0.5ms", "1w", "999999999d", "1 d", 5, None, True])
def test_anything_else_is_no_span(text: object) -> None:
    with pytest.raises(ValueError, match="span"):
        parse_span(text)


def test_a_moment_has_a_zone() -> None:
    assert parse_moment("2024-03-01T00:00:00Z") == datetime(2024, 3, 1, tzinfo=UTC)
    assert parse_moment("2024-03-01T00:00:00-05:00") == datetime(2024, 3, 1, 5, tzinfo=UTC)
    with pytest.raises(ValueError, match="no zone; write 2024-03-01T00:00:00Z"):
        parse_moment("2024-03-01")
    with pytest.raises(ValueError, match="ISO 8601"):
        parse_moment("yesterday")
