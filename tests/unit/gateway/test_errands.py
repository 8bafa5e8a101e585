"""Errands of one key follow each other, those of others go beside them, and none that fails ends what comes after."""

import logging
from threading import Event

import pytest

from headgate.gateway.errands import Errands, Rounds

LONGEST = 30.0


def test_errands_of_several_keys_go_side_by_side_and_those_of_one_key_in_turn() -> None:
    errands = Errands(2, "load")
    held, began, done, other = Event(), Event(), Event(), Event()
    order: list[str] = []

    def slow() -> None:
        began.set()
        held.wait(LONGEST)
        order.append("slow")

    def following() -> None:
        order.append("next")
        done.set()

    errands("a", slow)
    assert began.wait(LONGEST)
    errands("a", lambda: order.append("was replaced"))
    errands("a", following)
    errands("b", other.set)
    assert other.wait(LONGEST), "b must not wait for a"
    assert not order
    held.set()
    assert done.wait(LONGEST)
    assert order == ["slow", "next"]


def test_an_errand_that_fails_ends_no_other(caplog: pytest.LogCaptureFixture) -> None:
    errands = Errands(1, "load")
    done = Event()
    errands("a", lambda: 1 / 0)  # type: ignore[arg-type]
    errands("b", done.set)
    assert done.wait(LONGEST)
    assert "load a failed" in caplog.text


def test_a_look_that_fails_is_said_once_and_the_next_one_comes(caplog: pytest.LogCaptureFixture) -> None:
    looks: list[int] = []

    def look() -> None:
        looks.append(1)
        if len(looks) == 4:
            rounds.stop()
        raise MemoryError

    rounds = Rounds("routes", look, 0.0)
    with caplog.at_level(logging.ERROR):
        rounds.run()
    assert len(looks) == 4
    assert len(caplog.records) == 1
