"""Whether a request may come in: its key, its scope, and the limits that it counts against."""

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import blake2b

from headgate.gateway.guard.bucket import Bucket, Rate, Tokens
from headgate.gateway.guard.keys import ANY, OUTCOMES, Key, KeyTable, credential
from headgate.policy.model import LimitPolicy, ServingPolicy

ASKING = ("infer", "predict", "invocations")
OPEN = (("v2", "health", "live"), ("v2", "health", "ready"), ("ping",), ("health",), ("version",))
NO_POLICY = ServingPolicy()
BUCKETS = 4096


class Guard:
    """Holds the keys of the moment and the buckets of this worker.

    Args:
        now: Reads the clock.
        tokens: Where the tokens of all workers lie; None: nothing is limited.
        policies: How each model is served.

    Attributes:
        keys: Replaced whole.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        tokens: Tokens | None = None,
        policies: Mapping[str, ServingPolicy] | None = None,
    ) -> None:
        self.keys = KeyTable()
        self._now = now
        self._tokens = tokens
        self._policies = policies or {}
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def policy(self, model: str) -> ServingPolicy:
        """Return how a model is served; the defaults for one that the policy does not know."""
        return self._policies.get(model, NO_POLICY)

    def admit(self, headers: Mapping[bytes, bytes], scope: str) -> Key | None:
        """Return the key of a request; raises Refusal (401, 403) when it may not come in."""
        return self.keys.admit(credential(headers), scope, self._now())

    def enter(self, headers: Mapping[bytes, bytes], model: str) -> tuple[Bucket, ...]:
        """Admit a request for a prediction; return the buckets of which each such request takes a token."""
        key = self.admit(headers, f"predict:{model}")
        policy = self.policy(model)
        found = (
            self._bucket(policy.limit, model, ""),
            self._bucket(policy.limit_per_key, model, key.id) if key else None,
        )
        return tuple(bucket for bucket in found if bucket is not None)

    def _bucket(self, limit: LimitPolicy | None, model: str, key: str) -> Bucket | None:
        if limit is None or self._tokens is None:
            return None
        bucket = self._buckets.get((model, key))
        if bucket is None:
            if len(self._buckets) >= BUCKETS:
                self._buckets.clear()  # their tokens lie elsewhere: nothing is forgotten
            rate = Rate(limit.per_second, limit.burst or max(1.0, limit.per_second))
            name = blake2b(f"{model}\0{key}".encode(), digest_size=16).digest()
            what = f"the API key {key} for model {model}" if key else f"model {model}"
            bucket = self._buckets[model, key] = Bucket(name, rate, self._tokens, what)
        return bucket


def is_open(parts: tuple[str, ...]) -> bool:
    """Say whether a path is for everybody, whatever the method."""
    return parts in OPEN or parts[-1] == "ready"


def scope_of(method: str, parts: tuple[str, ...]) -> str | None:
    """Return the scope that a path asks for beyond what its handler checks itself; None: anybody may.

    Predictions are checked where their model is known. Health is for everybody; all else is for whoever has a key.
    """
    if is_open(parts):
        return None
    if method == "POST" and (parts[-1] in ASKING or parts[-1].endswith(":predict")):
        return None
    return OUTCOMES if parts[0] == OUTCOMES else ANY
