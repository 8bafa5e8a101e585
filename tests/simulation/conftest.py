"""Figures of simulations: each file of tests writes a table, for people; HEADGATE_REPORTS names the folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.simulation.figures import Figures, collect

HERE = Path(__file__).parent
REPORTS = Path(os.environ.get("HEADGATE_REPORTS", "build/simulations"))
SESSION = os.environ.setdefault("HEADGATE_SIMULATION_SESSION", str(os.getpid()))  # its processes inherit it
PARTS = REPORTS / f"parts-{SESSION}"  # another session beside it must not take its rows
LONGEST = 7200  # seconds; two thousand runs on a busy machine
PLACE = pytest.StashKey[int]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give simulations time, and their rows an order."""
    for place, item in enumerate(items):
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(LONGEST))
            item.stash[PLACE] = place


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Put the rows of all processes into tables."""
    if not hasattr(session.config, "workerinput"):
        collect(PARTS, REPORTS)


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Iterator[Figures]:
    """Collect the rows of one test."""
    found = Figures()
    yield found
    file, about = request.path.stem.removeprefix("test_"), request.module.__doc__ or ""
    found.save(PARTS, file, about, request.node.stash[PLACE])
