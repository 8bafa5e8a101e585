"""A route's weights are shares that sum to one, and it survives the trip through JSON."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.errors import BadInput
from headgate.routing.route import Arm, Route, Shadow


def arm(name: str, weight: float) -> Arm:
    return Arm(name, "3", "sha256:1", weight, "/bundles/1")


@given(st.floats(0, 1))
def test_a_route_comes_back_from_json(share: float) -> None:
    route = Route("late", 7, (arm("champion", 1 - share), arm("challenger", share)))
    assert Route.from_json(route.to_json()) == route


@pytest.mark.parametrize("weights", [(), (0.5,), (0.7, 0.7), (1.5, -0.5)])
def test_weights_that_are_no_shares_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(BadInput, match="sum to 1"):
        Route("late", 1, tuple(arm(str(place), weight) for place, weight in enumerate(weights)))


def test_the_champion_is_the_arm_of_that_name() -> None:
    route = Route("late", 1, (arm("challenger", 0.9), arm("champion", 0.1)))
    assert route.champion.name == "champion"
    assert Route("late", 1, (arm("a", 0.4), arm("b", 0.6))).champion.name == "b"


WRONG = ("", "prüfling", "a\r\nset-cookie: x", "a b", "a/b", "x" * 101, "a\n")


@pytest.mark.parametrize("name", WRONG)
def test_names_that_do_not_fit_a_header_are_refused(name: str) -> None:
    champion = arm("champion", 1.0)
    shadow = Shadow(name, "4", "sha256:1", 1.0, "/bundles/1")
    arms = (arm("champion", 0.5), arm(name, 0.5))
    makes: tuple[Callable[[], Route], ...] = (
        lambda: Route("late", 1, arms),
        lambda: Route("late", 1, (champion,), (shadow,)),
        lambda: Route("late", 1, (Arm("champion", name, "sha256:1", 1.0, "/b"),)),
        lambda: Route("late", 1, (champion,), release=name or " "),
    )
    for make in makes:
        with pytest.raises(BadInput, match="letters, digits"):
            make()


def test_names_of_policies_and_of_shadows_fit() -> None:
    shadow = Shadow("shadow-12", "12", "sha256:1", 1.0, "/bundles/1")
    route = Route("late", 1, (arm("champion", 0.5), arm("b_2.x", 0.5)), (shadow,), release="late-3")
    assert Route.from_json(route.to_json()) == route
