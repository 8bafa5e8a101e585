"""What shadows did to their processes counts over all workers, and is forgotten when no worker has the shadow."""

from headgate.gateway.supervise.kills import Kills


def test_each_worker_learns_what_happened_beside_the_others() -> None:
    kills = Kills()
    kills.hear(1, {"a": 1, "b": 0})
    kills.hear(2, {"a": 0, "b": 0})
    assert kills.elsewhere(1) == {}
    assert kills.elsewhere(2) == {"a": 1}
    kills.hear(2, {"a": 1, "b": 0})
    assert (kills.elsewhere(1), kills.elsewhere(2)) == ({"a": 1}, {"a": 1})


def test_a_worker_that_is_gone_still_counts_also_for_the_one_in_its_place() -> None:
    kills = Kills()
    kills.hear(1, {"a": 1})
    kills.leave(1)
    kills.hear(2, None)  # it has not read its routes yet
    assert kills.elsewhere(2) == {"a": 1}
    kills.hear(2, {"a": 1})
    kills.leave(2)
    kills.leave(2)
    assert kills.elsewhere(3) == {"a": 2}


def test_a_shadow_that_no_worker_has_any_more_is_forgotten() -> None:
    kills = Kills()
    kills.hear(1, {"a": 1})
    kills.hear(2, {"a": 0})
    kills.leave(1)
    kills.hear(2, {})
    assert kills.elsewhere(2) == kills.elsewhere(3) == {}
    kills.hear(2, {"a": 0})
    assert kills.elsewhere(3) == {}
