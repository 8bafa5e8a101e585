"""Figures of simulations: each file of tests writes a table, for people; HEADGATE_REPORTS names the folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.simulation.figures import Figures

HERE = Path(__file__).parent
LONGEST = 7200  # seconds; two thousand runs on a busy machine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give simulations time."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(LONGEST))


@pytest.fixture(scope="module")
def figures(request: pytest.FixtureRequest) -> Iterator[Figures]:
    """Collect the tables of one file, and write them when its tests are over."""
    found = Figures(request.path.stem.removeprefix("test_"), request.module.__doc__ or "")
    yield found
    found.write(Path(os.environ.get("HEADGATE_REPORTS", "build/simulations")))
