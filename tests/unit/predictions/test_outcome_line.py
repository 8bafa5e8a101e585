"""An outcome is checked, written as a line, and read again; a torn or changed line is no outcome."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.errors import BadInput
from headgate.predictions.outcome import Outcome, Said, check, from_line, from_lines, micros, to_line

ID = "01890000-0000-7000-8000-0000000000aa"
WORD = st.text(min_size=1, max_size=20)
OUTCOMES = st.builds(
    Outcome,
    id=st.sampled_from([ID, ""]),
    row=st.integers(0, 5),
    model=WORD,
    unit=WORD,
    time=st.none() | st.integers(0, 2**50),
    value=WORD,
    number=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    true_at=st.none() | st.integers(0, 2**50),
    received=st.integers(0, 2**50),
    source=WORD,
)


def say(**parts: Any) -> Outcome:
    return check(msgspec.convert(parts, Said), 5, "http")


def test_an_outcome_names_its_prediction_by_id() -> None:
    outcome = say(id=ID.upper(), value=True, true_at="2026-03-01T10:00:00+01:00")
    assert (outcome.id, outcome.row, outcome.value, outcome.number) == (ID, 0, "true", 1.0)
    assert outcome.true_at == micros(datetime(2026, 3, 1, 9, tzinfo=UTC))
    assert (outcome.received, outcome.source, outcome.time) == (5, "http", None)


def test_or_by_model_unit_and_time() -> None:
    outcome = say(model="m", unit="ada", time="2026-03-01T10:00:00Z", value="late")
    assert (outcome.id, outcome.model, outcome.unit, outcome.value, outcome.number) == ("", "m", "ada", "late", None)


@pytest.mark.parametrize(
    ("parts", "what"),
    [
        ({"value": 1}, "names its prediction: give its id, or model, unit and time"),
        ({"value": 1, "model": "m", "unit": "u"}, "names its prediction"),
        ({"value": 1, "id": ID, "unit": "u"}, "not by both"),
        ({"value": 1, "id": "7"}, "id '7' is no prediction id"),
        ({"id": ID}, "missing required field `value`"),
        ({"id": ID, "value": None}, "got `null` - at `$.value`"),
        ({"id": ID, "value": ""}, "length >= 1 - at `$.value`"),
        ({"id": ID, "value": 1, "valu": 2}, "unknown field `valu`"),
        ({"id": ID, "value": 1, "row": -1}, ">= 0 - at `$.row`"),
        ({"id": ID, "value": 1, "true_at": "2026-03-01T10:00:00"}, "timezone component - at `$.true_at`"),
        ({"id": ID, "value": 1, "true_at": "yesterday"}, "Invalid RFC3339"),
        ({"id": ID, "value": 2**70}, "<= 9223372036854775807"),
    ],
)
def test_what_is_no_outcome_says_why(parts: dict[str, Any], what: str) -> None:
    with pytest.raises((BadInput, msgspec.ValidationError)) as caught:
        msgspec_or_check(parts)
    assert what in str(caught.value)


def msgspec_or_check(parts: dict[str, Any]) -> None:
    check(msgspec.json.decode(msgspec.json.encode(parts), type=Said), 0, "http")


@given(st.lists(OUTCOMES, max_size=5), st.binary(max_size=30))
def test_lines_read_as_they_were_and_a_torn_end_is_passed_over(outcomes: list[Outcome], torn: bytes) -> None:
    data = b"".join(map(to_line, outcomes))
    assert list(from_lines(data + torn.replace(b"\n", b""))) == outcomes


@given(OUTCOMES, st.data())
def test_a_changed_line_is_no_outcome(outcome: Outcome, data: st.DataObject) -> None:
    line = bytearray(to_line(outcome))
    at = data.draw(st.integers(0, len(line) - 2))
    line[at] ^= data.draw(st.integers(1, 255))
    assert from_line(bytes(line)) is None
    assert from_line(to_line(outcome)[:-1]) is None
