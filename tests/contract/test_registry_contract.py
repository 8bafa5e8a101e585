"""The registry's contract over the one in memory."""

from pathlib import Path

import pytest

from headgate.base.errors import Unavailable
from headgate.registry.ports import Registry
from headgate.testing.registry import MemoryRegistry
from headgate.testing.registry_contract import RegistryContract


class TestMemoryRegistry(RegistryContract):
    @pytest.fixture
    def registry(self, tmp_path: Path) -> Registry:
        return MemoryRegistry(tmp_path / "registry")

    @pytest.fixture
    def model(self) -> str:
        return "delay"

    def test_unreachable_every_method_says_so(self, tmp_path: Path) -> None:
        registry = MemoryRegistry(tmp_path)
        registry.reachable = False
        with pytest.raises(Unavailable, match="the registry does not answer"):
            registry.versions("delay")
        with pytest.raises(Unavailable, match="the registry does not answer"):
            registry.set_alias("delay", "champion", None)
