"""Token buckets that all workers share. Pure: where the tokens lie and what time it is are handed in.

A worker takes tokens in handfuls, so that the place where they lie is visited once per handful and not per request.
The limit is the same for a client on one connection as for one on many, however the kernel spreads connections over
workers; what a worker holds in its hand when traffic stops is the most that may be used late.
"""

from dataclasses import dataclass
from math import ceil, inf
from typing import Protocol

from headgate.gateway.refusal import Refusal

HANDFUL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast a bucket fills, in tokens per second, and how many it holds."""

    per_second: float
    burst: float


class Tokens(Protocol):
    """Where the tokens of all buckets lie."""

    def take(self, name: bytes, rate: Rate, wanted: float) -> tuple[float, float]:
        """Take up to `wanted` tokens, at least one, of a bucket; return how many, and the seconds until there is one.

        The name is a digest of 16 bytes. A bucket that was never seen is full.
        """
        ...


def refill(tokens: float, passed: float, rate: Rate) -> float:
    """Return what a bucket holds after some seconds."""
    return min(rate.burst, tokens + max(0.0, passed) * rate.per_second)


def grab(tokens: float, rate: Rate, wanted: float) -> tuple[float, float]:
    """Return how many whole tokens are taken of a bucket, and the seconds until there is one when there is none."""
    if tokens < 1:
        return 0.0, (1 - tokens) / rate.per_second
    return float(int(min(tokens, max(1.0, wanted)))), 0.0


class Bucket:
    """One limit, as one worker sees it.

    Args:
        name: Digest of 16 bytes; the same in every worker.
        rate: How fast it fills.
        tokens: Where its tokens lie.
        what: Names the limit for people, such as ``model late``.

    Attributes:
        hand: Tokens taken of the bucket and not used yet: who finds one here may use it, and need not call `take`.
    """

    def __init__(self, name: bytes, rate: Rate, tokens: Tokens, what: str) -> None:
        self._name = name
        self._rate = rate
        self._tokens = tokens
        self._what = what
        self.hand = 0.0
        self._closed = -inf  # until when there is surely none

    def take(self, now: float) -> None:
        """Take one token.

        Raises:
            Refusal: 429, with the seconds after which there is one.
        """
        if self.hand >= 1:
            self.hand -= 1
            return
        if now >= self._closed:
            got, wait = self._tokens.take(self._name, self._rate, self._rate.per_second * HANDFUL_SECONDS)
            if got >= 1:
                self.hand = got - 1
                return
            self._closed = now + wait
        seconds = max(1, ceil(self._closed - now))
        what = f"the limit of {self._what} is {self._rate.per_second:g} requests a second"
        raise Refusal(429, "rate_limited", what, retry_after=seconds)
