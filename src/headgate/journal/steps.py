"""Deliver what is due to the webhooks: the only place where the journal's decisions meet a network.

Any number of processes may do this at once; a lease gives each delivery to one of them. At least once: a process that
dies between sending and settling leaves the delivery to the next one, under the same id.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from headgate.base.clock import Clock
from headgate.base.digest import Json
from headgate.base.errors import Conflict, fault
from headgate.journal.event import Event, NewEvent
from headgate.journal.outbox import FORMS, Form, headers, settle
from headgate.journal.ports import Delivery, Document, EventStore, Sender, Sent, Settled, Webhook

COLLECTION, STREAM, ADDED = "webhook", "project", "webhook.added"
LEASE = timedelta(minutes=2)  # far longer than a sender may take
AT_MOST, BUDGET = 200, timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one pass did for one webhook.

    Attributes:
        sent, failed, dead: How many deliveries came to this.
        trouble: What a person should look at; empty: nothing.
    """

    webhook: str
    sent: int = 0
    failed: int = 0
    dead: int = 0
    trouble: str = ""

    def after(self, outcome: Settled) -> "Delivered":
        """Return this with one more outcome counted."""
        match outcome.state:
            case "done":
                return replace(self, sent=self.sent + 1)
            case "pending":
                return replace(self, failed=self.failed + 1, trouble=outcome.why)
            case "dead":
                return replace(self, dead=self.dead + 1, trouble=outcome.why)


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What one pass did."""

    webhooks: tuple[Delivered, ...]

    @property
    def trouble(self) -> tuple[str, ...]:
        """What a person should look at, a line each."""
        return tuple(f"webhook {each.webhook}: {each.trouble}" for each in self.webhooks if each.trouble)


def deliver_due(
    store: EventStore,
    webhooks: Mapping[str, Webhook],
    env: Mapping[str, str],
    sender: Sender,
    clock: Clock,
    forms: Mapping[str, Form] = FORMS,
) -> DeliveryReport:
    """Send every delivery that is due, in order, and settle each; bounded in time.

    A webhook that is new in the policy starts at the journal's present end; `replay` sends what lies before. After a
    failure the webhook's other deliveries wait for the next pass: a receiver that is down costs one attempt a pass.
    What is no message in the webhook's form is settled without being sent.
    """
    every = sorted(webhooks.items())
    return DeliveryReport(
        tuple(_deliver(store, name, one, env, sender, clock, forms.get(one.format)) for name, one in every)
    )


@dataclass(frozen=True, slots=True)
class _Post:
    """Posts a webhook's messages."""

    url: str
    secret: str
    sender: Sender
    allow_private: bool

    def __call__(self, delivery: Delivery, body: bytes, now: datetime) -> Sent:
        signed = headers(delivery, self.secret, body, now)
        return self.sender.send(self.url, signed, body, allow_private=self.allow_private)


def _deliver(
    store: EventStore,
    name: str,
    webhook: Webhook,
    env: Mapping[str, str],
    sender: Sender,
    clock: Clock,
    form: Form | None,
) -> Delivered:
    start = _start(store, name, webhook)
    while store.outbox.fill(name, webhook.events, start, clock.now()):
        pass
    report, secret, until = Delivered(name), env.get(webhook.secret_env, ""), clock.now() + BUDGET
    url = webhook.url or env.get(webhook.url_env, "")
    if form is None:
        return replace(report, trouble=f"not sent: nothing here writes messages in the form {webhook.format}")
    unset = f"{webhook.secret_env} holds no secret" if not secret else f"{webhook.url_env} holds no URL"
    if not secret or not url:
        return replace(report, trouble=f"not sent: {unset}; set it and run `headgate tick`")
    post = _Post(url, secret, sender, webhook.allow_private)
    for _ in range(AT_MOST):
        now = clock.now()
        delivery = store.outbox.claim(name, now, secrets.token_hex(8), now + LEASE) if now < until else None
        if delivery is None:
            return report
        outcome = _attempt(store, delivery, form, post, clock)
        if outcome is None:
            store.outbox.settle(delivery, Settled("done", now, ""))
            continue
        if store.outbox.settle(delivery, outcome):
            report = report.after(outcome)
        if outcome.state != "done":
            return report
    return report


def _attempt(store: EventStore, delivery: Delivery, form: Form, post: "_Post", clock: Clock) -> Settled | None:
    """Send a delivery; None: it is no message. One that cannot be written is an attempt like any other, and ends so."""
    before = _before(store, delivery.event, form)
    try:
        body = form.write(delivery, before)
    except Exception as error:  # noqa: BLE001 - an event that this form cannot tell must not keep the others waiting
        return settle(delivery, Sent(None, f"its message cannot be written: {fault(error)}"), clock.now())
    return None if body is None else settle(delivery, post(delivery, body, clock.now()), clock.now())


def _before(store: EventStore, event: Event, form: Form) -> list[Event]:
    """Return the earlier events of the stream that a form needs, in order."""
    found = list[Event]()
    for kind, reach in form.beside.items():
        after = max(0, event.position - reach) if reach else 0
        found += store.read(event.stream, after=after, kinds=(kind,))
    return sorted((one for one in found if one.position < event.position), key=lambda one: one.position)


def _start(store: EventStore, name: str, webhook: Webhook) -> int:
    """Return the position after which a webhook gets events; a new one is journalled, and gets that event first."""
    while True:
        for document in store.documents(COLLECTION):
            if document.key == name and isinstance(document.body, dict):
                return int(str(document.body["after"]))
        last = store.last()
        after = last.position if last else 0
        sequence = max((event.sequence for event in store.read(STREAM)), default=0)
        body: dict[str, Json] = {"name": name, "events": list(webhook.events), "after": after}
        added = NewEvent(ADDED, "process:tick", "new in the policy", body)
        try:
            store.append(STREAM, sequence, [added], [Document(COLLECTION, name, 1, {"after": after})])
        except Conflict:
            continue  # somebody recorded something meanwhile, perhaps this: look again
        return after
