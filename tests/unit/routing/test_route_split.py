"""Units stay on their arm while shares rise; shares are met within binomial bounds; a lease ends unless renewed."""

from datetime import UTC, datetime, timedelta
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.errors import BadInput
from headgate.routing.route import Arm, Route, Shadow
from headgate.routing.share import effective, holds, renew
from headgate.routing.split import Split, place, places, salt_bytes

NOW = datetime(2024, 3, 1, tzinfo=UTC)
UNITS = [f"user-{number}".encode() for number in range(20_000)]
SHARES = st.floats(0, 1)


def arm(name: str, weight: float) -> Arm:
    return Arm(name, name, f"sha256:{name}", weight, f"/bundles/{name}")


def route(*challengers: float, salt: str = "late/2/7", until: datetime | None = None) -> Route:
    others = [arm(f"challenger{at}", share) for at, share in enumerate(challengers)]
    return Route("late", 7, (arm("champion", 1 - sum(challengers)), *others), salt=salt, renewed_until=until)


@given(st.tuples(SHARES, SHARES).map(sorted), st.text(max_size=40), st.lists(st.binary(max_size=40), max_size=30))
def test_raising_a_challengers_share_never_moves_a_unit_back(
    shares: list[float], salt: str, units: list[bytes]
) -> None:
    before, after = (Split.of(route(share, salt=salt)) for share in shares)
    for unit in units:
        assert not (before.of_unit(unit) == 1 and after.of_unit(unit) == 0)


@given(st.tuples(st.floats(0, 0.4), st.floats(0, 0.4)).map(sorted), st.floats(0, 0.4), st.sampled_from([0, 1]))
def test_raising_one_of_two_challengers_takes_no_unit_back_to_the_champion(
    shares: list[float], other: float, at: int
) -> None:
    pairs = [(share, other) if at == 0 else (other, share) for share in shares]
    before, after = (Split.of(route(*pair)).of_units(UNITS[:500]) for pair in pairs)
    assert not ((before != 0) & (after == 0)).any()


@pytest.mark.parametrize("shares", [(0.05,), (0.5,), (0.01, 0.2), (1.0,)])
@pytest.mark.parametrize("salt", ["", "late/2/7", "x" * 500])
def test_shares_are_met_within_binomial_bounds(shares: tuple[float, ...], salt: str) -> None:
    found = np.bincount(Split.of(route(*shares, salt=salt)).of_units(UNITS), minlength=len(shares) + 1)
    for count, share in zip(found, (1 - sum(shares), *shares), strict=True):
        bound = 5 * sqrt(len(UNITS) * share * (1 - share)) + 1e-6
        assert abs(count - len(UNITS) * share) <= bound


def test_the_units_of_one_experiment_are_not_those_of_the_next() -> None:
    first, second = (Split.of(route(0.1, salt=salt)).of_units(UNITS) == 1 for salt in ("a", "b"))
    both = (first & second).sum()
    assert abs(both - len(UNITS) * 0.01) <= 5 * sqrt(len(UNITS) * 0.01)


@given(st.lists(st.binary(max_size=60), max_size=20), st.text(max_size=10))
def test_many_units_at_once_have_the_places_that_each_has_alone(units: list[bytes], salt: str) -> None:
    mixed = salt_bytes(salt)
    assert places(units, mixed).tolist() == [place(unit, mixed) for unit in units]
    split = Split.of(route(0.3, 0.2, salt=salt))
    assert split.of_units(units).tolist() == [split.of_unit(unit) for unit in units]


def test_an_arm_without_a_share_gets_nothing() -> None:
    split = Split.of(route(0.0, 0.0))
    assert split.alone
    assert {split.at(where) for where in (0.0, 0.5, 0.999999)} == {0}


@given(st.floats(0, 200))
def test_a_share_that_is_not_renewed_goes_back_to_the_champion_and_comes_with_the_renewal(seconds: float) -> None:
    leased = route(0.05, 0.2, until=NOW + timedelta(seconds=60))
    now = NOW + timedelta(seconds=seconds)
    held = effective(leased, now)
    assert holds(leased, now) == (now < NOW + timedelta(seconds=60))
    assert held.champion.weight == pytest.approx(0.75 if holds(leased, now) else 1.0)
    renewed = renew(leased, now + timedelta(seconds=60))
    assert (renewed.revision, renewed.salt, renewed.arms) == (8, leased.salt, leased.arms)
    assert effective(renewed, now).champion.weight == 0.75


def test_an_arm_that_is_taken_out_leaves_its_share_to_the_champion_and_the_champion_is_never_taken_out() -> None:
    held = effective(route(0.05, 0.2), NOW, {"challenger0", "champion"})
    assert [round(one.weight, 9) for one in held.arms] == [0.8, 0.0, 0.2]
    assert effective(held, NOW) is held


def test_documents_of_an_earlier_release_are_read_and_those_of_this_one_come_back() -> None:
    old = {"model": "late", "revision": 3, "arms": [{**_old_arm()}]}
    assert Route.from_json(old).renewed_until is None
    assert Route.from_json(old).to_json() == old
    new = Route("late", 4, (arm("champion", 1.0),), (Shadow("s", "9", "sha256:9", 0.5, "b"),), "salt", NOW, "release-1")
    assert Route.from_json(new.to_json()) == new


def _old_arm() -> dict[str, object]:
    return {"name": "champion", "version": "1", "digest": "sha256:1", "weight": 1.0, "bundle": "b"}


def test_what_is_no_route_is_refused() -> None:
    with pytest.raises(BadInput, match="one name"):
        Route("late", 1, (arm("a", 0.5), arm("a", 0.5)))
    with pytest.raises(BadInput, match="fraction is from 0 to 1"):
        Route("late", 1, (arm("a", 1.0),), (Shadow("s", "9", "d", 1.5, "b"),))
    with pytest.raises(BadInput, match="no zone"):
        Route("late", 1, (arm("a", 1.0),), renewed_until=NOW.replace(tzinfo=None))
