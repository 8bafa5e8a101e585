"""A small project whose control API is asked in this process, by whoever has a key."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from headgate.api.application import build
from headgate.api.caller import LOCAL
from headgate.api.desk import Counter
from headgate.gateway.guard import issue
from headgate.registry.version import Version
from headgate.testing.registry import MemoryRegistry
from headgate.testing.supply import MODEL, Supply
from headgate.wiring import Project


class Client:
    """Asks an application in this process."""

    def __init__(self, counter: Counter) -> None:
        self._app = build(counter)

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Return the answer to a request."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8081") as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())

    def get(self, path: str, **more: Any) -> httpx.Response:
        """Return the answer to a GET."""
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        """Return the answer to a POST."""
        return self.request("POST", path, **more)


class Api:
    """A project, and clients of its API; its registry is one in memory."""

    def __init__(self, folder: Path) -> None:
        self.project = Project.open(folder)
        registry: Any = self.project.registry()
        self.registry: MemoryRegistry = registry
        self.supply = Supply(self.project.state, self.project.policy, self.project.journal())
        clock: Any = self.project.clock
        self.supply.clock, self.supply.registry, self.supply.keeps_bundles = clock, self.registry, True

    def client(self, *, needed: bool = False, owner: str = "one") -> Client:
        """Return a client of a process of its own; needed: a request without a key is refused."""
        counter = Counter(self.project, self.project.answers(owner), needed, "ada", LOCAL, lambda: {"parts": []})
        return Client(counter)

    def key(self, name: str, *scopes: str, days: int = 1) -> dict[str, str]:
        """Return the headers of somebody with a new key."""
        now = self.project.clock.now()
        until = now + timedelta(days=days)
        made = issue.create(self.project.journal(), name, scopes, [MODEL], now, until, os.urandom, "person:ada", "test")
        return {"authorization": f"Bearer {made[1]}"}

    def judged(self) -> Version:
        """Return a version that passed."""
        version = self.supply.register("person:ada")
        self.supply.judge(version)
        return version
