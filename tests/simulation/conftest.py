"""Figures of simulations: each file of tests writes a table, for people; HEADGATE_REPORTS names the folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.simulation.figures import Figures


@pytest.fixture(scope="module")
def figures(request: pytest.FixtureRequest) -> Iterator[Figures]:
    """Collect the tables of one file, and write them when its tests are over."""
    found = Figures(request.path.stem.removeprefix("test_"), request.module.__doc__ or "")
    yield found
    found.write(Path(os.environ.get("HEADGATE_REPORTS", "build/simulations")))
