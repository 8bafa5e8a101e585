"""One worker with the models that the protocols' own examples expect, for every test of a real client."""

from collections.abc import Iterator

import pytest

from headgate.testing.examples import MODELS
from headgate.testing.running import Server, start, stop


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A worker with every example model."""
    one = start(tmp_path_factory.mktemp("served"), *MODELS)
    yield one
    stop(one)


@pytest.fixture(scope="session")
def lone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A worker with one model."""
    one = start(tmp_path_factory.mktemp("lone"), "frame")
    yield one
    stop(one)
