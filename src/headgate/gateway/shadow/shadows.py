"""The shadows of a worker: which there are, what each gets of what was answered, and what a person should know of them.

What was answered is kept as it is for a few milliseconds; then all of it is sampled and handed on at once, so that the
answers of a tick wait for nothing but an entry in a list.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from headgate.gateway.metrics import catalogue as of
from headgate.gateway.metrics.meter import Meter
from headgate.gateway.record import Tap
from headgate.gateway.shadow.choose import Draws, choose, cut, gathered, lacking, salt_of
from headgate.gateway.shadow.feed import Feed
from headgate.gateway.shadow.life import Life
from headgate.gateway.shadow.pair import Book
from headgate.gateway.shadow.queue import Bounds
from headgate.gateway.table import Shaded, Table
from headgate.policy.serving import ShadowPolicy
from headgate.predictions.row import Answered, Layout, Source

GATHER_SECONDS = 0.01


class Kept(Protocol):
    """What keeps a shadow's process."""

    feed: Feed
    life: Life

    def look(self) -> None:
        """End the process when it hangs."""
        ...

    async def close(self) -> None:
        """End the process, and everything that waits."""
        ...


Keep: TypeAlias = Callable[[str, Shaded, Feed], Kept]
Close: TypeAlias = Callable[[Kept], None]


@dataclass(frozen=True, slots=True)
class Kit:
    """What shadows need of their worker.

    Attributes:
        tap: Where predictions go.
        meter: Counts.
        keep: Starts and keeps the process of a model's shadow.
        close: Ends one that the route no longer names, at some time.
        seconds: Reads the worker's clock.
        now: Milliseconds since 1970.
        later: Calls back after so many seconds.
        draws: Returns that many random numbers in [0, 1).
        policies: Of each model.
    """

    tap: Tap
    meter: Meter
    keep: Keep
    close: Close
    seconds: Callable[[], float]
    now: Callable[[], int]
    later: Callable[[float, Callable[[], None]], object]
    draws: Draws
    policies: Mapping[str, ShadowPolicy] = field(default_factory=dict)


@dataclass(slots=True)
class Post:
    """A shadow in its place.

    Attributes:
        shaded: What the route says of it.
        kept: Its process.
        salt: Its units are hashed with it.
        fits: Whether the requests of an arm have its inputs, by their columns.
        why: Why requests of some arm cannot be copied; empty: all can.
    """

    shaded: Shaded
    kept: Kept
    salt: bytes
    fits: dict[Layout, bool] = field(default_factory=dict)
    why: str = ""


class Copies:
    """What is copied of one model's answers.

    Args:
        kit: What shadows need.

    Attributes:
        wanted: Whether anything is.
    """

    def __init__(self, kit: Kit) -> None:
        self.wanted = False
        self.posts: dict[str, Post] = {}
        self._kit = kit
        self._answered: list[tuple[Answered, float]] = []

    def take(self, answered: Answered, since: float) -> None:
        """Take note of live answers; nobody may change their columns.

        Args:
            answered: Of one tick and arm.
            since: When the first of their requests came in, on the worker's clock.
        """
        if not self._answered:
            self._kit.later(GATHER_SECONDS, self._hand_on)
        self._answered.append((answered, since))

    def settle(self) -> None:
        """Look again whether any shadow wants copies."""
        self.wanted = any(not post.kept.life.quarantined for post in self.posts.values())

    def _hand_on(self) -> None:
        parts, self._answered = self._answered, []
        for answered, since in gathered(parts, self._second):
            for post in self.posts.values():
                if not post.kept.life.quarantined:
                    self._copy(post, answered, since)

    def _second(self, since: float) -> int:
        return int(since + self._kit.meter.offset)

    def _copy(self, post: Post, answered: Answered, since: float) -> None:
        shadow, fields = post.shaded.shadow, post.shaded.manifest.signature.inputs
        chosen = choose(answered, shadow.fraction, post.salt, self._kit.draws)
        if not self._fits(post, answered.source):
            post.kept.feed.drop(int(chosen.sum()))
        elif (copy := cut(answered, since, fields, chosen)) is not None:
            post.kept.feed.put(copy)

    def _fits(self, post: Post, source: Source) -> bool:
        fits = post.fits.get(source.layout)
        if fits is None:
            missing = lacking(post.shaded.manifest.signature.inputs, source.layout.inputs)
            fits = post.fits[source.layout] = not missing
            if missing:
                post.why = f"requests to version {source.version} have no such input as its {', '.join(missing)}"
        return fits


class Shadows:
    """All shadows of a worker.

    Args:
        kit: What they need.
        ending: Those that the route no longer names, and whose process has not ended yet.
    """

    def __init__(self, kit: Kit, ending: Collection[Awaitable[None]] = ()) -> None:
        self._kit = kit
        self._ending = ending
        self._copies: dict[str, Copies] = {}
        self._elsewhere: dict[str, int] = {}

    def of(self, model: str) -> Copies:
        """Return what is copied of a model's answers; the same object for as long as the worker lives."""
        return self._copies.setdefault(model, Copies(self._kit))

    def swap(self, table: Table) -> None:
        """Follow a new table: a shadow that stays keeps its process, its queue and its quarantine."""
        for model in (*self._copies, *table.entries):
            entry, copies = table.entries.get(model), self.of(model)
            wanted = {_key(model, one): one for one in (entry.shadows if entry else ()) if one.shadow.fraction > 0}
            for key in [key for key in copies.posts if key not in wanted]:
                self._kit.close(copies.posts.pop(key).kept)
                self._elsewhere.pop(key, None)
            for key, shaded in wanted.items():
                if key in copies.posts:
                    copies.posts[key].shaded = shaded
                else:
                    kept = self._kit.keep(model, shaded, self._feed(model, shaded))
                    kept.life.learn(self._elsewhere.get(key, 0))
                    copies.posts[key] = Post(shaded, kept, salt_of(shaded.shadow))
            copies.settle()

    def look(self) -> None:
        """Look after hangs and quarantines; called a few times a second."""
        for copies in self._copies.values():
            for post in copies.posts.values():
                post.kept.look()
            copies.settle()

    def kills(self) -> dict[str, int]:
        """Return every shadow of this worker, and how often it ended its process beside it."""
        every = [one for copies in self._copies.values() for one in copies.posts.items()]
        return {key: post.kept.life.kills for key, post in every}

    def learn(self, elsewhere: Mapping[str, int]) -> None:
        """Learn how often each ended its process beside the other workers."""
        self._elsewhere = dict(elsewhere)
        for copies in self._copies.values():
            for key, post in copies.posts.items():
                post.kept.life.learn(elsewhere.get(key, 0))

    def levels(self) -> dict[str, float]:
        """Return the gauges."""
        posts = self._posts()
        return {
            of.SHADOW_QUARANTINED.name: float(sum(post.kept.life.quarantined for post in posts)),
            of.SHADOW_WAITING.name: float(sum(post.kept.feed.queue.requests for post in posts)),
        }

    def notes(self) -> dict[str, str]:
        """Return what a person should know, by shadow."""
        found = {}
        for post in self._posts():
            shadow = post.shaded.shadow
            if note := post.kept.life.note or post.why:
                found[f"shadow {shadow.name} of {post.shaded.manifest.model} (version {shadow.version})"] = note
        return found

    async def close(self) -> None:
        """End every process."""
        for copies in self._copies.values():
            copies.wanted = False
            posts, copies.posts = copies.posts, {}
            for post in posts.values():
                await post.kept.close()
        for one in tuple(self._ending):
            await one

    def _posts(self) -> list[Post]:
        return [post for copies in self._copies.values() for post in copies.posts.values()]

    def _feed(self, model: str, shaded: Shaded) -> Feed:
        kit, shadow, signature = self._kit, shaded.shadow, shaded.manifest.signature
        policy = kit.policies.get(model) or ShadowPolicy()
        layout = Layout(model, signature.inputs, signature.outputs, kit.tap.redact.get(model, {}))
        source = Source(layout, shadow.version, shadow.name, "shadow")
        book = Book(source, kit.tap.log, kit.meter.tally(model, shadow.version, shadow.name, "shadow"))
        bounds = Bounds(policy.queue_rows, int(policy.queue_mb * 1e6))
        return Feed(book, bounds, kit.meter.counts, kit.seconds, kit.now)


def _key(model: str, shaded: Shaded) -> str:
    """Return how workers call a shadow among themselves."""
    shadow = shaded.shadow
    return f"{model} {shadow.name} {shadow.version} {shadow.digest}"
