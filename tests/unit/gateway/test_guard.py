"""Keys, limits and room: who may come in, how often, and how many may wait."""

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.errors import BadInput
from headgate.gateway.guard import issue
from headgate.gateway.guard.bucket import Bucket, Rate, grab, refill
from headgate.gateway.guard.follow import KeyFollower, read_key
from headgate.gateway.guard.guard import Guard, scope_of
from headgate.gateway.guard.keys import KeyTable, credential
from headgate.gateway.guard.pace import CALM, CALM_ROOM, QUICK_SECONDS, Pace
from headgate.gateway.guard.shared import SLOTS, SharedTokens
from headgate.gateway.refusal import Refusal
from headgate.journal.ports import Document
from headgate.policy.model import LimitPolicy, ServingPolicy
from headgate.testing.clock import FakeClock
from headgate.testing.fakes import MemoryEventStore

NOW = datetime(2024, 3, 1, tzinfo=UTC)
MODELS = ["late", "fraud"]
_draws = itertools.count(1)


def entropy(count: int) -> bytes:
    return next(_draws).to_bytes(count, "big")


class Keys:
    """A journal with keys, and the table that a worker makes of it."""

    def __init__(self, *, needed: bool = True) -> None:
        self.store = MemoryEventStore(FakeClock(NOW))
        self.table = KeyTable()
        self.published = 0
        self.follower = KeyFollower(lambda: self.store.documents("key"), self.publish, needed=needed)

    def publish(self, table: KeyTable) -> None:
        self.table, self.published = table, self.published + 1

    def make(self, *scopes: str, expires: datetime | None = None) -> tuple[str, bytes]:
        made, secret = issue.create(
            self.store, "checkout", scopes, MODELS, NOW, expires, entropy, "person:ada", "a test"
        )
        self.follower.look()
        return made.id, secret.encode()

    def code(self, shown: bytes, scope: str = "predict:late", now: datetime = NOW) -> str:
        try:
            key = self.table.admit(shown, scope, now)
        except Refusal as refusal:
            return f"{refusal.status} {refusal.code}"
        return "in" if key else "nobody"


def test_a_key_lets_in_what_its_scopes_say_and_nothing_of_it_but_a_hash_is_kept() -> None:
    keys = Keys()
    _, shown = keys.make("predict:late")
    assert [
        keys.code(shown),
        keys.code(shown, "predict:fraud"),
        keys.code(shown, "outcomes"),
        keys.code(shown, ""),
    ] == [
        "in",
        "403 key_scope",
        "403 key_scope",
        "in",
    ]
    secret = shown.decode().rsplit("_", 1)[1]
    assert secret not in repr(keys.store.documents("key")) + repr(list(keys.store.read()))
    _, every = keys.make("predict:*")
    assert (keys.code(every, "predict:fraud"), keys.code(every, "outcomes")) == ("in", "403 key_scope")
    _, admin = keys.make("admin")
    assert (keys.code(admin, "outcomes"), keys.code(admin)) == ("in", "in")


@pytest.mark.parametrize("shown", [b"x", b"hg_", b"hg_00_11_22", b"hg_000000000001_00", b"\xff\xfe", b"hg__"])
def test_what_is_no_key_is_refused(shown: bytes) -> None:
    keys = Keys()
    keys.make("admin")
    assert keys.code(shown) == "401 key_unknown"
    assert keys.code(b"") == "401 key_missing"


@given(st.integers(0, 63), st.sampled_from("0123456789abcdef"))
def test_a_secret_with_one_other_character_is_refused(place: int, other: str) -> None:
    keys = Keys()
    _, shown = keys.make("admin")
    start, secret = shown.decode().rsplit("_", 1)
    changed = f"{start}_{secret[:place]}{other}{secret[place + 1 :]}"
    assert keys.code(changed.encode()) == ("in" if changed == shown.decode() else "401 key_unknown")


def test_a_key_ends_when_it_expires_or_is_revoked_and_two_of_one_name_hold_at_once() -> None:
    keys = Keys()
    old, shown = keys.make("predict:*", expires=NOW + timedelta(hours=1))
    assert keys.code(shown, now=NOW + timedelta(minutes=59)) == "in"
    assert keys.code(shown, now=NOW + timedelta(hours=1)) == "401 key_expired"
    _, new = keys.make("predict:*")
    assert (keys.code(shown), keys.code(new)) == ("in", "in")
    issue.revoke(keys.store, old, NOW + timedelta(minutes=5), NOW, "person:ada", "changed over")
    keys.follower.look()
    assert keys.code(shown, now=NOW + timedelta(minutes=4)) == "in"
    assert keys.code(shown, now=NOW + timedelta(minutes=5)) == "401 key_expired"
    issue.revoke(keys.store, old, NOW, NOW, "person:ada", "leaked")
    keys.follower.look()
    assert (keys.code(shown), keys.code(new)) == ("401 key_unknown", "in")
    with pytest.raises(BadInput, match="revoked already"):
        issue.revoke(keys.store, old, NOW, NOW, "person:ada", "again")
    assert [gone for _, gone in issue.known(keys.store)] == [True, False]
    assert [event.kind for event in keys.store.read()] == ["key.created"] * 2 + ["key.revoked"] * 2


@pytest.mark.parametrize("scope", ["predict", "predict:", "predict:other", "everything", ""])
def test_a_scope_that_does_not_exist_is_refused(scope: str) -> None:
    with pytest.raises(BadInput, match="there is no scope"):
        Keys().make(scope)


def test_keys_are_read_once_per_change_and_stand_while_the_database_is_away() -> None:
    keys = Keys()
    _, shown = keys.make("admin")
    keys.follower.look()
    assert keys.published == 1
    broken = KeyFollower(lambda: 1 / 0, keys.publish, needed=True)  # type: ignore[arg-type, return-value]
    broken.look()
    broken.look()
    assert (keys.published, keys.code(shown)) == (1, "in")
    assert read_key(Document("key", "x", 1, {"id": "x"})) is None
    assert read_key(Document("key", "x", 1, [])) is None


def test_where_keys_are_not_needed_none_is_fine_and_a_wrong_one_is_not() -> None:
    keys = Keys(needed=False)
    keys.make("admin")
    assert (keys.code(b""), keys.code(b"wrong")) == ("nobody", "401 key_unknown")


def test_a_key_is_shown_in_either_header() -> None:
    assert credential({b"authorization": b"Bearer hg_1_2"}) == b"hg_1_2"
    assert credential({b"authorization": b"bearer  hg_1_2 "}) == b"hg_1_2"
    assert credential({b"headgate-key": b"hg_1_2", b"authorization": b"Basic x"}) == b"hg_1_2"
    assert credential({b"authorization": b"Basic x"}) == b""


def test_health_is_for_everybody_and_all_else_asks_for_a_key_somewhere() -> None:
    assert scope_of("GET", ("v2", "health", "ready")) is None
    assert scope_of("GET", ("v2", "models", "late", "ready")) is None
    assert scope_of("POST", ("v2", "models", "late", "infer")) is None  # asked where the model is known
    assert scope_of("GET", ("v2", "models", "late")) == ""
    assert scope_of("POST", ("v2", "repository", "index")) == ""
    assert scope_of("POST", ("outcomes",)) == "outcomes"
    assert scope_of("GET", ("v2", "models", "late", "infer")) == ""


class Pot:
    """Tokens of one bucket on a clock that the test moves."""

    def __init__(self, rate: Rate) -> None:
        self.now, self.visits = 0.0, 0
        self._tokens, self._counted = rate.burst, 0.0

    def take(self, _name: bytes, rate: Rate, wanted: float) -> tuple[float, float]:
        self.visits += 1
        self._tokens = refill(self._tokens, self.now - self._counted, rate)
        self._counted = self.now
        got, wait = grab(self._tokens, rate, wanted)
        self._tokens -= got
        return got, wait


@given(
    st.floats(0.5, 2000),
    st.integers(1, 500),
    st.integers(1, 4),
    st.lists(st.tuples(st.integers(0, 3), st.floats(0, 0.5)), min_size=1, max_size=300),
)
def test_workers_together_never_exceed_a_limit_and_an_idle_bucket_lets_one_in(
    per_second: float, burst: int, workers: int, asks: list[tuple[int, float]]
) -> None:
    rate = Rate(per_second, burst)
    pot = Pot(rate)
    buckets = [Bucket(bytes(16), rate, pot, "model late") for _ in range(workers)]
    let_in, refused = 0, list[tuple[str, bool]]()
    for worker, passed in asks:
        pot.now += passed
        try:
            buckets[worker % workers].take(pot.now)
            let_in += 1
        except Refusal as refusal:
            refused.append((refusal.code, (refusal.retry_after or 0) >= 1))
    assert set(refused) <= {("rate_limited", True)}
    assert let_in <= burst + per_second * pot.now + 1e-6
    pot.now += 10 + burst / per_second
    buckets[0].take(pot.now)


def test_a_full_bucket_is_visited_once_per_handful_and_an_empty_one_not_until_it_has_a_token() -> None:
    rate = Rate(10_000, 10_000)
    pot = Pot(rate)
    bucket = Bucket(bytes(16), rate, pot, "model late")
    for _ in range(10_000):
        bucket.take(0)
    assert pot.visits <= 10_000 / (10_000 * 0.02) + 1
    visits = pot.visits
    for _ in range(100):
        with pytest.raises(Refusal):
            bucket.take(0)
    assert pot.visits == visits + 1


def test_the_tokens_of_all_workers_lie_in_one_file(tmp_path: Path) -> None:
    one, other = SharedTokens(tmp_path / "x" / "tokens"), SharedTokens(tmp_path / "x" / "tokens")
    slow = Rate(0.001, 10)
    names = [
        number.to_bytes(16, "big") for number in range(1, 41)
    ]  # they all start at one slot: probing, then eviction
    assert one.take(names[0], slow, 6) == (6.0, 0.0)
    assert other.take(names[0], slow, 6) == (4.0, 0.0)
    got, wait = one.take(names[0], slow, 6)
    assert got == 0
    assert 900 < wait <= 1000
    assert [one.take(name, slow, 5)[0] for name in names[1:]] == [5.0] * 39
    assert (tmp_path / "x" / "tokens").stat().st_size == SLOTS * 32
    one.close()
    other.close()


def test_a_guard_counts_a_request_against_its_model_and_its_key() -> None:
    limits = ServingPolicy(
        limit=LimitPolicy(per_second=3, burst=None), limit_per_key=LimitPolicy(per_second=1, burst=None)
    )
    guard = Guard(lambda: NOW, Pot(Rate(3, 3)), {"late": limits})
    keys = Keys(needed=False)
    _, shown = keys.make("predict:*")
    guard.keys = keys.table
    assert len(guard.enter({}, "late")) == 1
    both = guard.enter({b"headgate-key": shown}, "late")
    assert len(both) == 2
    assert guard.enter({b"headgate-key": shown}, "late") == both
    assert guard.enter({}, "other") == ()


@pytest.mark.parametrize(("start", "each"), [(0.0, 0.0001), (0.01, 0.0005), (0.05, 0.0001)])
def test_a_pace_finds_what_a_row_costs_and_how_many_may_wait(start: float, each: float) -> None:
    pace = Pace(budget=0.1)
    for turn in range(300):
        rows = 1 + turn * 7 % 40
        pace.saw(rows, start + each * rows)
    assert pace.start == pytest.approx(start, rel=0.05, abs=1e-6)
    assert pace.each == pytest.approx(each, rel=0.05)
    assert pace.quick == pytest.approx((QUICK_SECONDS - start) / each, rel=0.1, abs=1)
    calm = pace.room
    for _ in range(100):
        pace.saw(1000, start + each * 1000)  # too many wait, call after call
    assert pace.wait(pace.room) <= start + 0.05 * 1.05
    assert pace.room < calm


def test_a_call_that_waited_in_a_thread_is_quick_by_the_processor_time_that_it_took() -> None:
    pace = Pace(budget=0.1)
    for turn in range(100):
        rows = 1 + turn % 40
        pace.saw(rows, 0.02 + 0.00001 * rows, 0.00001 * rows)
    assert pace.quick > 100
    for turn in range(100):
        rows = 1 + turn % 40
        pace.saw(rows, 0.02 + 0.001 * rows, 0.02 + 0.001 * rows)
    assert pace.quick < 1


@given(st.floats(0, 0.02), st.floats(0.0002, 0.02))
def test_under_overload_a_call_settles_where_the_budget_says_and_stays_there(start: float, each: float) -> None:
    pace, took = Pace(budget=0.1), 0.0
    for call in range(120):
        rows = 1 if call < 10 else pace.room  # as many as may wait do
        took = start + each * rows
        pace.saw(rows, took)
        assert call < 40 or took <= start + max(0.05 * 1.1, each) * CALM
    assert took > 0


def test_a_cold_start_or_a_pause_of_the_machine_refuses_nobody_and_there_is_always_room_for_one() -> None:
    pace = Pace(budget=0.1)
    pace.saw(1, 0.2)
    assert pace.room >= CALM_ROOM
    for _ in range(100):
        pace.saw(10, 0.001)
    pace.saw(10, 5.0)
    assert pace.room >= CALM_ROOM
    for _ in range(200):
        pace.saw(2, 5.0)
        pace.saw(1, 5.0)
    assert pace.room >= 1
