"""A clock that is set, or a machine that slept, costs no rollup: what is not told yet lies in the new seconds."""

from collections.abc import Sequence

import pytest

from headgate.gateway.metrics import catalogue as of
from headgate.gateway.metrics.board import Board
from headgate.gateway.metrics.meter import Meter


@pytest.mark.parametrize("step", [3600.0, -20.0, 0.004, 0.0])
@pytest.mark.parametrize("units", [None, [b"ada", None]])
def test_what_was_counted_before_the_step_is_told_in_the_new_time(
    step: float, units: Sequence[bytes | None] | None
) -> None:
    meter, board = Meter(1000.0), Board()
    meter.tally("m", "1", "champion").done(100.3, 0.01, 2, failed=False, units=units)
    board.finish(1100.9 + step)
    meter.follow(1000.0 + step)
    board.add(1, meter.take(101.0, dict))
    (row,) = board.rest()
    assert row.key.second == int(1100.3 + step)
    assert row.count == sum(row.units) == 2
    assert f"{of.LATE.name} 0" in board.page()


def test_a_call_that_hangs_while_the_clock_is_set_is_an_error_of_the_new_time() -> None:
    meter = Meter(1000.0)
    tally = meter.tally("m", "1", "champion")
    tally.sent(1, 100.0, 3)
    meter.follow(4600.0)
    (arm,) = meter.take(140.0, dict).arms
    assert [(second.second, second.errors) for second in arm.seconds] == [(4700, 3)]
