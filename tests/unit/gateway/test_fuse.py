"""A fuse blows on failures in a row or repeated deaths, tries again after a pause, and waits longer each time."""

from hypothesis import given
from hypothesis import strategies as st

from headgate.gateway.fuse import DEATH_SECONDS, DEATHS, Fuse


def test_failures_in_a_row_blow_it_and_a_good_call_between_them_does_not() -> None:
    fuse = Fuse(failures=3, pause=10)
    assert [fuse.bad(0, "x"), fuse.bad(0, "x"), fuse.good(), fuse.bad(0, "x"), fuse.bad(0, "x")] == [False] * 5
    assert fuse.bad(1, "it fails")
    assert (fuse.state, fuse.until, fuse.why) == ("open", 11, "it fails")


def test_after_the_pause_it_is_tried_and_as_many_good_calls_close_it() -> None:
    fuse = Fuse(failures=2, pause=10)
    fuse.bad(0, "x")
    fuse.bad(0, "x")
    assert not fuse.look(9.9)
    assert fuse.look(10)
    assert [fuse.good(), fuse.good()] == [False, True]
    assert fuse.state == "closed"


def test_one_failure_on_trial_blows_it_for_twice_as_long_up_to_a_bound() -> None:
    fuse, now, waits = Fuse(failures=2, pause=10), 0.0, []
    fuse.bad(now, "x")
    for _ in range(7):
        fuse.bad(now, "x")
        waits.append(fuse.until - now)
        now = fuse.until
        fuse.look(now)
    assert waits == [10, 20, 40, 80, 160, 160, 160]


def test_a_process_that_dies_again_and_again_blows_it_although_it_works_in_between() -> None:
    fuse = Fuse(failures=100, pause=10)
    for death in range(DEATHS):
        assert fuse.bad(death, "away", died=True) == (death == DEATHS - 1)
        assert not fuse.bad(death, "away", died=True)  # the same death, seen by another call
        if death < DEATHS - 1:
            fuse.good()


def test_deaths_long_ago_do_not_count() -> None:
    fuse = Fuse(failures=100, pause=10)
    for death in range(10):
        assert not fuse.bad(death * DEATH_SECONDS, "away", died=True)
        fuse.good()


@given(st.lists(st.tuples(st.sampled_from(["good", "bad", "died", "look"]), st.floats(0, 30)), max_size=60))
def test_an_open_fuse_always_ends_on_trial(steps: list[tuple[str, float]]) -> None:
    fuse, now = Fuse(failures=2, pause=10), 0.0
    for what, passed in steps:
        now += passed
        match what:
            case "good":
                fuse.good()
            case "look":
                fuse.look(now)
            case _:
                fuse.bad(now, "x", died=what == "died")
        assert fuse.state != "open" or fuse.until <= now + 160
    fuse.look(now + 160)
    assert fuse.state != "open"
