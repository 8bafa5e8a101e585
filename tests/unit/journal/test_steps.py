"""One pass of deliveries, in memory: what is due goes out, and a failure costs one attempt."""

from collections.abc import Sequence
from datetime import timedelta

from headgate.journal.event import Event, NewEvent
from headgate.journal.outbox import TRIES, Form, holds, payload
from headgate.journal.ports import Delivery, Sent
from headgate.journal.steps import ADDED, DeliveryReport, deliver_due
from headgate.policy.model import WebhookPolicy
from headgate.testing.clock import FakeClock
from headgate.testing.fakes import FakeSender, MemoryEventStore

HOOK = WebhookPolicy(url="https://example.com/hook", secret_env="HOOK_SECRET", events=("pointer.*",))
ENV = {"HOOK_SECRET": "topsecret"}


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryEventStore(self.clock)
        self.sender = FakeSender()
        self.at = 0

    def happen(self, *kinds: str) -> None:
        news = [NewEvent(kind, "person:ada", "", {}) for kind in kinds]
        self.at = self.store.append("model/a", self.at, news)[-1].sequence

    def tick(self, hook: WebhookPolicy = HOOK, **env: str) -> DeliveryReport:
        return deliver_due(self.store, {"hook": hook}, env or ENV, self.sender, self.clock)

    def kinds(self) -> list[str]:
        return [headers["Headgate-Event"] for _, headers, _, _ in self.sender.got]


def test_a_new_webhook_is_journalled_and_gets_what_happens_from_then_on() -> None:
    world = World()
    world.happen("pointer.moved")
    world.tick()
    world.tick()
    assert [event.body for event in world.store.read(kinds=[ADDED])] == [
        {"name": "hook", "events": ["pointer.*"], "after": 1}
    ]
    assert world.sender.got == []
    world.happen("run.finished", "pointer.moved")
    assert world.tick().webhooks[0].sent == 1
    world.tick()
    assert world.kinds() == ["pointer.moved"]


def test_a_webhook_for_everything_hears_of_itself_first() -> None:
    world = World()
    world.tick(HOOK.model_copy(update={"events": ("*",)}))
    assert world.kinds() == [ADDED]


def test_what_is_sent_is_signed_with_the_secret_of_the_environment() -> None:
    world = World()
    world.tick()
    world.happen("pointer.moved")
    world.tick()
    ((url, headers, body, allow_private),) = world.sender.got
    assert (url, allow_private) == (HOOK.url, False)
    assert holds(headers["Headgate-Signature"], "topsecret", body, world.clock.now())


def test_without_a_secret_nothing_is_sent_or_counted_and_the_report_says_so() -> None:
    world = World()
    world.tick()
    world.happen("pointer.moved")
    report = world.tick(OTHER="x")
    assert report.trouble == ("webhook hook: not sent: HOOK_SECRET holds no secret; set it and run `headgate tick`",)
    assert world.sender.got == []
    assert world.tick().webhooks[0].sent == 1


def test_a_receiver_that_is_down_costs_one_attempt_a_pass_and_then_gets_everything() -> None:
    world = World()
    world.tick()
    world.happen("pointer.1", "pointer.2", "pointer.3")
    world.sender.answer = Sent(503)
    assert world.tick().trouble == ("webhook hook: it answered 503",)
    assert len(world.sender.got) == 1
    world.sender.answer = Sent(200)
    world.clock.advance(timedelta(hours=1))
    assert world.tick().webhooks[0].sent == 3
    assert world.kinds() == ["pointer.1", "pointer.1", "pointer.2", "pointer.3"]
    assert len({headers["Headgate-Delivery"] for _, headers, _, _ in world.sender.got}) == 3


def test_no_delivery_is_tried_for_ever() -> None:
    """Liveness: after so many passes nothing is pending, and what was given up is shown."""
    world = World()
    world.tick()
    world.happen("pointer.moved")
    world.sender.answer = Sent(None, "no answer within 10 s")
    reports = []
    for _ in range(TRIES + 5):
        reports.append(world.tick().webhooks[0])
        world.clock.advance(timedelta(hours=2))
    assert len(world.sender.got) == TRIES
    assert sum(report.dead for report in reports) == 1
    (standing,) = world.store.outbox.standings()
    assert (standing.pending, standing.dead) == (0, 1)
    assert standing.why == f"given up after {TRIES} attempts: no answer within 10 s"


def test_an_event_that_cannot_be_written_is_given_up_in_the_end_and_keeps_no_other_waiting() -> None:
    world = World()

    def write(one: Delivery, _before: Sequence[Event]) -> bytes:
        return payload(one) if one.event.kind == "pointer.2" else bytes(str(one.event.body["to"]), "ascii")

    forms = {"json": Form(write)}
    world.tick()
    world.happen("pointer.1", "pointer.2")
    reports = []
    for _ in range(TRIES + 2):
        reports.append(deliver_due(world.store, {"hook": HOOK}, ENV, world.sender, world.clock, forms).webhooks[0])
        world.clock.advance(timedelta(hours=2))
    assert world.kinds() == ["pointer.2"]
    assert "its message cannot be written: a fault of Headgate: KeyError: 'to'" in reports[0].trouble
    assert sum(one.dead for one in reports) == 1


def test_a_url_that_is_a_secret_comes_from_the_environment() -> None:
    world = World()
    hook = WebhookPolicy(url_env="HOOK_URL", secret_env="HOOK_SECRET", events=("pointer.*",))
    (report,) = deliver_due(world.store, {"hook": hook}, ENV, world.sender, world.clock).webhooks
    assert report.trouble == "not sent: HOOK_URL holds no URL; set it and run `headgate tick`"
    world.happen("pointer.moved")
    env = {**ENV, "HOOK_URL": "https://chat.example.com/T0/secret"}
    deliver_due(world.store, {"hook": hook}, env, world.sender, world.clock)
    assert [url for url, _, _, _ in world.sender.got] == ["https://chat.example.com/T0/secret"]


def test_each_webhook_is_on_its_own() -> None:
    world = World()
    hooks = {"deaf": HOOK.model_copy(update={"secret_env": "NONE"}), "hook": HOOK}
    for _ in range(2):
        report = deliver_due(world.store, hooks, ENV, world.sender, world.clock)
        world.happen("pointer.moved")
    assert [each.webhook for each in report.webhooks] == ["deaf", "hook"]
    assert [each.sent for each in report.webhooks] == [0, 1]
