"""Rows are final once a request without an answer is an error, and each model says when that is."""

from headgate.gateway.metrics import catalogue as of
from headgate.gateway.metrics.board import GRACE_SECONDS, Board
from headgate.gateway.metrics.meter import Meter
from headgate.gateway.metrics.report import Report
from headgate.predictions.rollup import FINAL_SECONDS, Row
from headgate.predictions.spent import Spent

QUICK = 4.0
FINAL = {"quick": QUICK}


def told(*models: str, second: float = 100.0) -> Report:
    meter = Meter(0.0)
    for model in models:
        meter.tally(model, "1", "champion").done(second, 0.01, 1, failed=False, units=None)
    return meter.take(second + 1, dict)


def models(rows: list[Row]) -> list[str]:
    return [row.key.model for row in rows]


def test_a_second_is_final_when_its_model_says() -> None:
    board = Board(FINAL)
    board.add(1, told("quick", "other"))
    assert models(board.finish(101 + QUICK + GRACE_SECONDS - 0.1)) == []
    assert models(board.finish(101 + QUICK + GRACE_SECONDS)) == ["quick"]
    assert models(board.finish(101 + FINAL_SECONDS + GRACE_SECONDS)) == ["other"]


def test_what_is_told_of_a_final_second_is_counted_as_late_and_kept_nowhere() -> None:
    board = Board(FINAL)
    board.finish(101 + QUICK + GRACE_SECONDS)
    board.add(1, told("quick", "other"))
    assert models(board.rest()) == ["other"]
    assert f"{of.LATE.name} 1" in board.page()


def test_a_clock_that_is_set_back_hands_no_second_out_twice() -> None:
    board = Board(FINAL)
    board.add(1, told("quick"))
    assert models(board.finish(200)) == ["quick"]
    board.finish(50)
    board.add(1, told("quick"))
    assert board.rest() == []


def test_a_clock_that_was_ahead_for_a_moment_costs_no_second_that_comes_after() -> None:
    board = Board(FINAL)
    for now in (1000.0, 4600.0, 1001.0):
        board.finish(now)
    kept: list[Row] = []
    for second in range(1001, 1061):
        board.add(1, told("quick", second=float(second)))
        kept += board.finish(second + 1.0)
    kept += board.rest()
    assert [row.key.second for row in kept] == list(range(1001, 1061))
    assert f"{of.LATE.name} 0" in board.page()


def test_a_second_that_was_handed_out_by_a_clock_ahead_is_not_handed_out_again() -> None:
    board = Board(FINAL)
    board.add(1, told("quick"))
    assert models(board.finish(4600.0)) == ["quick"]
    board.finish(100.0)
    board.add(1, told("quick", "other"))
    assert models(board.rest()) == ["other"]


def test_what_a_call_costs_belongs_to_the_second_in_which_its_first_request_came_in() -> None:
    meter, board = Meter(1000.0), Board()
    tally = meter.tally("m", "1", "champion")
    tally.ran(3, 10.9, 0.2, 40e-6)
    tally.ran(1, 11.5, 0.0, 20e-6)
    tally.done(10.9, 0.4, 1, failed=False, units=None)
    board.add(1, meter.take(12.0, dict))
    tally.ran(2, 10.95, 0.0, 30e-6)
    board.add(1, meter.take(13.0, dict))
    first, second = board.finish(1100.0)
    assert (first.key.second, first.count, first.spent) == (1010, 1, Spent(2, 5, 70, 13, 180, 2500))
    assert (second.key.second, second.count, second.spent) == (1011, 0, Spent(1, 1, 20, 1, 20, 400))


def test_a_call_that_hangs_is_an_error_when_its_model_says() -> None:
    meter = Meter(0.0, FINAL)
    for model in ("quick", "other"):
        meter.tally(model, "1", "champion").sent(7, 100.0, 3)
    late = meter.take(100 + QUICK + 0.1, dict).arms
    assert [(arm.model, arm.seconds[0].errors) for arm in late] == [("quick", 3)]
