"""What holds for every test: unit tests reach no network, and property tests try the same cases every time."""

import os
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

UNIT = Path(__file__).parent / "unit"
# Files that take the longest; begun first, they leave no process to wait for them at the end.
LONGEST_FIRST = (
    "test_demo_release", "test_train_runs", "test_gateway_releases", "test_demo", "test_judged_gateway",
    "test_serve_shadows", "test_ensemble", "test_bootstrap_coverage", "test_registry_mlflow", "test_init_starters",
    "test_second_project", "test_release_serving",
)  # fmt: skip

# A property that fails fails for everybody; `HYPOTHESIS_PROFILE=explore` looks for new cases.
settings.register_profile(
    "same", deadline=None, derandomize=True, max_examples=30, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None, max_examples=1000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    place = {name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


class NetworkUsedError(AssertionError):
    """A unit test tried to use the network."""


def _refuse(*_args: object, **_kwargs: object) -> None:
    raise NetworkUsedError("a unit test uses no network: give it a fake, or move it to tests/service")


@pytest.fixture(autouse=True)
def _no_network_in_unit_tests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if UNIT in request.path.parents:
        for name in ("connect", "connect_ex", "bind", "sendto"):
            monkeypatch.setattr(socket.socket, name, _refuse)
        monkeypatch.setattr(socket, "getaddrinfo", _refuse)
