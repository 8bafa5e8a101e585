"""What needs one another comes in order, in waves; a circle is named."""

from graphlib import CycleError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.waves import circle, waves

NAMES = "abcdefgh"


@st.composite
def needs(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    """Return names that need only names before them, written in any order."""
    order = draw(st.permutations(NAMES))
    found = {
        name: tuple(draw(st.lists(st.sampled_from(order[:at]), unique=True)) if at else ())
        for at, name in enumerate(order)
    }
    return {name: found[name] for name in draw(st.permutations(NAMES))}


@given(needs())
def test_everything_comes_once_and_after_what_it_needs(found: dict[str, tuple[str, ...]]) -> None:
    place = {name: at for at, wave in enumerate(waves(found)) for name in wave}
    assert sorted(place) == list(NAMES)
    for name, others in found.items():
        assert place[name] == max((place[other] + 1 for other in others), default=0)


@given(needs(), st.randoms())
def test_the_order_in_which_they_are_written_changes_nothing(found: dict[str, tuple[str, ...]], random: object) -> None:
    names = sorted(found)
    random.shuffle(names)  # type: ignore[attr-defined]  # a random.Random
    assert waves({name: found[name] for name in names}) == waves(found)


def test_what_is_needed_and_not_listed_is_there_already() -> None:
    assert waves({"b": ("a", "column"), "a": ("column",)}) == (("a",), ("b",))


@pytest.mark.parametrize(
    ("found", "around"),
    [
        ({"a": ("a",)}, ("a",)),
        ({"c": ("b",), "b": ("a",), "a": ("c",)}, ("a", "c", "b")),
        ({"x": (), "b": ("a", "x"), "a": ("b",)}, ("a", "b")),
    ],
)
def test_a_circle_is_refused_and_read_each_needing_the_next(
    found: dict[str, tuple[str, ...]], around: tuple[str, ...]
) -> None:
    with pytest.raises(CycleError):
        waves(found)
    assert circle(found) == around


@given(needs())
def test_without_a_circle_there_is_none(found: dict[str, tuple[str, ...]]) -> None:
    assert circle(found) == ()
